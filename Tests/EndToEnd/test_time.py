# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""Clocks that step and machines that sleep: certificates follow, connections do not notice."""

import signal
import time

import pytest
from mesh.clock import Clock
from mesh.serving import exchange
from mesh.topology import client_and_server
from mesh.waiting import eventually

HOUR, DAY = 3600, 24 * 3600
#: A step of the clock is noticed at once (docs/operations.md); what is left is the time of a busy machine.
NOTICED_WITHIN = 5


@pytest.fixture
def mesh(world):
    """A mesh whose authority is two days old."""
    client, server = client_and_server(world, start=False)
    server.serve(8080)
    clock = Clock(world)
    clock.set(-2 * DAY)
    client.node.tunnel.start()
    client.node.tunnel.stop()
    clock.set(0)
    world.start()
    return clock, client, server


def works(client, server):
    with client.connect(server, 8080, timeout=3) as connection:
        exchange(connection)
    return True


@pytest.mark.parametrize("step", [HOUR, -HOUR, 30 * DAY], ids=["an-hour-on", "an-hour-back", "a-month-on"])
def test_a_step_of_the_clock_is_not_seen_by_connections_and_followed_by_certificates(mesh, step):
    clock, client, server = mesh
    connection = client.connect(server, 8080)
    exchange(connection)
    clock.set(step)
    exchange(connection)
    if step == HOUR:
        assert works(client, server)  # what was issued holds
    for tunnel in client.node.tunnel, server.node.tunnel:
        assert tunnel.running and tunnel.is_ready()

    def valid():
        left = [sample.value for tunnel in (client.node.tunnel, server.node.tunnel)
                for sample in tunnel.metrics().select("ambit_certificate_remaining_seconds")]
        return left and all(0 < value <= DAY + 1 for value in left)

    eventually(valid, within=NOTICED_WITHIN)
    eventually(lambda: works(fresh(client), server), within=5)
    exchange(connection)


def fresh(client):
    """A pod whose tunnel has no connection to anybody yet: its next one makes a handshake."""
    pod = client.world.pod(f"fresh{len(client.world.pods)}", client.node)
    pod.wait_captured()
    return pod


def test_a_suspended_machine_serves_when_it_wakes(mesh):
    """Both tunnels stand still; when they go on, a day and a half have passed on the wall and none on the other clock."""
    clock, client, server = mesh
    connection = client.connect(server, 8080)
    exchange(connection)
    tunnels = client.node.tunnel, server.node.tunnel
    for tunnel in tunnels:
        tunnel.process.signal(signal.SIGSTOP)
    time.sleep(1)
    clock.set(36 * HOUR)
    for tunnel in tunnels:
        tunnel.process.signal(signal.SIGCONT)
    exchange(connection)
    eventually(lambda: works(fresh(client), server), within=NOTICED_WITHIN)
    exchange(connection)
