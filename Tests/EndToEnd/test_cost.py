# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""What traffic costs, counted and not timed: allocations and system calls of a tunnel, or waypoint, per request, connection and MiB."""

import sys
from pathlib import Path

import pytest
from mesh.counting import Counting
from mesh.load import Client
from mesh.waiting import eventually
from mesh.waypoint import Waypoint, http_service
from mesh.serving import discard, echo, exchange, receive_exactly

MIB = 1 << 20


@pytest.fixture
def client(world):
    """A pod whose tunnel is counted, and a server on another node that echoes at 8080 and discards at 9090."""
    world.namespace()
    node1, node2 = world.node("node1"), world.node("node2")
    client = world.pod("client", node1)
    server = world.pod("server", node2)
    server.serve(8080, echo)
    server.serve(9090, discard)
    client.server = server
    node1.tunnel.options += ["--workers", "1"]
    client.counting = Counting(node1.tunnel)
    world.start()
    return client


def difference(client, action):
    before = client.counting.settled()
    action()
    return client.counting.settled().since(before)


def test_requests_allocate_nothing_and_make_few_system_calls(client):
    connections = [client.connect(client.server, 8080) for _ in range(8)]

    def requests(rounds):
        for _ in range(rounds):
            for connection in connections:
                exchange(connection, b"x" * 1024)

    requests(100)
    cost = difference(client, lambda: requests(250))
    assert cost.allocations == 0
    # One after the other, so nothing can be batched: wait, receive and send, for the request and for its answer.
    assert cost.system_calls <= 2000 * 6.5
    assert cost.others == 0
    for connection in connections:
        connection.close()


def test_many_requests_at_once_share_system_calls(client):
    connections = [client.connect(client.server, 8080) for _ in range(64)]
    tunnel = client.node.tunnel.process

    def burst(rounds):
        for _ in range(rounds):
            # All requests are there when the tunnel looks, however the machine schedules it.
            with tunnel.stopped():
                for connection in connections:
                    connection.sendall(b"x" * 256)
            for connection in connections:
                receive_exactly(connection, 256)

    burst(20)
    cost = difference(client, lambda: burst(30))
    # A queue may grow once more.
    assert cost.allocations <= 4
    # The application's socket is read once and written once; the requests share the rest. Answers may come one by one, each with a
    # wait and a receive of its own (seen: 2.2 when they do not).
    assert cost.system_calls <= 64 * 30 * 4.3
    for connection in connections:
        connection.close()


def test_bulk_moves_in_large_pieces_without_allocating(client):
    connection = client.connect(client.server, 9090)
    block = bytes(MIB)

    def send(count):
        for _ in range(count):
            connection.sendall(block)

    send(64)  # windows and the socket's buffers have grown
    cost = difference(client, lambda: send(64))
    assert cost.allocations <= 8
    # A record is 16 KiB, so 64 reads per MiB; a write carries several records (seen: 66 and 18).
    assert cost.receives <= 64 * 80
    assert cost.sends <= 64 * 24
    connection.close()


def test_a_connection_costs_a_bounded_number_of_allocations_and_calls(client):
    def connect(count):
        for _ in range(count):
            with client.connect(client.server, 8080) as connection:
                exchange(connection)

    connect(200)
    cost = difference(client, lambda: connect(200))
    # Seen: 4 allocations and 20 calls.
    assert cost.allocations <= 200 * 8
    assert cost.system_calls <= 200 * 26


# Waypoints


FLOOD = Path(__file__).with_name("flood.py")


@pytest.fixture
def routed(world):
    """A client, a service with a route, and the waypoint in between, whose one worker is counted."""
    world.namespace("default")
    client = world.pod("client", world.node("node1"))
    # A second worker would make an HBONE connection of its own, now and then in the middle of counting.
    client.node.tunnel.options += ["--workers", "1"]
    client.waypoint = Waypoint(world, options=["--workers", "1"])
    client.counting = Counting(client.waypoint)
    server = client.server = world.pod("server", world.node("node2"))
    world.folder.apply({
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
        "metadata": {"name": "server", "namespace": "default"},
        "spec": {"hosts": ["server"], "http": [
            {"match": [{"headers": {"x-canary": {"exact": "true"}}}], "redirect": {"uri": "/canary"}},
            {"timeout": "10s", "retries": {"attempts": 2, "retryOn": "5xx"},
             "headers": {"request": {"set": {"x-route": "counted"}}},
             "route": [{"destination": {"host": "server"}}]}]}})

    def start(*command, **service):
        client.service = http_service(world, "server", **service)
        world.run_in(server.netns, *command, name="server")
        eventually(lambda: server.netns.connect(server.ip, 8080).close() is None)
        world.start()
        client.waypoint.start()

    client.start = start
    return client


def test_a_waypoint_allocates_nothing_for_a_request_of_http1(routed):
    routed.start("/usr/bin/python3", "-B", FLOOD, "serve", "8080", str(sys.maxsize))
    clients = [Client(routed.netns, routed.service.ip) for _ in range(8)]

    def asks(rounds):
        for _ in range(rounds):
            for client in clients:
                assert client.ask("/path?query", headers={"Accept": "*/*", "X-Tenant": "t"}).status == 200

    asks(100)
    cost = difference(routed, lambda: asks(250))
    assert cost.allocations <= 2000 * 0.05
    # One after the other, so nothing can be batched: wait, receive and send, for the request and for its answer.
    assert cost.system_calls <= 2000 * 6.5
    assert cost.others == 0


def test_a_waypoint_allocates_nothing_for_a_request_of_http2(routed, tmp_path):
    (tmp_path / "file").write_bytes(b"x" * 1000)
    routed.start("nghttpd", "--no-tls", "-d", tmp_path, "8080", port_name="http2")

    def load(count):
        said = routed.netns.run("h2load", "-n", str(count), "-c", "1", "-m", "16", f"http://{routed.service.ip}/file").stdout
        assert f"{count} succeeded" in said

    load(2000)
    cost = difference(routed, lambda: load(8000))
    # The connection itself, and what its lists grow to.
    assert cost.allocations <= 400
    # Sixteen at a time share what carries them.
    assert cost.system_calls <= 8000 * 2
