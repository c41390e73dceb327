# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""The end of a tunnel, of a pod, and the change from one tunnel process to the next."""

import signal
import socket
import threading
import time

import pytest
from mesh import hbone
from mesh.serving import discard, exchange, is_open, wait_closed
from mesh.topology import client_and_server
from mesh.waiting import always, eventually


@pytest.fixture
def mesh(each_family):
    client, server = client_and_server(each_family)
    server.serve(8080)
    return each_family, client, server


def cannot_connect(pod, target, port):
    """Whether nobody takes a new connection: refused, or closed without a byte."""
    try:
        with pod.connect(target, port, timeout=2) as connection:
            connection.sendall(b"x")
            return connection.recv(1) == b""
    except OSError:
        return True


@pytest.mark.parametrize("side", ["client", "server"])
def test_tunnel_shutdown_drains(mesh, side):
    world, client, server = mesh
    tunnel = (client if side == "client" else server).node.tunnel
    connection = client.connect(server, 8080)
    exchange(connection)
    tunnel.terminate()
    eventually(lambda: cannot_connect(client, server, 8080))
    exchange(connection)  # what is established goes on
    assert tunnel.running
    connection.shutdown(socket.SHUT_WR)
    assert connection.recv(1) == b""
    assert tunnel.process.wait(10) == 0  # and nothing else is waited for
    assert "connection drain" not in tunnel.log()


def test_an_idle_tunnel_ends_at_once_and_leaves_no_trace(mesh):
    world, client, server = mesh
    with client.connect(server, 8080) as connection:
        exchange(connection)
    eventually(lambda: client.node.tunnel.access())
    started = time.monotonic()
    for tunnel in world.tunnels:
        tunnel.terminate()
    for tunnel in world.tunnels:
        assert tunnel.process.wait(5) == 0
    assert time.monotonic() - started < 3


def test_the_drain_has_a_deadline(each_family):
    client, server = client_and_server(each_family, start=False)
    server.serve(8080, discard)
    client.node.tunnel.options = ["--drain-timeout", "2s"]
    each_family.start()
    connection = client.connect(server, 8080)
    connection.sendall(b"a question without an answer")
    assert is_open(connection)
    started = time.monotonic()
    client.node.tunnel.terminate()
    wait_closed(connection, within=6)
    assert client.node.tunnel.process.wait(5) == 0
    assert 1.5 < time.monotonic() - started < 6
    assert "drain" in client.node.tunnel.access(direction="outbound")[-1]["error"]


#: How a connection travels, and whose tunnel ends: (client in the mesh, server in the mesh, which).
DRAINS = {"hbone-client": (True, True, "client"), "hbone-server": (True, True, "server"),
          "plaintext-out": (True, False, "client"), "plaintext-in": (False, True, "server")}


@pytest.mark.parametrize("name", DRAINS)
def test_a_drain_ends_connections_between_two_exchanges(world, name):
    """A client that keeps its connection sees FIN while it asks nothing, instead of RST under its next question."""
    client_in_mesh, server_in_mesh, side = DRAINS[name]
    client, server = client_and_server(world, client_in_mesh=client_in_mesh, server_in_mesh=server_in_mesh,
                                       options=["--drain-timeout", "4s"])
    tunnel = (client if side == "client" else server).node.tunnel
    finished = []

    def answer(connection):
        while data := connection.recv(65536):
            if data != b"wait":
                connection.sendall(data)
        finished.append(connection)

    server.serve(8080, answer)
    kept, waiting = client.connect(server, 8080), client.connect(server, 8080)
    exchange(kept)
    exchange(waiting)
    waiting.sendall(b"wait")
    tunnel.terminate()
    assert kept.recv(1) == b""
    kept.close()
    eventually(lambda: len(finished) == 1)  # FIN has gone all the way
    wait_closed(waiting, within=8)
    assert tunnel.process.wait(5) == 0
    errors = [line.get("error") for line in tunnel.access(direction="outbound" if side == "client" else "inbound")]
    assert len(errors) == 2 and errors[0] is None and "drain" in errors[1], errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_at_once(world, number):
    client, server = client_and_server(world)
    server.serve(8080)
    connection = client.connect(server, 8080)
    exchange(connection)
    process = client.node.tunnel.process
    process.signal(number)
    always(lambda: process.status is None, during=0.3)
    process.signal(number)
    process.wait(3)


def test_connections_that_wait_to_be_accepted_at_sigterm_are_served(mesh):
    """They are established as far as their clients know, so none may be lost; only then the ports are left."""
    world, client, server = mesh
    process = client.node.tunnel.process
    process.signal(signal.SIGSTOP)
    waiting = [client.connect(server, 8080) for _ in range(20)]
    process.signal(signal.SIGTERM)
    process.signal(signal.SIGCONT)
    for connection in waiting:
        exchange(connection)
    eventually(lambda: cannot_connect(client, server, 8080))
    for connection in waiting:
        connection.close()
    assert process.wait(10) == 0


