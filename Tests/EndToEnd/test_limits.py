# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""Bounds that hold: descriptors, connections of one pod, time, and what a peer can make a tunnel keep."""

import contextlib
import itertools
import os
import select
import socket
import time

import pytest
from mesh import hbone
from mesh.faults import EpollFault
from mesh.serving import exchange, is_open, wait_closed
from mesh.topology import client_and_server
from mesh.waiting import eventually


def cpu_seconds(tunnel):
    with open(f"/proc/{tunnel.process.pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def resident_kilobytes(tunnel):
    with open(f"/proc/{tunnel.process.pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


def test_running_out_of_descriptors_backs_off_and_recovers(world):
    """ztunnel accepts again at once and spins; here accepting pauses, and goes on when there are descriptors."""
    client, server = client_and_server(world, start=False)
    server.serve(8080)
    client.node.tunnel.wrapper = ["prlimit", "--nofile=120:120"]
    world.start()
    connections = [client.connect(server, 8080) for _ in range(150)]
    working = answering(connections)
    assert working
    before = cpu_seconds(client.node.tunnel)
    lines = client.node.tunnel.log().count("\n")
    time.sleep(2)
    assert cpu_seconds(client.node.tunnel) - before < 0.5
    assert client.node.tunnel.log().count("\n") - lines < 20
    assert client.node.tunnel.running
    for connection in connections:
        connection.close()

    def works():
        with client.connect(server, 8080) as connection:
            exchange(connection)
        return True

    eventually(works, within=10)


def answering(connections):
    """Those on which an octet comes back; all are asked at a time, until nobody has answered for a second."""
    waiting, found = [], []
    for connection in connections:
        with contextlib.suppress(OSError):
            connection.sendall(b"x")
            waiting.append(connection)
    while ready := select.select(waiting, [], [], 1)[0]:
        for connection in ready:
            waiting.remove(connection)
            with contextlib.suppress(OSError):
                if connection.recv(1) == b"x":
                    found.append(connection)
    return found


def test_one_pod_cannot_take_all_connections_of_the_node(world):
    client, server = client_and_server(world, start=False)
    other = world.pod("other", client.node)
    server.serve(8080)
    client.node.tunnel.options = ["--max-connections-per-pod", "50"]
    world.start()
    connections = []
    for _ in range(80):
        with contextlib.suppress(ConnectionResetError):  # refused at once
            connections.append(client.connect(server, 8080))
    working = answering(connections)
    assert 40 <= len(working) <= 50
    exchange(other.connect(server, 8080))
    client.node.tunnel.wait_total(80 - len(working), "ambit_refusals_total", reason="connection_limit")


def test_an_idle_timeout_closes_when_asked_for(world):
    client, server = client_and_server(world, start=False)
    server.serve(8080)
    client.node.tunnel.options = ["--idle-timeout", "1s"]
    world.start()
    connection = client.connect(server, 8080)
    exchange(connection)
    for _ in range(5):
        time.sleep(0.4)
        exchange(connection)  # use keeps it
    wait_closed(connection, within=4)


def test_without_an_idle_timeout_an_idle_connection_stays(world):
    client, server = client_and_server(world)
    server.serve(8080)
    connection = client.connect(server, 8080)
    exchange(connection)
    assert is_open(connection, 3)
    exchange(connection)


@pytest.mark.parametrize("in_mesh", [True, False], ids=["hbone", "plaintext"])
def test_a_half_close_does_not_last_for_ever(world, in_mesh):
    client, server = client_and_server(world, server_in_mesh=in_mesh, start=False)
    for tunnel in world.tunnels:
        tunnel.options = ["--half-close-timeout", "1s"]
    listener = server.listen(8080)
    world.start()
    outer = client.connect(server, 8080)
    outer.sendall(b"x")
    inner = listener.accept()[0]
    inner.settimeout(10)
    assert inner.recv(1) == b"x"
    outer.shutdown(socket.SHUT_WR)
    assert inner.recv(1) == b""
    wait_closed(outer, within=5)


def test_connecting_to_a_black_hole_ends_within_the_connect_timeout(world):
    client, _ = client_and_server(world, start=False)
    client.node.tunnel.options = ["--connect-timeout", "1s"]
    world.start()
    hole = world.host("hole")
    hole.netns.run("nft", "add table inet hole; add chain inet hole in { type filter hook input priority 0; }; "
                   "add rule inet hole in tcp flags syn drop")
    started = time.monotonic()
    client.assert_refused(hole, 8080)
    assert 0.5 < time.monotonic() - started < 4
    assert "timed out" in client.node.tunnel.wait_access(direction="outbound")["error"]


def test_a_network_policy_that_drops_hbone_is_told_by_its_own_flag_and_words(world):
    """ztunnel#1229, the most common mistake: the policy lets the application's port in, and HBONE goes to 15008."""
    client, server = client_and_server(world, start=False)
    server.serve(8080)
    client.node.tunnel.options = ["--connect-timeout", "1s"]
    world.start()
    server.netns.run("nft", "add table inet hole; add chain inet hole in { type filter hook input priority 0; }; "
                     "add rule inet hole in tcp dport 15008 tcp flags syn drop")
    client.assert_refused(server, 8080)
    tunnel = client.node.tunnel
    assert "a NetworkPolicy may be blocking port 15008" in tunnel.wait_access(direction="outbound")["error"]
    tunnel.wait_total(1, "istio_tcp_connections_failed_total", response_flags="NETWORK_POLICY")
    tunnel.wait_total(1, "ambit_refusals_total", reason="connect_timeout")


def test_idle_connections_cost_little_and_give_it_back(world):
    client, server = client_and_server(world)
    server.serve(8080)
    for _ in range(20):
        with client.connect(server, 8080) as connection:
            exchange(connection)
    before = resident_kilobytes(client.node.tunnel)
    connections = [client.connect(server, 8080) for _ in range(400)]
    for connection in connections:
        exchange(connection)
    grown = resident_kilobytes(client.node.tunnel) - before
    assert grown / len(connections) < 16  # KiB each: no buffer is held by an idle connection
    for connection in connections:
        connection.close()
    client.node.tunnel.wait_total(420, "istio_tcp_connections_closed_total", reporter="source")


def descriptors(tunnel):
    return len(os.listdir(f"/proc/{tunnel.process.pid}/fd"))


@pytest.fixture
def unwatchable(world):
    """A server whose tunnel can be told to find no room in epoll, and a peer that speaks HBONE itself."""
    client, server = client_and_server(world, start=False)
    server.serve(8080)
    fault = EpollFault(server.node.tunnel)
    server.node.tunnel.options = ["--max-handshakes-per-pod", "3", "--max-connections-per-pod", "3"]
    world.start()
    return fault, server, lambda: hbone.dial(world.host(f"raw{next(serial)}"), server,
                                             world.authority().issue(client.spiffe_id))


serial = itertools.count(1)


def test_hbone_connections_that_epoll_does_not_take_leave_nothing_behind(unwatchable):
    fault, server, dial = unwatchable
    tunnel = server.node.tunnel
    before = descriptors(tunnel)
    with fault.active():
        for _ in range(8):
            with pytest.raises(OSError):
                dial()
    tunnel.wait_total(8, "ambit_refusals_total", reporter="destination")
    eventually(lambda: descriptors(tunnel) <= before)
    exchange(dial().request(f"{server.ip}:8080").socket)


def test_streams_that_epoll_does_not_take_are_answered_503_and_leave_nothing_behind(unwatchable):
    fault, server, dial = unwatchable
    tunnel = server.node.tunnel
    connection = dial()
    exchange(connection.request(f"{server.ip}:8080").socket)
    tunnel.wait_total(1, "istio_tcp_connections_opened_total", reporter="destination")
    before = descriptors(tunnel)
    with fault.active():
        assert [connection.request(f"{server.ip}:8080").status for _ in range(8)] == [503] * 8
    eventually(lambda: descriptors(tunnel) <= before)
    tunnel.wait_total(8, "istio_tcp_connections_failed_total", reporter="destination")
    # The pod's limit is three: nothing of the failures counts any more, neither way.
    assert [connection.request(f"{server.ip}:8080").status for _ in range(3)] == [200, 200, 503]
