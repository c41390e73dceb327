# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""In an operator's hands: lines for long connections, the live view, series that expire, objects without effect, limits."""

import contextlib
import fcntl
import os
import signal
import statistics
import sys
import time

import pytest
from mesh.manifests import authorization_policy, peer_authentication
from mesh.serving import exchange, receive_exactly
from mesh.topology import client_and_server
from mesh.tunnel import binary
from mesh.waiting import eventually


def pour(connection):
    """Sends for ever once it is asked to."""
    receive_exactly(connection, 1)
    while True:
        connection.sendall(bytes(1 << 16))


# What it shows

def test_a_long_connection_writes_lines_while_it_is_open_and_levels_change_at_run_time(world):
    client, server = client_and_server(world, options=["--log-interval", "1s"])
    server.serve(8080)
    tunnel = client.node.tunnel
    with client.connect(server, 8080) as connection:
        exchange(connection)
        progress = tunnel.wait_access(message="connection progress", direction="outbound")
        assert (progress["bytes_sent"], progress["bytes_recv"]) == (10, 10) and progress["level"] == "info"
        exchange(connection)
        assert tunnel.wait_access(message="connection progress", bytes_sent=20)["dst.workload"] == "server"
    assert tunnel.access(message="connection opened") == []  # level debug
    assert "debug" in tunnel.ask("log", "--level", "info,access:debug", check=True).stdout
    with client.connect(server, 8080) as connection:
        exchange(connection)
        assert tunnel.wait_access(message="connection opened", direction="outbound")["level"] == "debug"
    eventually(lambda: len(tunnel.access(message="connection complete")) == 2)
    tunnel.ask("log", "--level", "access:off", check=True)
    done = len(tunnel.access())
    with client.connect(server, 8080) as connection:
        exchange(connection)
    tunnel.wait_total(3, "istio_tcp_connections_closed_total", reporter="source")
    tunnel.ask("log", "--reset", check=True)
    with client.connect(server, 8080) as connection:
        exchange(connection)
    eventually(lambda: len(tunnel.access()) > done)
    assert [entry["message"] for entry in tunnel.access()[done:]] == ["connection complete"]  # not that of the third


def test_a_log_that_nobody_reads_holds_up_nothing_and_keeps_what_finds_room(world):
    """Its pipe has room for a few lines only; the rest waits in the tunnel, and traffic for none of it."""
    client, server = client_and_server(world, start=False)
    server.serve(8080)
    path = world.directory / "log.pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    world.closing(lambda: os.close(reader))
    fcntl.fcntl(reader, 1031, 4096)  # F_SETPIPE_SZ of linux/fcntl.h
    tunnel = client.node.tunnel
    tunnel.options = ["--log-file", path]
    world.start()
    assert attempts(client, server, 60) == 60 and tunnel.is_ready()
    assert tunnel.metrics().total("ambit_log_lines_dropped_total") == 0
    text = bytearray()

    def has_all():
        with contextlib.suppress(BlockingIOError):
            text.extend(os.read(reader, 1 << 16))
        return text.count(b"connection complete") == 60

    eventually(has_all, message=lambda: text.decode())


def test_the_live_view_shows_connections_opening_moving_bytes_and_closing(world):
    client, server = client_and_server(world)
    server.serve(8080)
    view = world.run_in(client.node.netns, binary(), "connections", "--watch", "--interval", "200ms", name="watch")

    def events(kind):
        return [line for line in view.text().splitlines() if f" {kind} " in f" {line} " and server.ip in line]

    time.sleep(0.5)
    with client.connect(server, 8080) as connection:
        exchange(connection)
        eventually(lambda: events("open"), message=view.text)
        exchange(connection, bytes(100_000))
        eventually(lambda: events("data"), message=view.text)
    eventually(lambda: events("close"), message=view.text)
    assert "default/client" in events("open")[0] and "Ki" in events("close")[0]


