# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""Which pods are captured, live changes of that, what is excluded, and that leaving leaves nothing."""

import pytest
from mesh.serving import exchange, is_open
from mesh.topology import client_and_server
from mesh.waiting import always, eventually

EXCLUDE = "ambit.dev/exclude-{direction}-{what}"


def test_live_enrolment_captures_without_restart_and_leaving_leaves_no_trace(each_family):
    client, server = client_and_server(each_family, client_in_mesh=False, server_in_mesh=False)
    server.serve(8080)
    before = {pod: pod.trace() for pod in (client, server)}
    old = client.connect(server, 8080)
    exchange(old)

    each_family.namespace("plain", ambient=True)
    for pod in client, server:
        pod.wait_captured(within=1)
    eventually(lambda: encrypted(client, server), within=2)
    exchange(old)  # what was there before the label stays as it was

    each_family.namespace("plain", ambient=False)
    for pod in client, server:
        pod.wait_captured(False)
        eventually(lambda: pod.trace() == before[pod], message=lambda: f"{pod.trace()}\n--- before:\n{before[pod]}")
    seen = len(server.node.tunnel.access())
    with client.connect(server, 8080) as connection:
        exchange(connection)
    exchange(old)
    assert len(server.node.tunnel.access()) == seen


def encrypted(client, server):
    with client.connect(server, 8080) as connection:
        exchange(connection)
    return server.node.tunnel.access(direction="inbound", src__identity=client.spiffe_id)


def test_leaving_drains_what_is_established(world):
    client, server = client_and_server(world)
    server.serve(8080)
    connection = client.connect(server, 8080)
    exchange(connection)
    client.labels["istio.io/dataplane-mode"] = "none"
    client.apply()
    eventually(lambda: "redirect to" not in client.trace())  # nothing new is captured
    exchange(connection)  # drained, not cut
    connection.close()
    client.wait_captured(False)
    eventually(lambda: ":15001" not in client.trace())


@pytest.mark.parametrize("namespace, label, captured", [
    ("default", None, True),
    ("default", "none", False),  # the pod wins
    ("plain", "ambient", True),
    ("plain", None, False),
    ("plain", "none", False),
])
def test_the_pods_label_wins_over_its_namespaces(world, namespace, label, captured):
    client, _ = client_and_server(world)
    pod = world.pod("pod", client.node, namespace, labels={"istio.io/dataplane-mode": label} if label else None)
    if captured:
        pod.wait_captured()
    else:
        marker = world.pod("marker", client.node)
        marker.wait_captured()  # the folder has been read
        always(lambda: not pod.is_captured(), during=0.3)


def test_host_network_pods_are_never_captured(world):
    world.namespace()
    node = world.node("node1")
    world.pod("agent", node, host_network=True)
    marker = world.pod("marker", node)
    before = node.netns.run("nft", "list", "ruleset").stdout
    world.start()
    marker.wait_captured()
    assert node.netns.run("nft", "list", "ruleset").stdout == before


def test_pods_of_other_nodes_are_left_to_their_tunnels(world):
    world.namespace()
    node1, node2 = world.node("node1"), world.node("node2")
    mine, other = world.pod("mine", node1), world.pod("other", node2)
    node1.tunnel.start()
    mine.wait_captured()
    always(lambda: not other.is_captured(), during=0.3)


def test_rules_are_one_table_and_applying_them_again_changes_nothing(world):
    client, _ = client_and_server(world)
    tables = client.netns.run("nft", "list", "tables").stdout.split("\n")
    assert [table for table in tables if table] == ["table inet ambit"]
    before = client.trace()
    client.node.tunnel.stop()
    client.node.tunnel.start()
    assert client.trace() == before


def test_a_foreign_table_in_the_pod_is_left_alone(world):
    client, server = client_and_server(world, start=False)
    client.netns.run("nft", "add table inet theirs; add chain inet theirs c { type filter hook output priority 0; }")
    theirs = client.netns.run("nft", "list", "table", "inet", "theirs").stdout
    world.start()
    assert client.netns.run("nft", "list", "table", "inet", "theirs").stdout == theirs
    world.namespace("default", ambient=False)
    client.wait_captured(False)
    assert client.netns.run("nft", "list", "table", "inet", "theirs").stdout == theirs


def test_a_new_pod_is_captured_within_a_second(world):
    client, server = client_and_server(world)
    pod = world.pod("late", client.node)
    pod.wait_captured(within=1)
    server.serve(8080)
    eventually(lambda: encrypted(pod, server), within=2)


