# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""Envoy as our client and as our server: traffic in both directions, and wrong identities refused on each side."""

import os
import socket
import threading

import envoy
import pytest
from mesh import hbone
from mesh.serving import assert_refused, echo, exchange, peer_address, receive_all, receive_line
from mesh.topology import client_and_server
from mesh.waiting import eventually

LISTEN, APPLICATION = 9000, 8080
BULK = 64_000_000


def host_port(address, port):
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def loopback(world):
    return "127.0.0.1" if 4 in world.families else "::1"


def carries_both_ways(connection):
    """An echo of much more than every window, read and written at once, ended by FIN in both directions."""
    data = os.urandom(1 << 20) * (BULK >> 20)
    connection.settimeout(60)
    writer = threading.Thread(target=lambda: (connection.sendall(data), connection.shutdown(socket.SHUT_WR)))
    writer.start()
    assert receive_all(connection) == data
    writer.join()


@pytest.fixture
def mesh(each_family):
    """Our client and server on their nodes, and a pod of the mesh where Envoy is the tunnel."""
    client, server = client_and_server(each_family)
    server.serve(APPLICATION)
    peer = each_family.pod("envoy", each_family.node("foreign", tunnel=False))
    eventually(lambda: peer.ip in client.node.tunnel.ask("workloads").stdout)
    return each_family, client, server, peer


def envoy_client(mesh, own_id=None, expected=None):
    world, client, server, peer = mesh
    envoy.start(world, peer, "client.yaml", LISTEN, world.authority().issue(own_id or peer.spiffe_id), listen=LISTEN,
                authority=host_port(server.ip, APPLICATION), server=server.ip, peer_id=expected or server.spiffe_id)
    return peer.connect(loopback(world), LISTEN)


def envoy_server(mesh, own_id=None, expected=None):
    world, client, server, peer = mesh
    peer.serve(APPLICATION, echo)
    return envoy.start(world, peer, "server.yaml", 15008, world.authority().issue(own_id or peer.spiffe_id),
                       application=APPLICATION, peer_id=expected or client.spiffe_id)


def test_envoy_as_client_of_our_server(mesh):
    world, client, server, peer = mesh
    exchange(envoy_client(mesh))
    carries_both_ways(peer.connect(loopback(world), LISTEN))
    entry = server.node.tunnel.wait_access(direction="inbound")
    assert entry["src.identity"] == peer.spiffe_id


def test_many_connections_of_envoy_at_once(mesh):
    world, client, server, peer = mesh
    envoy_client(mesh).close()
    connections = [peer.connect(loopback(world), LISTEN) for _ in range(150)]
    for number, connection in enumerate(connections):
        exchange(connection, b"connection %d" % number)


def test_our_server_keeps_envoys_address_for_the_application(mesh):
    world, client, server, peer = mesh
    server.serve(8081, peer_address)
    envoy.start(world, peer, "client.yaml", LISTEN, world.authority().issue(peer.spiffe_id), listen=LISTEN,
                authority=host_port(server.ip, 8081), server=server.ip, peer_id=server.spiffe_id)
    assert receive_line(peer.connect(loopback(world), LISTEN)) == peer.ip


def test_our_server_refuses_an_envoy_of_another_trust_domain(mesh):
    assert_refused(envoy_client(mesh, own_id="spiffe://other.example/ns/default/sa/envoy"))
    eventually(lambda: mesh[2].node.tunnel.metrics().total("ambit_refusals_total", reason="certificate_rejected"))


def test_envoy_refuses_our_server_when_it_expects_another_identity(mesh):
    assert_refused(envoy_client(mesh, expected="spiffe://cluster.local/ns/default/sa/someone-else"))


def test_envoy_as_server_of_our_client(mesh):
    world, client, server, peer = mesh
    process = envoy_server(mesh)
    exchange(client.connect(peer, APPLICATION))
    carries_both_ways(client.connect(peer, APPLICATION))
    line = eventually(lambda: [line for line in process.text().splitlines() if line.startswith("CONNECT")])[0]
    assert f"authority={host_port(peer.ip, APPLICATION)} peer={client.spiffe_id} " in line
    assert "k8s.namespace.name=default" in line and "traceparent=00-" in line and "status=200" in line


def test_many_connections_to_envoy_at_once(mesh):
    world, client, server, peer = mesh
    envoy_server(mesh)
    connections = [client.connect(peer, APPLICATION) for _ in range(150)]
    for number, connection in enumerate(connections):
        exchange(connection, b"connection %d" % number)


def test_our_client_refuses_an_envoy_with_another_identity(mesh):
    world, client, server, peer = mesh
    envoy_server(mesh, own_id="spiffe://cluster.local/ns/default/sa/imposter")
    client.assert_refused(peer, APPLICATION)
    client.node.tunnel.wait_total(1, "ambit_refusals_total", reason="identity_mismatch")


def test_envoy_refuses_our_client_when_it_expects_another_identity(mesh):
    world, client, server, peer = mesh
    envoy_server(mesh, expected="spiffe://cluster.local/ns/default/sa/someone-else")
    client.assert_refused(peer, APPLICATION)
    assert client.node.tunnel.wait_access(direction="outbound", dst__workload="envoy")["error"]


def test_envoy_and_the_python_peer_of_the_end_to_end_tests_agree(each_family):
    """The peer that stands for foreign implementations in Tests/EndToEnd speaks what Envoy speaks."""
    world = each_family
    node = world.node("node1", tunnel=False)
    ours, peer = world.pod("ours", node), world.pod("envoy", node)
    authority = world.other_authority()
    mine, envoys = authority.issue(ours.spiffe_id), authority.issue(peer.spiffe_id)
    peer.serve(APPLICATION)
    envoy.start(world, peer, "server.yaml", 15008, envoys, application=APPLICATION, peer_id=ours.spiffe_id)
    stream = hbone.dial(ours, peer, mine).request(host_port(peer.ip, APPLICATION))
    assert stream.status == 200
    exchange(stream.socket)

    terminator = hbone.Terminator(ours, mine, echo)
    envoy.start(world, peer, "client.yaml", LISTEN, envoys, listen=LISTEN, authority=host_port(ours.ip, APPLICATION),
                server=ours.ip, peer_id=ours.spiffe_id)
    carries_both_ways(peer.connect(loopback(world), LISTEN))
    assert terminator.requests[0].peer_id == peer.spiffe_id