def test_series_expire_when_they_have_not_changed_for_their_lifetime_and_not_while_a_connection_is_open(world):
    client, server = client_and_server(world, options=["--metric-lifetime", "2s"])
    other = world.pod("other", server.node)
    for pod in server, other:
        pod.serve(8080)
    other.wait_captured()
    tunnel = client.node.tunnel

    def known(workload):
        return tunnel.metrics().select("istio_tcp_connections_opened_total", destination_workload=workload)

    held = client.connect(other, 8080)
    exchange(held)
    with client.connect(server, 8080) as connection:
        exchange(connection)
    assert known("server") and known("other")
    eventually(lambda: not known("server"), within=10)
    assert known("other")  # it has not changed either, and its connection is open
    held.close()
    eventually(lambda: not known("other"), within=10)


def test_objects_without_effect_shadowed_or_refused_are_listed_with_the_reason(world):
    client, server = client_and_server(world)
    server.serve(8080)
    world.service("idle", {"app": "nobody"}, {80: 8080})
    world.folder.apply(authorization_policy("typo", "default", "DENY", [{}], {"app": "sevrer"}))
    world.folder.apply(authorization_policy("works", "default", "ALLOW", [{}], {"app": "server"}))
    world.folder.apply(peer_authentication("first", "default", "STRICT"))
    world.folder.apply(peer_authentication("second", "default", "PERMISSIVE"))
    broken = authorization_policy("broken", "default", "DENY", [{"from": [{"source": {"ipBlocks": ["10.0.0.0/33"]}}]}])
    world.folder.apply(broken)
    tunnel = server.node.tunnel

    def line(command, name):
        return next((line for line in tunnel.ask(command, check=True).stdout.splitlines() if name in line), "")

    eventually(lambda: "it selects no workload of the mesh" in line("policies", "typo"),
               message=lambda: tunnel.ask("policies").stdout)
    assert "no effect" not in line("policies", "works")
    assert "PeerAuthentication default/first is for the same workloads" in line("policies", "default/second")
    eventually(lambda: "ipBlocks" in line("policies", "broken"), message=lambda: tunnel.ask("policies").stdout)
    assert "it has no endpoint; connections to it are refused" in line("services", "idle")


# Limits and fairness

def attempts(client, server, count, port=8080):
    """How many of so many connections were served."""
    served = 0
    for _ in range(count):
        with contextlib.suppress(OSError), client.connect(server, port, timeout=5) as connection:
            connection.sendall(b"x")
            served += connection.recv(1) == b"x"
    return served


def test_a_pod_that_opens_connections_too_fast_is_refused_by_name_and_others_are_not(world):
    client, server = client_and_server(world, start=False)
    other = world.pod("other", client.node)
    server.serve(8080)
    client.node.tunnel.options = ["--max-connection-rate-per-pod", "5"]
    world.start()
    tunnel = client.node.tunnel
    refused = 0
    while not refused:  # a machine that is slow enough opens less than the limit
        refused = 100 - attempts(client, server, 100)
    eventually(lambda: tunnel.metrics().total("ambit_refusals_total", reason="rate_limit") >= refused)
    assert tunnel.metrics().total("ambit_refusals_total", reason="connection_limit") == 0
    assert attempts(other, server, 3) == 3
    assert any("faster than its limit" in entry.get("error", "") for entry in tunnel.access())
    eventually(lambda: attempts(client, server, 1) == 1, within=5)


def test_a_pod_whose_slow_sockets_hold_too_much_loses_that_connection_and_no_other(world):
    client, server = client_and_server(world, start=False)
    other = world.pod("other", client.node)
    server.serve(8080)
    server.serve(9090, pour)
    client.node.tunnel.options = ["--max-buffer-per-pod", "32Ki"]
    world.start()
    held = client.connect(server, 8080)
    exchange(held)
    slow = client.connect(server, 9090)
    slow.sendall(b"?")
    client.node.tunnel.wait_total(1, "ambit_refusals_total", reason="buffer_limit", within=20)
    exchange(held)
    exchange(other.connect(server, 8080))
    client.node.tunnel.wait_access(error="refused: the pod has reached its limit of bytes that wait for slow sockets")


