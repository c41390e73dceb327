# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""HBONE connections between two nodes: when another is opened, who carries it, and what its handshake costs."""

import collections
import json
import time

import pytest
from mesh.serving import exchange
from mesh.topology import client_and_server
from mesh.waiting import eventually

RESUMED = "ambit_tls_resumed_handshakes_total"


def pair(world, *options):
    client, server = client_and_server(world, options=options, start=False)
    server.serve(8080)
    world.start()
    return client, server


def per_worker(tunnel):
    """Connections carried now, by worker: the worker is the second part of their names."""
    rows = json.loads(tunnel.ask("connections", "-o", "json").stdout)
    return collections.Counter(row["id"].split("-")[1] for row in rows)


def closed(client, count):
    """Waits until the pool has let go of all its connections."""
    client.node.tunnel.wait_total(count, "ambit_pool_connections_opened_total")
    client.node.tunnel.wait_total(0, "ambit_pool_connections")


def test_a_second_connection_resumes_the_first_ones_session_also_on_other_workers(each_family):
    client, server = pair(each_family, "--pool-idle-timeout", "100ms", "--workers", "3")
    for number in range(1, 11):
        with client.connect(server, 8080) as connection:
            exchange(connection)
        closed(client, number)
    # Ten connections, spread over three workers at both ends by the kernel; only the first was a full handshake.
    client.node.tunnel.wait_total(9, RESUMED, reporter="source")
    server.node.tunnel.wait_total(9, RESUMED, reporter="destination")
    # Who is who is as certain as before.
    assert {entry["src.identity"] for entry in server.node.tunnel.access(direction="inbound")} == {client.spiffe_id}


def test_no_session_outlives_the_context_it_was_made_in(world):
    """A new certificate, or a restarted peer: full handshakes, and no connection fails for it."""
    client, server = pair(world, "--pool-idle-timeout", "100ms")

    def connect(count):
        with client.connect(server, 8080) as connection:
            exchange(connection)
        closed(client, count)

    connect(1)
    connect(2)
    client.node.tunnel.wait_total(1, RESUMED, reporter="source")
    server.node.tunnel.stop()
    server.node.tunnel.start()
    connect(3)
    client.node.tunnel.wait_total(1, RESUMED, reporter="source")
    server.node.tunnel.wait_total(0, RESUMED, reporter="destination")
    connect(4)
    client.node.tunnel.wait_total(2, RESUMED, reporter="source")


@pytest.mark.parametrize("attempt", range(3))
def test_a_hot_pair_of_pods_is_spread_over_the_workers_of_both_nodes(world, attempt):
    client, server = pair(world, "--workers", "2")
    connections = [client.connect(server, 8080) for _ in range(8)]
    for connection in connections:
        exchange(connection)
    for tunnel in client.node.tunnel, server.node.tunnel:
        carried = per_worker(tunnel)
        assert sum(carried.values()) == 8 and max(carried.values()) <= 5, carried


def test_connections_that_come_and_go_are_handed_over_without_loss(world):
    client, server = pair(world, "--workers", "4")
    kept = []
    for number in range(200):
        connection = client.connect(server, 8080)
        exchange(connection)
        if number % 10:
            connection.close()
        else:
            kept.append(connection)
    for connection in kept:
        exchange(connection)
    eventually(lambda: sum(per_worker(client.node.tunnel).values()) == 20)
    assert max(per_worker(client.node.tunnel).values()) <= 9


def test_a_busy_connection_gets_another_beside_it_up_to_a_bound(world):
    client, server = pair(world, "--workers", "1")
    connections = []
    for _ in range(400):
        connection = client.connect(server, 8080)
        exchange(connection)
        connections.append(connection)
    tunnel = client.node.tunnel
    tunnel.wait_total(400, "ambit_pool_streams")
    assert 4 <= tunnel.metrics().total("ambit_pool_connections") <= 6
    assert tunnel.metrics().total("ambit_pool_connecting") == 0


def test_a_connection_whose_socket_is_full_gets_another_beside_it(world):
    client, server = client_and_server(world, options=["--workers", "1"], start=False)
    listener = server.listen(8080)
    world.start()
    flood = client.connect(server, 8080)
    flood.setblocking(False)
    inner = listener.accept()[0]
    # The server's own link is slow, so that it is the HBONE connection that is full and not the reader.
    server.node.netns.run("tc", "qdisc", "add", "dev", "eth0", "root", "tbf", "rate", "8mbit", "burst", "20kb",
                          "latency", "50ms", check=False)
    world.fabric.run("tc", "qdisc", "add", "dev", "node2", "root", "tbf", "rate", "8mbit", "burst", "20kb",
                     "latency", "50ms")
    opened = []

    def second():
        for _ in range(20):
            try:
                flood.send(b"x" * 65536)
            except BlockingIOError:
                break
        opened.append(client.connect(server, 8080))
        return client.node.tunnel.metrics().total("ambit_pool_connections") >= 2

    eventually(second, within=10)
    inner.close()


def test_the_gauges_of_the_pool_follow_it(world):
    client, server = pair(world, "--pool-idle-timeout", "200ms", "--workers", "1")
    tunnel = client.node.tunnel
    connections = [client.connect(server, 8080) for _ in range(3)]
    for connection in connections:
        exchange(connection)
    for expected, name in ((1, "connections"), (0, "connecting"), (3, "streams")):
        tunnel.wait_total(expected, f"ambit_pool_{name}")
    for connection in connections:
        connection.close()
    tunnel.wait_total(0, "ambit_pool_streams")
    tunnel.wait_total(0, "ambit_pool_connections")
    assert tunnel.metrics().total("ambit_pool_connecting") == 0


def test_an_attempt_that_fails_leaves_the_gauges_at_nothing(world):
    client, server = pair(world, "--workers", "1")
    server.node.tunnel.stop()
    client.assert_refused(server, 8080)
    for name in ("connections", "connecting", "streams"):
        client.node.tunnel.wait_total(0, f"ambit_pool_{name}")


@pytest.mark.parametrize("in_mesh", [True, False], ids=["hbone", "plaintext"])
def test_the_time_to_the_servers_first_byte_is_measured_at_both_ends(world, in_mesh):
    client, server = client_and_server(world, server_in_mesh=in_mesh, start=False)

    def late(connection):
        connection.recv(10)
        time.sleep(0.3)
        connection.sendall(b"answer")
        connection.recv(10)

    server.serve(8080, late)
    world.start()
    connection = client.connect(server, 8080)
    connection.sendall(b"question")
    assert connection.recv(10) == b"answer"
    connection.close()
    for tunnel, reporter in [(client.node.tunnel, "source"), (server.node.tunnel, "destination")][:2 if in_mesh else 1]:
        tunnel.wait_total(1, "ambit_first_byte_duration_seconds_count", reporter=reporter)
        assert 0.3 <= tunnel.metrics().total("ambit_first_byte_duration_seconds_sum", reporter=reporter) < 2
