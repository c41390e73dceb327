# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""The folder: what is written applies within a second, what cannot be read changes nothing, and says where it is."""

import json
import re
import time

import pytest
from mesh import yaml
from mesh.manifests import authorization_policy
from mesh.serving import exchange, receive_line, say
from mesh.topology import client_and_server
from mesh.waiting import always, eventually

DENY_ALL = authorization_policy("deny-all", "default", "DENY", [{}])
DENY_FILE = "authorizationpolicy-default-deny-all.yaml"


@pytest.fixture
def mesh(world):
    client, server = client_and_server(world)
    server.serve(8080)
    return world, client, server


def test_a_change_applies_within_a_second(mesh):
    world, client, server = mesh
    world.folder.apply(DENY_ALL)
    eventually(lambda: client.is_refused(server, 8080), within=1)
    world.folder.delete(DENY_ALL)
    eventually(lambda: not client.is_refused(server, 8080), within=1)


@pytest.mark.parametrize("broken", [
    "kind: AuthorizationPolicy\n\tspec: {",  # no YAML
    "kind: [unclosed",
    "a: &a [*a, *a]\n" * 3,
    "\xff\xfe\x00",
], ids=["tab", "unclosed", "alias", "bytes"])
def test_a_broken_file_keeps_its_last_good_version(mesh, broken):
    world, client, server = mesh
    world.folder.apply(DENY_ALL)
    eventually(lambda: client.is_refused(server, 8080), within=1)
    world.folder.write(DENY_FILE, broken)
    eventually(lambda: DENY_FILE in server.node.tunnel.log(), within=2)
    always(lambda: client.is_refused(server, 8080), during=1)


def test_a_broken_file_is_reported_once_with_file_and_line(mesh):
    world, client, server = mesh
    world.folder.write("broken.yaml", "apiVersion: v1\nkind: Pod\nmetadata:\n  name: [oops\n")
    eventually(lambda: "broken.yaml" in server.node.tunnel.log(), within=2)
    world.folder.apply(DENY_ALL)  # reading the folder again must not repeat it
    eventually(lambda: client.is_refused(server, 8080), within=1)
    lines = [line for line in server.node.tunnel.log().splitlines() if "broken.yaml" in line]
    assert len(lines) == 1, lines
    assert re.search(r"broken\.yaml:[45]\b", lines[0])


def test_age_and_errors_of_the_configuration_are_measured(mesh):
    world, client, server = mesh
    tunnel = server.node.tunnel
    value = lambda name: tunnel.metrics().total(f"ambit_config_{name}")
    updates = value("updates_total")
    assert value("errors") == 0 and 0 <= value("age_seconds") < 60
    world.folder.write(DENY_FILE, "kind: [unclosed")
    tunnel.wait_total(1, "ambit_config_errors")
    world.folder.apply(DENY_ALL)
    tunnel.wait_total(0, "ambit_config_errors")
    assert value("updates_total") > updates
    assert abs(time.time() - value("last_update_timestamp_seconds")) < 60


def test_an_unknown_field_is_a_warning_with_its_path(mesh):
    world, client, server = mesh
    policy = authorization_policy("odd", "default", "DENY", [{"from": [{"source": {"colour": ["red"]}}]}])
    world.folder.apply(policy)
    line = eventually(lambda: [line for line in server.node.tunnel.log().splitlines() if "colour" in line], within=2)[0]
    assert "authorizationpolicy-default-odd.yaml" in line and "spec.rules[0].from[0].source.colour" in line


def test_a_broken_object_at_the_start_that_is_no_policy_does_not_keep_the_others_from_serving(world):
    """What may hide a policy ends the start: test_startup."""
    client, server = client_and_server(world, start=False)
    world.folder.write("broken.yaml", "{apiVersion: v1, kind: Service, metadata: {name: broken}, spec: {ports: 1}}")
    server.serve(8080)
    world.start()
    with client.connect(server, 8080) as connection:
        exchange(connection)