def test_a_draining_server_side_says_goaway(mesh):
    world, client, server = mesh
    peer = hbone.dial(world.host("raw"), server, world.authority().issue(client.spiffe_id))
    authority = f"[{server.ip}]:8080" if ":" in server.ip else f"{server.ip}:8080"
    stream = peer.request(authority)
    exchange(stream.socket)
    server.node.tunnel.terminate()
    assert peer.goaway.wait(5)
    exchange(stream.socket)


def test_peers_in_the_middle_of_a_handshake_at_sigterm_are_served(mesh):
    """Their TCP connections are established, so they count on an answer; then they hear GOAWAY like everybody."""
    world, client, server = mesh
    host, issued = world.host("raw"), world.authority().issue(client.spiffe_id)
    process = server.node.tunnel.process
    process.signal(signal.SIGSTOP)
    served = []

    def call():
        peer = hbone.dial(host, server, issued)
        stream = peer.request(f"[{server.ip}]:8080" if ":" in server.ip else f"{server.ip}:8080")
        exchange(stream.socket)
        served.append(peer.goaway.wait(5))
        stream.socket.close()
        peer.close()

    threads = [threading.Thread(target=call) for _ in range(5)]
    for thread in threads:
        thread.start()
    eventually(lambda: server.netns.run("ss", "-Htn", "state", "established", "sport = :15008")
               .stdout.count("\n") == 5)
    process.signal(signal.SIGTERM)
    process.signal(signal.SIGCONT)
    for thread in threads:
        thread.join()
    assert served == [True] * 5
    assert process.wait(10) == 0


def test_server_removal_kills_its_connections(mesh):
    """The pod is gone from the configuration: what it served is closed, what comes new gets no data."""
    world, client, server = mesh
    connection = client.connect(server, 8080)
    exchange(connection)
    server.remove()
    wait_closed(connection, within=5)
    server.netns.ip("link", "set", "eth0", "down")
    eventually(lambda: cannot_connect(client, server, 8080), within=15)


def test_a_removed_client_is_cut_off_too(mesh):
    world, client, server = mesh
    connection = client.connect(server, 8080)
    exchange(connection)
    client.remove()
    wait_closed(connection, within=5)
    client.wait_captured(False)


def test_a_second_process_takes_over_without_a_lost_connection(mesh):
    """An upgrade: the new process shares the ports, the old one drains; no new connection fails meanwhile."""
    world, client, server = mesh
    old = client.connect(server, 8080)
    exchange(old)
    first, second = client.node.tunnel, world.successor(client.node)
    failures = []

    def connect_all_the_time(count):
        for _ in range(count):
            try:
                with client.connect(server, 8080) as connection:
                    exchange(connection)
            except (OSError, AssertionError) as error:
                failures.append(error)

    connect_all_the_time(20)
    second.start()
    connect_all_the_time(20)
    first.terminate()
    connect_all_the_time(100)
    assert failures == []
    exchange(old)
    old.close()
    assert first.process.wait(10) == 0
    connect_all_the_time(20)
    assert failures == [] and second.running
    assert client.is_captured()


def test_two_tunnels_in_one_namespace_overlap_without_a_refused_question(mesh):
    """An upgrade where both share the host's network: admin, metrics and readiness ports change hands too."""
    world, client, server = mesh
    tunnel = client.node.tunnel
    first = tunnel.process
    old = client.connect(server, 8080)
    exchange(old)
    tunnel.start()
    second = tunnel.process
    eventually(lambda: "tunnel is ready" in second.text(), within=15)  # the old one answers for it until then

    def ask_and_connect(count, ready=True):
        for _ in range(count):
            with client.connect(server, 8080) as connection:
                exchange(connection)
            assert tunnel.get(15020, "/metrics")[0] == 200
            assert tunnel.get(15000, "/workloads")[0] == 200
            assert (tunnel.get(15021, "/healthz/ready")[0] == 200) or not ready

    ask_and_connect(20)
    first.signal(signal.SIGTERM)
    eventually(lambda: "drain begins" in first.text())
    ask_and_connect(20, ready=False)
    # The old one has left the ports to the new one and still carries what it had.
    ask_and_connect(40)
    exchange(old)
    old.close()
    assert first.wait(10) == 0
    ask_and_connect(20)
    assert second.status is None


def test_after_a_crash_the_next_start_captures_again(mesh):
    world, client, server = mesh
    client.node.tunnel.process.kill()
    assert cannot_connect(client, server, 8080)  # captured pods never fall back to plaintext
    client.node.tunnel.start()
    with client.connect(server, 8080) as connection:
        exchange(connection)
        assert is_open(connection, 0.1)
    eventually(lambda: client.node.tunnel.access(direction="outbound", dst__identity=server.spiffe_id))