def test_a_pod_whose_namespace_is_missing_harms_no_other_and_is_captured_when_it_comes(world):
    client, server = client_and_server(world, start=False)
    server.serve(8080)
    late = world.pod("late", client.node, annotations={"ambit.dev/netns": "/run/netns/ambit-none-such"})
    world.start()
    with client.connect(server, 8080) as connection:
        exchange(connection)
    assert "default/late" in client.node.tunnel.log()
    late.annotations["ambit.dev/netns"] = late.netns.path
    late.apply()
    late.wait_captured()


@pytest.mark.parametrize("key, value, excluded", [
    (EXCLUDE.format(direction="outbound", what="ports"), "8080", True),
    (EXCLUDE.format(direction="outbound", what="ports"), "1-1000, 8000-8100", True),
    (EXCLUDE.format(direction="outbound", what="ports"), "8081", False),
    (EXCLUDE.format(direction="outbound", what="cidrs"), "{server}", True),
    (EXCLUDE.format(direction="outbound", what="cidrs"), "192.0.2.0/24", False),
])
def test_excluded_outbound_traffic_is_not_captured(each_family, key, value, excluded):
    world = each_family
    client, server = client_and_server(world, start=False)
    client.annotations[key] = value.format(server=server.ip)
    client.apply()
    server.serve(8080)
    world.start()
    with client.connect(server, 8080) as connection:
        exchange(connection)
    entry = server.node.tunnel.wait_access(direction="inbound")
    assert ("src.identity" not in entry) == excluded
    assert bool(client.node.tunnel.access(direction="outbound")) != excluded


@pytest.mark.parametrize("key, value, excluded", [
    (EXCLUDE.format(direction="inbound", what="ports"), "8080", True),
    (EXCLUDE.format(direction="inbound", what="ports"), "8081", False),
    (EXCLUDE.format(direction="inbound", what="cidrs"), "{outside}", True),
    (EXCLUDE.format(direction="inbound", what="cidrs"), "192.0.2.0/24", False),
])
def test_excluded_inbound_traffic_is_not_captured(each_family, key, value, excluded):
    world = each_family
    client, server = client_and_server(world, start=False)
    outside = world.host("outside")
    server.annotations[key] = value.format(outside=outside.ip)
    server.apply()
    server.serve(8080)
    world.start()
    with outside.connect(server, 8080) as connection:
        exchange(connection)
    if excluded:
        assert server.node.tunnel.access(direction="inbound") == []
    else:
        server.node.tunnel.wait_access(direction="inbound")


def test_exclusions_change_live(world):
    client, server = client_and_server(world)
    server.serve(8080)
    eventually(lambda: encrypted(client, server))
    held = client.connect(server, 8080)
    exchange(held)
    client.annotations[EXCLUDE.format(direction="outbound", what="ports")] = "8080"
    client.apply()

    def bypasses():
        before = len(client.node.tunnel.access(direction="outbound"))
        with client.connect(server, 8080) as connection:
            exchange(connection)
        return is_open(held, 0.2) and len(client.node.tunnel.access(direction="outbound")) == before

    eventually(bypasses, within=2)


def test_exclusions_beyond_the_limit_are_warned_of_and_stay_captured(world):
    client, server = client_and_server(world, start=False)
    ports = [str(port) for port in range(20001, 24001, 2)]
    server.annotations[EXCLUDE.format(direction="inbound", what="ports")] = ",".join([*ports, "8080"])
    server.apply()
    server.serve(8080)
    world.start()
    eventually(lambda: "exclusions of a pod are too many" in server.node.tunnel.log())
    with client.connect(server, 8080) as connection:
        exchange(connection)
    server.node.tunnel.wait_access(direction="inbound")


def test_a_pod_that_bypasses_inbound_capture_is_reached_in_plaintext_and_still_captured_outbound(each_family):
    client, server = client_and_server(each_family, client_in_mesh=False, start=False)
    server.annotations["ambient.istio.io/bypass-inbound-capture"] = "true"
    server.apply()
    server.serve(8080)
    each_family.start()
    with client.connect(server, 8080) as connection:
        exchange(connection)
    assert server.node.tunnel.access(direction="inbound") == []
    client.serve(8081)
    with server.connect(client, 8081) as connection:
        exchange(connection)
    assert server.node.tunnel.wait_access(direction="outbound")["src.workload"] == "server"
