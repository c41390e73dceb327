# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""What every end-to-end test gets: a world that is gone afterwards, a time limit, and the logs when it fails."""

import atexit
import os
import re
import shutil
import signal
from pathlib import Path

import pytest
from .world import World

#: No test may take longer; each wait inside one is much shorter.
SECONDS_PER_TEST = 120
OUTPUT = Path(__file__).resolve().parents[3] / ".build" / "end-to-end"

_open_worlds = []


def pytest_configure(config):
    if os.geteuid() != 0:
        raise pytest.UsageError("the end-to-end tests make network namespaces: run them as root")
    # SIGTERM ends the run as Ctrl-C does: fixtures still clean up.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    atexit.register(lambda: [world.close() for world in _open_worlds])


@pytest.fixture(autouse=True)
def time_limit():
    def expired(*_):
        raise TimeoutError(f"the test took more than {SECONDS_PER_TEST} s")

    before = signal.signal(signal.SIGALRM, expired)
    signal.alarm(SECONDS_PER_TEST)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def _make(request, families):
    name = re.sub(r"[^\w.-]+", "-", request.node.name)
    world = World(OUTPUT / f"{name}-{os.getpid()}", families)
    _open_worlds.append(world)
    request.node.world = world
    yield world
    _open_worlds.remove(world)
    world.close()
    if not getattr(request.node, "failed", False):
        shutil.rmtree(world.directory, ignore_errors=True)


@pytest.fixture
def world(request):
    """An empty dual-stack world, where addresses are IPv4 unless a test asks for the other."""
    yield from _make(request, (4, 6))


@pytest.fixture(params=[4, 6], ids=["ipv4", "ipv6"])
def each_family(request):
    """An empty world that has only one family: no IPv6 at all, then no IPv4 address at all."""
    yield from _make(request, (request.param,))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        item.failed = True
        for tunnel in getattr(getattr(item, "world", None), "tunnels", ()):
            if report.when == "call" and tunnel.processes:
                report.sections.append((f"the end of the log of {tunnel.node.name} (all in {tunnel.directory})",
                                        tunnel.log()[-6000:]))
