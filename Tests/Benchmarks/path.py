#!/usr/bin/env python3
# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""The real path: pods in network namespaces of two nodes, redirection, a tunnel per node; beside pods that are in no mesh."""

import json
import pathlib
import re
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "EndToEnd"))
sys.path.insert(0, str(HERE))

from benchlib.procs import TICK  # noqa: E402
from mesh.waiting import eventually  # noqa: E402
from mesh.world import World  # noqa: E402

SECONDS, CONNECTIONS, ROUNDS = 5, 64, 3
NGINX = """\
daemon off; worker_processes 1; error_log stderr; pid @dir@/nginx.pid;
events { worker_connections 4096; }
http {
    access_log off; keepalive_requests 100000000;
    client_body_temp_path @dir@; proxy_temp_path @dir@; fastcgi_temp_path @dir@; uwsgi_temp_path @dir@; scgi_temp_path @dir@;
    server { listen 8080 backlog=4096; location / { return 200 "@text@"; } }
}
"""


def cpu_seconds(tunnels):
    """CPU time of the tunnels so far, user and system."""
    total = 0
    for tunnel in tunnels:
        fields = pathlib.Path(f"/proc/{tunnel.process.pid}/stat").read_text().rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) / TICK
    return total


def busy_seconds():
    """CPU time of the whole machine that was not idle: softirqs of namespaces and bridges are nobody's otherwise."""
    fields = [int(x) for x in pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4] - fields[7]) / TICK


def wrk(client, server, close):
    argv = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "-s", HERE / "load" / "wrk.lua"]
    argv += ["-H", "Connection: close"] if close else []
    out = client.netns.run(*argv, f"http://{server.ip}:8080/", timeout=SECONDS + 20).stdout
    result = json.loads(re.search(r"^JSON (.*)$", out, re.M).group(1))
    return result["requests"] / 1e5, result["errors"]


def iperf(client, server):
    out = client.netns.run("iperf3", "-c", server.ip, "-t", SECONDS, "-J", timeout=SECONDS + 20).stdout
    return json.loads(out)["end"]["sum_received"]["bytes"] / 1e9, 0


def measured(world, action):
    """(CPU seconds of the tunnels, of the machine) per unit of work."""
    tunnels, busy = cpu_seconds(world.tunnels), busy_seconds()
    amount, errors = action()
    if errors:
        sys.exit(f"path: {errors} requests failed")
    return (cpu_seconds(world.tunnels) - tunnels) / amount, (busy_seconds() - busy) / amount


def start_servers(world, pod):
    directory = world.directory / pod.name
    directory.mkdir()
    configuration = directory / "nginx.conf"
    configuration.write_text(NGINX.replace("@dir@", str(directory)).replace("@text@", "x" * 1024))
    world.run_in(pod.netns, "nginx", "-p", directory, "-c", configuration, name=f"nginx-{pod.name}")
    world.run_in(pod.netns, "iperf3", "-s", name=f"iperf3-{pod.name}")


def main():
    with World(pathlib.Path(tempfile.mkdtemp(prefix="ambit-path-")), families=(4,), name="path") as world:
        world.namespace()
        world.namespace("outside", ambient=False)
        node1, node2 = world.node("node1"), world.node("node2")
        pairs = {"in the mesh": (world.pod("client", node1), world.pod("server", node2)),
                 "in no mesh": (world.pod("client-out", node1, "outside"), world.pod("server-out", node2, "outside"))}
        world.start()
        for client, server in pairs.values():
            start_servers(world, server)
            eventually(lambda: client.netns.connect(server.ip, 8080).close() is None, 10)
        print("| pods | work | tunnels, CPU-s | machine, CPU-s |\n|---|---|---:|---:|")
        for what, action in (("100,000 requests, 64 connections", lambda c, s: wrk(c, s, False)),
                             ("100,000 connections, a request each", lambda c, s: wrk(c, s, True)),
                             ("a GB, one stream", iperf)):
            for where, (client, server) in pairs.items():
                action(client, server)
                rounds = sorted(measured(world, lambda: action(client, server)) for _ in range(ROUNDS))
                tunnels, machine = rounds[ROUNDS // 2]
                print(f"| {where} | {what} | {tunnels:.2f} | {machine:.2f} |", flush=True)
                time.sleep(0.5)


if __name__ == "__main__":
    main()