def test_several_objects_in_one_file_written_in_place(mesh):
    """`cp` truncates and writes: what is seen half-way must not open what the whole forbids."""
    world, client, server = mesh
    text = yaml.dump_all([DENY_ALL, authorization_policy("other", "plain", "DENY", [{}])])
    world.folder.write_in_place("policies.yaml", text)
    eventually(lambda: client.is_refused(server, 8080), within=1)


def test_json_and_flow_style_are_read_like_block_style(mesh):
    world, client, server = mesh
    world.folder.write("policy.json", json.dumps(DENY_ALL))
    eventually(lambda: client.is_refused(server, 8080), within=1)
    world.folder.remove("policy.json")
    eventually(lambda: not client.is_refused(server, 8080), within=1)
    world.folder.write("policy.yml", "{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, "
                       "metadata: {name: deny-all, namespace: default}, spec: {action: DENY, rules: [{}]}} # flow\n")
    eventually(lambda: client.is_refused(server, 8080), within=1)


def test_a_kubernetes_list_is_read_as_its_items(mesh):
    world, client, server = mesh
    world.folder.write("list.yaml", yaml.dump({"apiVersion": "v1", "kind": "List", "items": [DENY_ALL]}))
    eventually(lambda: client.is_refused(server, 8080), within=1)


def test_unaffected_connections_do_not_notice_changes(mesh):
    world, client, server = mesh
    connection = client.connect(server, 8080)
    exchange(connection)
    for number in range(20):
        world.pod(f"more-{number}", client.node, "plain")
        world.service(f"service-{number}")
        exchange(connection)
    server.labels["version"] = "v2"
    server.apply()
    eventually(lambda: "more-19" in client.node.tunnel.ask("workloads").stdout)
    exchange(connection)
    assert client.node.tunnel.access(direction="outbound") == []  # not one connection was closed


def test_an_address_that_moves_to_another_pod_goes_with_its_identity(mesh):
    """A re-used pod address: connections after the change expect the new identity, never the old."""
    world, client, server = mesh
    with client.connect(server, 8080) as connection:
        exchange(connection)
    server.remove()
    server.name, server.service_account = "successor", "successor"
    server.apply()

    def new_identity():
        with client.connect(server, 8080) as connection:
            exchange(connection)
        return client.node.tunnel.access(direction="outbound", dst__identity=server.spiffe_id)

    eventually(new_identity)
    assert not client.is_refused(server, 8080)


def test_a_symbolic_link_is_followed_as_a_mounted_config_map_has_it(world):
    """Kubernetes swaps `..data`: entries are links into a folder that is replaced as a whole."""
    client, server = client_and_server(world)
    server.serve(8080)
    folder = world.folder.path
    for version, manifests in ("1", [authorization_policy("x", "plain", "DENY", [{}])]), ("2", [DENY_ALL]):
        (folder / f"..{version}").mkdir()
        (folder / f"..{version}" / "mounted.yaml").write_text(yaml.dump_all(manifests))
    (folder / "..data").symlink_to("..1")
    (folder / "mounted.yaml").symlink_to("..data/mounted.yaml")
    always(lambda: not client.is_refused(server, 8080), during=0.5)
    (folder / "..next").symlink_to("..2")
    (folder / "..next").rename(folder / "..data")
    eventually(lambda: client.is_refused(server, 8080), within=2)


def test_a_service_that_moves_its_address_is_followed(mesh):
    world, client, server = mesh
    server.serve(8082, say("service"))
    service = world.service("server", ports={80: 8082})

    def answers():
        with client.connect(service, 80, timeout=0.5) as connection:
            return receive_line(connection) == "service"

    eventually(answers, within=2)
    world.folder.delete(service.manifest)
    eventually(lambda: "server.default.svc" not in client.node.tunnel.ask("services").stdout, within=2)
