#!/usr/bin/env python3
# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""What one node's tunnel costs in clusters of 10, 100, 1,000 nodes with 100 pods each: memory, CPU, load of the API server.

    make bench-cluster [CLUSTER="--nodes 10,100 --what waypoint"]

A real `ambit-tunnel run --kubernetes` (or a waypoint, or the identity service) follows a simulated API server, simulated.py, that has the
objects of the whole cluster; once it rests, pods are replaced at a bounded rate and kubelets report their nodes. The measured node's
own pods are not enrolled: what those cost is `make bench-idle`.
"""

import argparse
import http.client
import json
import os
import pathlib
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "EndToEnd"))

from mesh import kubernetes, waypoint  # noqa: E402
from mesh.command import run  # noqa: E402
from mesh.tunnel import READINESS_PORT, binary  # noqa: E402
from mesh.waiting import eventually  # noqa: E402
from mesh.world import World  # noqa: E402

#: Each pod lives a day: what deployments, jobs and scaling make of a busy cluster.
POD_SECONDS = 86_400
#: Pods replaced in a second while something large is rolled out.
ROLLOUT = 10
#: The watch of churn; in its first part steps overlap less than later.
SETTLE, SECONDS = 10, int(os.environ.get("SECONDS", "60"))
HERTZ = os.sysconf("SC_CLK_TCK")


class Simulated(kubernetes.ApiServer):
    """The API server of a cluster of `nodes` nodes."""

    def __init__(self, directory, netns, address, nodes):
        super().__init__(directory, netns, address)
        self.nodes = nodes

    def start(self):
        self.processes.append(self.netns.start(
            sys.executable, "-B", HERE / "simulated.py", "--address", self.address, "--port", self.port,
            "--directory", self.directory, "--nodes", str(self.nodes), log=self.directory / "server.log"))
        eventually(lambda: "is ready" in self.processes[-1].text() or self.processes[-1].status is not None, 15)
        assert self.processes[-1].status is None, self.processes[-1].text()
        return self

    def counters(self, rate=None):
        return self.request("/test/counters" + ("" if rate is None else f"?rate={rate}"))


def cpu(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / HERTZ


def resident(pid):
    """Resident memory now, and the most it has been, in MiB."""
    lines = dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)
    return [int(lines[key].split()[0]) / 1024 for key in ("VmRSS", "VmHWM")]


def churn(server, pid, rate):
    """What a second of churn costs: (events, KiB, CPU in %, resident MiB)."""
    server.counters(rate)
    time.sleep(SETTLE)
    before, begin, used = server.counters(), time.monotonic(), cpu(pid)
    time.sleep(SECONDS)
    after, passed, used = server.counters(), time.monotonic() - begin, cpu(pid) - used
    server.counters(0)
    time.sleep(SETTLE)
    return [(after["events"] - before["events"]) / passed, (after["octets"] - before["octets"]) / passed / 1024,
            100 * used / passed, resident(pid)[0]]


def tunnel(world, node, source):
    tunnel = kubernetes.ClusterTunnel(node, world.folder, world.ca_directory, world.directory)
    node.name = "node-0.compute.internal"
    tunnel.options += ["--state-dir", world.directory / "state"]
    node.tunnel = tunnel
    tunnel.start(wait=False)
    return tunnel.process


def one_waypoint(world, node, source):
    return world.run_in(
        node.netns, waypoint.binary(), "run", *source, "--ca-dir", world.ca_directory, "--name", "waypoint",
        "--namespace", "team-0-production", "--pod", "none", "--state-dir", world.directory / "state", name="waypoint")


def identity(world, node, source):
    run(binary(), "identity", "init", "--ca-dir", world.ca_directory)
    return world.run_in(
        node.netns, binary(), "identity", "serve", "--ca-dir", world.ca_directory, *source, "--address", f"{node.ip}:15012",
        name="identity")


#: What is measured, and how it is started.
START = {"tunnel": tunnel, "waypoint": one_waypoint, "identity": identity}


def is_ready(netns, process):
    if "CA service is ready" in process.text():
        return True
    connection = http.client.HTTPConnection("127.0.0.1", READINESS_PORT)
    try:
        connection.sock = netns.connect("127.0.0.1", READINESS_PORT, timeout=5)
        with connection.sock:
            connection.request("GET", "/healthz/ready")
            return connection.getresponse().status == 200
    except OSError:
        return False


def measure(world, nodes, options):
    node = world.node("node-0", tunnel=False)
    host = world.host("apiserver")
    server = Simulated(world.directory / "apiserver", host.netns, host.ip, nodes).start()
    world.closing(server.stop)
    world.folder = kubernetes.Cluster(server, kubernetes.Processes(world.directory / "proc"))
    begin = time.monotonic()
    process = START[options.what](world, node, ["--kubernetes", "--kubeconfig", server.kubeconfig])
    eventually(lambda: process.status is not None or is_ready(node.netns, process), 300,
               message=lambda: process.text()[-2000:])
    assert process.status is None, process.text()[-2000:]
    started = time.monotonic() - begin
    pid = process.pid
    start_cpu, lists = cpu(pid), server.counters()
    time.sleep(SETTLE)
    rest, peak = resident(pid)
    row = {"nodes": nodes, "pods": nodes * 100, "requests": lists["requests"], "lists MiB": lists["octets"] / (1 << 20),
           "start s": started, "start CPU-s": start_cpu, "peak MiB": peak, "rest MiB": rest}
    for name, rate in (("day", nodes * 100 / POD_SECONDS), ("rollout", ROLLOUT)):
        for what, value in zip(("events/s", "KiB/s", "CPU %", "MiB"), churn(server, pid, rate)):
            row[f"{name} {what}"] = value
    row["peak after MiB"] = resident(pid)[1]
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", default="10,100,1000", help="sizes of the cluster")
    parser.add_argument("--what", choices=START, default="tunnel", help="what is measured")
    parser.add_argument("--json", help="write the rows to this file, too")
    options = parser.parse_args()
    rows = []
    for nodes in map(int, options.nodes.split(",")):
        with World(pathlib.Path(tempfile.mkdtemp(prefix="ambit-cluster-")), families=(4,), name="cluster") as world:
            rows.append(measure(world, nodes, options))
        if len(rows) == 1:
            print("| " + " | ".join(rows[0]) + " |\n|" + " ---: |" * len(rows[0]), flush=True)
        print("| " + " | ".join(f"{x:,}" if isinstance(x, int) else f"{x:.2f}" for x in rows[-1].values()) + " |", flush=True)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
