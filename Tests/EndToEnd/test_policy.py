# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""AuthorizationPolicy at L4: what is refused, what the client and the operator see, and what a change cuts."""

import pytest
from mesh import hbone
from mesh.manifests import authorization_policy, peer_authentication
from mesh.serving import exchange, is_open, wait_closed
from mesh.topology import client_and_server
from mesh.waiting import eventually

#: design: "closes the connections that are no longer allowed, within a second".
WITHIN_A_SECOND = 1.0


def principals(*pods):
    return [{"from": [{"source": {"principals": [pod.principal for pod in pods]}}]}]


def ports(*numbers):
    return [{"to": [{"operation": {"ports": [str(number) for number in numbers]}}]}]


@pytest.fixture
def mesh(world):
    client, server = client_and_server(world, start=False)
    other = world.pod("other", client.node)
    server.serve(8080)
    server.serve(8081)
    return world, client, other, server


def test_policy_deny_is_seen_by_client_wire_log_and_metric(mesh):
    world, client, other, server = mesh
    world.folder.apply(authorization_policy("deny-client", "default", "DENY", principals(client), {"app": "server"}))
    world.start()
    client.assert_refused(server, 8080)
    exchange(other.connect(server, 8080))
    entry = server.node.tunnel.wait_access(direction="inbound", src__workload="client")
    assert "explicitly denied by: default/deny-client" in entry["error"]
    assert "401" in client.node.tunnel.wait_access(direction="outbound", src__workload="client")["error"]
    tunnel = server.node.tunnel
    tunnel.wait_total(1, "istio_tcp_connections_failed_total", response_flags="DENY", source_workload="client")
    tunnel.wait_total(1, "ambit_refusals_total", reason="policy_denied")
    tunnel.wait_total(1, "ambit_policy_decisions_total", policy="deny-client", policy_namespace="default",
                      decision="deny")


def test_a_denied_connect_is_answered_401_and_its_connection_lives_on(mesh):
    world, client, other, server = mesh
    world.folder.apply(authorization_policy("deny-8081", "default", "DENY", ports(8081)))
    world.start()
    connection = hbone.dial(world.host("raw"), server, world.authority().issue(other.spiffe_id))
    assert connection.request(f"{server.ip}:8081").status == 401
    allowed = connection.request(f"{server.ip}:8080")
    assert allowed.status == 200
    exchange(allowed.socket)


def test_an_allow_policy_refuses_all_others(mesh):
    world, client, other, server = mesh
    world.folder.apply(authorization_policy("allow-client", "default", "ALLOW", principals(client), {"app": "server"}))
    world.start()
    exchange(client.connect(server, 8080))
    other.assert_refused(server, 8080)
    entry = server.node.tunnel.wait_access(direction="inbound", src__workload="other")
    assert "allow policies exist, but none allowed" in entry["error"]
    # The selector keeps it away from everyone else.
    other.serve(8080)
    exchange(client.connect(other, 8080))


def test_an_allow_policy_without_rules_refuses_everything(mesh):
    world, client, _, server = mesh
    world.folder.apply(authorization_policy("nothing", "default", "ALLOW"))
    world.start()
    client.assert_refused(server, 8080)


def test_a_policy_in_the_root_namespace_holds_everywhere(mesh):
    world, client, _, server = mesh
    world.folder.apply(authorization_policy("deny-8081", "istio-system", "DENY", ports(8081)))
    world.start()
    exchange(client.connect(server, 8080))
    client.assert_refused(server, 8081)


def test_a_policy_of_another_namespace_does_not_hold(mesh):
    world, client, _, server = mesh
    world.folder.apply(authorization_policy("deny-all", "plain", "DENY", [{}]))
    world.start()
    exchange(client.connect(server, 8080))


def test_source_addresses_are_those_of_pods_and_of_strangers(each_family):
    world = each_family
    client, server = client_and_server(world, start=False)
    server.serve(8080)
    stranger = world.host("stranger")
    bits = 128 if ":" in client.ip else 32
    world.folder.apply(authorization_policy("deny-addresses", "default", "DENY", [
        {"from": [{"source": {"ipBlocks": [f"{client.ip}/{bits}", stranger.ip]}}]}], {"app": "server"}))
    world.start()
    client.assert_refused(server, 8080)
    stranger.assert_refused(server, 8080)
    exchange(world.host("another").connect(server, 8080))


def test_plaintext_has_no_identity(mesh):
    world, client, _, server = mesh
    world.folder.apply(authorization_policy("need-identity", "default", "ALLOW", [
        {"from": [{"source": {"principals": ["*"]}}]}]))
    world.start()
    exchange(client.connect(server, 8080))
    world.host("outside").assert_refused(server, 8080)


