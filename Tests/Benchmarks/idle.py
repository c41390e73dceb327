#!/usr/bin/env python3
# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""What an idle tunnel with two pods costs: memory, threads, wake-ups; then with idle connections through it."""

import pathlib
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "EndToEnd"))

from mesh.serving import exchange  # noqa: E402
from mesh.world import World  # noqa: E402

SECONDS = 20
STEPS = (1000, 4000)


def status(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def memory(pid):
    """(resident, own) in KiB; own is what is no page of a file: heap, stacks, relocated pages."""
    rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    value = {line.split(":")[0]: int(line.split()[1]) for line in rollup[1:]}
    return value["Rss"], value["Anonymous"]


def switches(pid):
    """Voluntary context switches of all threads: each is a wait that ended, so a wake-up."""
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        for line in (task / "status").read_text().splitlines():
            if line.startswith("voluntary_ctxt_switches"):
                total += int(line.split()[1])
    return total


def report(text, pid):
    resident, own = memory(pid)
    print(f"{text:44} resident {resident / 1024:6.1f} MiB, of it own {own / 1024:6.1f} MiB", flush=True)
    return own


def main():
    with World(pathlib.Path(tempfile.mkdtemp(prefix="ambit-idle-")), families=(4,), name="idle") as world:
        world.namespace()
        node = world.node("node1")
        client, server = world.pod("client", node), world.pod("server", node)
        server.serve(8080)
        world.start()
        pid = node.tunnel.process.pid
        report("two pods, ready", pid)
        time.sleep(5)
        report("two pods, 5 s later", pid)
        print(f"threads {status(pid)['Threads']}")
        before = switches(pid)
        time.sleep(SECONDS)
        print(f"wake-ups per second, all threads: {(switches(pid) - before) / SECONDS:.2f}")
        connections, figures = [], []
        for step in STEPS:
            while len(connections) < step:
                connections.append(client.connect(server, 8080))
                exchange(connections[-1])
            time.sleep(2)
            figures.append(report(f"{step} idle connections, both sides here", pid))
        each = (figures[1] - figures[0]) / (STEPS[1] - STEPS[0])
        print(f"per further connection, both sides: {each:.2f} KiB")
        for connection in connections:
            connection.close()


if __name__ == "__main__":
    main()
