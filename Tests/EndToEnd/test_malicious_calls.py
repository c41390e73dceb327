# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""Calls to the tunnel's own ports, by anyone, anywhere: they never loop, and never reach what is not theirs."""

import os
import time

import pytest
from mesh.topology import client_and_server
from mesh.waiting import eventually

OUTBOUND, PLAINTEXT, HBONE = 15001, 15006, 15008
ADMIN, METRICS, READINESS, SOCKS = 15000, 15020, 15021, 15080
PORTS = [OUTBOUND, PLAINTEXT, HBONE, ADMIN, METRICS, READINESS, SOCKS]


def call(pod, address, port):
    """What a GET brings: "refused", "closed", "silent" or the status line."""
    try:
        with pod.connect(address, port, timeout=2) as connection:
            connection.sendall(b"GET /healthz/ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            answer = connection.recv(4096)
            return answer.split(b"\r\n")[0].decode(errors="replace") if answer.startswith(b"HTTP") else "closed"
    except ConnectionRefusedError:
        return "refused"
    except ConnectionResetError:
        return "closed"
    except OSError:
        return "silent"


@pytest.fixture
def mesh(each_family):
    client, server = client_and_server(each_family)
    uncaptured = each_family.pod("uncaptured", client.node, "plain")
    return each_family, client, server, uncaptured


def loopback(world):
    return "127.0.0.1" if 4 in world.families else "::1"


def cpu_seconds(tunnel):
    # /proc/PID/stat: utime and stime, in clock ticks of 1/100 s.
    with open(f"/proc/{tunnel.process.pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


@pytest.mark.parametrize("caller", ["captured", "uncaptured", "outside"])
def test_own_ports_never_loop_and_never_leak(mesh, caller):
    world, client, server, uncaptured = mesh
    pod = {"captured": client, "uncaptured": uncaptured, "outside": world.host("outside")}[caller]
    before = {tunnel: cpu_seconds(tunnel) for tunnel in world.tunnels}
    targets = {"other pod": server.ip, "same node": client.ip, "localhost": loopback(world)}
    answers = {(name, port): call(pod, address, port) for name, address in targets.items() for port in PORTS}
    # Nobody answers HTTP in a pod: admin, metrics and readiness live in the node's namespace only.
    assert not [where for where, answer in answers.items() if answer.startswith("HTTP")]
    # And nothing spins on after the calls.
    time.sleep(0.5)
    spent = {tunnel.node.name: cpu_seconds(tunnel) - before[tunnel] for tunnel in world.tunnels}
    assert all(seconds < 1.5 for seconds in spent.values()), spent
    for tunnel in world.tunnels:
        assert tunnel.running and tunnel.is_ready()
        assert eventually(lambda: len(open_sockets(tunnel)) < 60)


def open_sockets(tunnel):
    names = []
    for name in os.listdir(f"/proc/{tunnel.process.pid}/fd"):
        try:
            names.append(os.readlink(f"/proc/{tunnel.process.pid}/fd/{name}"))
        except FileNotFoundError:
            pass
    return [name for name in names if name.startswith("socket:")]


@pytest.mark.parametrize("port", PORTS)
def test_the_tunnel_itself_called_at_its_ports_answers_only_what_is_public(mesh, port):
    """From a captured pod to the node: metrics and readiness are for everyone, admin for loopback alone."""
    world, client, server, _ = mesh
    answer = call(client, server.node.ip, port)
    if port in (METRICS, READINESS):
        assert answer.startswith("HTTP/1.")
    else:
        assert not answer.startswith("HTTP")


def test_a_loop_is_counted_and_named(mesh):
    world, client, server, _ = mesh
    call(client, loopback(world), OUTBOUND)
    client.node.tunnel.wait_total(1, "ambit_refusals_total", reason="loop")