@pytest.mark.parametrize("action, rule, is_refused", [
    ("ALLOW", {"to": [{"operation": {"methods": ["GET"]}}]}, True),  # an ALLOW rule with HTTP fields never matches
    ("DENY", {"to": [{"operation": {"methods": ["GET"]}}]}, True),  # a DENY rule that holds nothing else denies all
    ("DENY", {"to": [{"operation": {"methods": ["GET"], "ports": ["8080"]}}]}, True),  # the rest is enforced
    ("DENY", {"to": [{"operation": {"methods": ["GET"], "ports": ["9999"]}}]}, False),
])
def test_http_fields_in_a_selector_policy_fail_closed_and_are_reported(mesh, action, rule, is_refused):
    world, client, _, server = mesh
    world.folder.apply(authorization_policy("http", "default", action, [rule], {"app": "server"}))
    world.start()
    assert client.is_refused(server, 8080) == is_refused
    assert "authorizationpolicy-default-http.yaml" in server.node.tunnel.log()


@pytest.mark.parametrize("action", ["ALLOW", "DENY"])
def test_a_policy_that_cannot_be_understood_fails_closed(mesh, action):
    world, client, _, server = mesh
    world.folder.apply(authorization_policy("odd", "default", action, [
        {"from": [{"source": {"ipBlocks": ["10.0.0.0/99"]}}]}], {"app": "server"}))
    world.start()
    client.assert_refused(server, 8080)


def test_a_dry_run_denial_is_reported_and_not_enforced(mesh):
    world, client, _, server = mesh
    world.folder.apply(authorization_policy("trial", "default", "DENY", [{}], annotations={"istio.io/dry-run": "true"}))
    world.start()
    exchange(client.connect(server, 8080))
    server.node.tunnel.wait_total(1, "ambit_policy_decisions_total", policy="trial", decision="dry_run_deny")


# Live changes: each takes a permission away, closes what is no longer allowed, and nothing else.


def assert_closes(change, closed, kept):
    """After the change the first connections are closed in time, and the others still work."""
    change()
    for connection in closed:
        wait_closed(connection, WITHIN_A_SECOND)
    for connection in kept:
        exchange(connection)
        assert is_open(connection)


def established(world, client, other, server):
    """(connections that the change concerns, connections that it does not)."""
    world.start()
    connections = [client.connect(server, 8080), other.connect(server, 8080), client.connect(server, 8081)]
    for connection in connections:
        exchange(connection)
    return connections


def test_policy_change_closes_established_tunnel_and_only_that(mesh):
    world, client, other, server = mesh
    mine, others, other_port = established(world, client, other, server)
    rule = {**principals(client)[0], **ports(8080)[0]}
    assert_closes(
        lambda: world.folder.apply(authorization_policy("deny-late", "default", "DENY", [rule])),
        [mine], [others, other_port])
    entry = server.node.tunnel.wait_access(direction="inbound", src__workload="client")
    assert "policy change" in entry["error"]
    exchange(other_port)  # still the same HBONE connection


def test_a_selector_policy_newly_attached_by_a_label_closes(mesh):
    """ztunnel misses this: the policy does not change, the workload does."""
    world, client, other, server = mesh
    world.folder.apply(authorization_policy("deny-locked", "default", "DENY", principals(client), {"locked": "true"}))
    mine, others, other_port = established(world, client, other, server)
    server.labels["locked"] = "true"
    assert_closes(server.apply, [mine, other_port], [others])


def test_an_edited_policy_closes(mesh):
    world, client, other, server = mesh
    world.folder.apply(authorization_policy("allow", "default", "ALLOW", principals(client, other), {"app": "server"}))
    mine, others, other_port = established(world, client, other, server)
    assert_closes(
        lambda: world.folder.apply(authorization_policy("allow", "default", "ALLOW", principals(other),
                                                               {"app": "server"})),
        [mine, other_port], [others])


def test_strict_newly_in_force_closes_plaintext_and_only_that(mesh):
    world, client, other, server = mesh
    mine, others, other_port = established(world, client, other, server)
    plain = world.host("outside").connect(server, 8080)
    exchange(plain)
    assert_closes(
        lambda: world.folder.apply(peer_authentication("default", "default", "STRICT")),
        [plain], [mine, others, other_port])


def test_a_policy_taken_away_lets_in_again(mesh):
    world, client, _, server = mesh
    policy = authorization_policy("deny-all", "default", "DENY", [{}])
    world.folder.apply(policy)
    world.start()
    client.assert_refused(server, 8080)
    world.folder.delete(policy)
    eventually(lambda: not client.is_refused(server, 8080), within=WITHIN_A_SECOND)