def test_at_the_memory_ceiling_new_work_is_shed_and_what_is_open_goes_on(world):
    client, server = client_and_server(world, start=False)
    server.serve(8080)
    server.serve(9090, pour)
    tunnel = client.node.tunnel
    tunnel.options = ["--memory-ceiling", "1Mi", "--workers", "1"]
    world.start()
    held = client.connect(server, 8080)
    exchange(held)
    slow = []
    for _ in range(40):
        connection = client.connect(server, 9090)
        connection.sendall(b"?")
        slow.append(connection)
        time.sleep(0.3)  # until its queue has as much as its window lets in
        if attempts(client, server, 1) == 0:
            break
    shed = tunnel.metrics().total("ambit_refusals_total", reason="memory_ceiling")
    assert shed >= 1 and any("memory ceiling" in entry.get("error", "") for entry in tunnel.access())
    exchange(held)
    for connection in slow:
        connection.close()
    eventually(lambda: attempts(client, server, 1) == 1, within=5)
    exchange(held)
    assert tunnel.metrics().total("ambit_refusals_total") == tunnel.metrics().total(
        "ambit_refusals_total", reason="memory_ceiling")


CONNECT = """
import socket, sys, time
while True:
    try:
        with socket.create_connection((sys.argv[1], 8080), timeout=2) as connection:
            connection.sendall(b"x"); connection.recv(1)
    except OSError:
        pass
    time.sleep(0.002)
"""

BEGIN_HANDSHAKES = """
import collections, socket, sys, time
begun = collections.deque(maxlen=40)
while True:
    try:
        begun.append(socket.create_connection((sys.argv[1], 15008), timeout=2))
        begun[-1].sendall(b"\\x16\\x03\\x01\\x01\\x00\\x01")
    except OSError:
        pass
    time.sleep(0.002)
"""


@pytest.mark.parametrize("hammer,limit,reason", [
    (CONNECT, ["--max-connection-rate-per-pod", "20"], "rate_limit"),
    (BEGIN_HANDSHAKES, ["--max-handshakes-per-pod", "20"], "handshake_limit"),
], ids=["connections", "handshakes"])
def test_a_pod_at_its_limit_changes_the_latency_of_another_by_less_than_its_share(world, hammer, limit, reason):
    """Two pods share a tunnel, so a share is one half: the other's median may not double.

    The noisy pod connects too fast; or it is called by someone who begins handshakes and ends none.
    """
    client, server = client_and_server(world, start=False)
    noisy = world.pod("noisy", client.node)
    server.serve(8080)
    tunnel = client.node.tunnel
    tunnel.options = limit
    world.start()
    caller, target = (noisy, server) if reason == "rate_limit" else (world.host("caller"), noisy)
    process = world.run_in(caller.netns, sys.executable, "-c", hammer, target.ip, name="hammer")
    connection = client.connect(server, 8080)
    exchange(connection)
    taken = {signal.SIGSTOP: [], signal.SIGCONT: []}
    for _ in range(8):  # in turns, so that whatever else the machine does is felt by both
        for state, times in taken.items():
            process.signal(state)
            time.sleep(0.1)
            for _ in range(50):
                begin = time.perf_counter()
                exchange(connection)
                times.append(time.perf_counter() - begin)
                time.sleep(0.002)
    quiet, busy = (statistics.median(times) for times in taken.values())
    assert tunnel.metrics().total("ambit_refusals_total", reason=reason) > 20
    assert busy < 2 * quiet, f"{quiet * 1e6:.0f} µs → {busy * 1e6:.0f} µs"
