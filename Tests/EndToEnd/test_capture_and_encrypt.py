# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""Who is carried how: in the mesh or not, on one node or two, as the applications and the wire see it."""

import pytest
from mesh.serving import exchange
from mesh.topology import client_and_server
from mesh.waiting import eventually
from mesh.wires import PROBE_ADDRESS

SECRET = b"nobody on the wire may read this"


def assert_encrypted(segments):
    """HBONE and nothing else, and the payload in none of it."""
    assert segments, "nothing was captured"
    assert not any(SECRET in segment.payload for segment in segments)
    assert all(15008 in (segment.source_port, segment.destination_port) for segment in segments)


def assert_plaintext(segments, port):
    assert any(SECRET in segment.payload for segment in segments)
    assert all(port in (segment.source_port, segment.destination_port) for segment in segments)


@pytest.mark.parametrize("same_node", [True, False], ids=["local", "cross-node"])
def test_captured_to_captured_is_mutual_tls_on_the_wire(each_family, same_node):
    client, server = client_and_server(each_family, same_node)
    server.serve(8080)
    # Within a node nothing crosses the fabric: look at the client's own wire.
    capture = each_family.capture(client.netns, "eth0") if same_node else each_family.capture()
    with client.connect(server, 8080) as connection:
        exchange(connection, SECRET)
    for tunnel, direction in (client.node.tunnel, "outbound"), (server.node.tunnel, "inbound"):
        entry = tunnel.wait_access(direction=direction, src__workload="client", dst__workload="server")
        assert entry["src.identity"] == client.spiffe_id
        assert entry["dst.identity"] == server.spiffe_id
        assert entry["dst.hbone_addr"] in (f"{server.ip}:8080", f"[{server.ip}]:8080")
    assert_encrypted(capture.segments())


@pytest.mark.parametrize("same_node", [True, False], ids=["local", "cross-node"])
def test_both_ends_count_a_captured_connection_once_as_mutual_tls(world, same_node):
    client, server = client_and_server(world, same_node)
    server.serve(8080)
    with client.connect(server, 8080) as connection:
        exchange(connection)
    for tunnel, reporter in (client.node.tunnel, "source"), (server.node.tunnel, "destination"):
        labels = {"reporter": reporter, "source_workload": "client", "destination_workload": "server"}
        tunnel.wait_total(1, "istio_tcp_connections_closed_total", **labels)
        opened, = tunnel.metrics().select("istio_tcp_connections_opened_total", **labels)
        assert opened.value == 1
        assert opened.labels["connection_security_policy"] == "mutual_tls"
        assert opened.labels["source_principal"] == client.spiffe_id
        assert opened.labels["destination_principal"] == server.spiffe_id


def test_server_uncaptured_is_reached_in_plaintext(each_family):
    client, server = client_and_server(each_family, server_in_mesh=False)
    server.serve(8080)
    capture = each_family.capture()
    with client.connect(server, 8080) as connection:
        exchange(connection, SECRET)
    assert_plaintext(capture.segments(), 8080)
    entry = client.node.tunnel.wait_access(direction="outbound", dst__workload="server")
    assert entry["src.workload"] == "client" and "src.identity" not in entry
    client.node.tunnel.wait_total(1, "istio_tcp_connections_closed_total", destination_workload="server")
    sample, = client.node.tunnel.metrics().select("istio_tcp_connections_opened_total", destination_workload="server")
    assert sample.labels["connection_security_policy"] == "unknown"
    assert not server.is_captured()


def test_client_uncaptured_reaches_a_captured_server_in_plaintext(each_family):
    client, server = client_and_server(each_family, client_in_mesh=False)
    server.serve(8080)
    capture = each_family.capture()
    with client.connect(server, 8080) as connection:
        exchange(connection, SECRET)
    assert_plaintext(capture.segments(), 8080)
    entry = server.node.tunnel.wait_access(direction="inbound", dst__workload="server")
    assert entry["src.workload"] == "client" and "src.identity" not in entry
    assert not client.is_captured()


def test_neither_captured_is_left_alone(world):
    client, server = client_and_server(world, client_in_mesh=False, server_in_mesh=False)
    server.serve(8080)
    with client.connect(server, 8080) as connection:
        exchange(connection)
    assert client.node.tunnel.access() == [] and server.node.tunnel.access() == []


def test_an_address_outside_the_mesh_is_passed_through(each_family):
    client, _ = client_and_server(each_family)
    outside = each_family.host("outside")
    outside.serve(443)
    with client.connect(outside, 443) as connection:
        exchange(connection)
    entry = client.node.tunnel.wait_access(direction="outbound")
    assert entry["dst.addr"] in (f"{outside.ip}:443", f"[{outside.ip}]:443")
    assert "dst.workload" not in entry


def test_a_host_outside_the_mesh_reaches_a_captured_pod(each_family):
    _, server = client_and_server(each_family)
    server.serve(8080)
    with each_family.host("outside").connect(server, 8080) as connection:
        exchange(connection)
    entry = server.node.tunnel.wait_access(direction="inbound")
    assert "src.workload" not in entry and "src.identity" not in entry


def test_a_pod_that_calls_itself_is_not_captured(each_family):
    client, _ = client_and_server(each_family)
    client.serve(8080)
    for address in client.ip, "::1" if 6 in each_family.families else "127.0.0.1":
        with client.connect(address, 8080) as connection:
            exchange(connection)
    assert client.node.tunnel.access() == []


def test_a_dual_stack_pod_is_reached_by_either_address(world):
    client, server = client_and_server(world)
    server.serve(8080)
    for family in 4, 6:
        with client.connect(server.addresses[family], 8080) as connection:
            exchange(connection)
    eventually(lambda: len(server.node.tunnel.access(direction="inbound", src__identity=client.spiffe_id)) == 2)


def test_a_refused_port_is_seen_as_a_closed_connection_and_counted(each_family):
    client, server = client_and_server(each_family)
    client.assert_refused(server, 9)
    entry = client.node.tunnel.wait_access(direction="outbound", dst__workload="server")
    assert "503" in entry["error"]
    server.node.tunnel.wait_total(1, "ambit_refusals_total", reason="connect_refused")


def test_probes_of_the_node_reach_a_captured_pod_uncounted(each_family):
    _, server = client_and_server(each_family)
    server.serve(8080)
    family, = each_family.families
    with server.node.netns.connect(server.ip, 8080, source=PROBE_ADDRESS[family]) as connection:
        exchange(connection)
    assert server.node.tunnel.access() == []
