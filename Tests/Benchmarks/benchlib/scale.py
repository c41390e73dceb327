# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""How cost grows with the size of the mesh: start, memory, one change, a connection, a request."""

import http.client
import time

from .procs import BenchError, raise_nofile, wait_until

METRICS_PORT = 16020
#: Objects in each file of the folder.
PER_FILE = 1000
SECONDS = 2


def _pod(i):
    a, b, c = i >> 16, i >> 8 & 255, i & 255
    return (f'{{apiVersion: v1, kind: Pod, metadata: {{name: p{i}, namespace: big, labels: {{app: a{i // 10}}}}}, '
            f'spec: {{nodeName: elsewhere, serviceAccountName: s{i // 10}}}, '
            f'status: {{phase: Running, podIP: 10.{a}.{b}.{c}}}}}')


def _policy(i):
    return ('{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, '
            f'metadata: {{name: q{i}, namespace: big}}, spec: {{selector: {{matchLabels: {{app: a{i}}}}}, '
            f'action: ALLOW, rules: [{{from: [{{source: {{principals: [cluster.local/ns/big/sa/s{i}]}}}}]}}]}}}}')


def _route(i):
    """A service behind the waypoint with ten rules of its own."""
    service = (f'{{apiVersion: v1, kind: Service, metadata: {{name: r{i}, namespace: default, '
               f'labels: {{istio.io/use-waypoint: waypoint}}}}, '
               f'spec: {{clusterIP: 10.100.{i >> 8}.{i & 255}, ports: [{{name: http, port: 80}}]}}}}')
    rules = ", ".join(f'{{match: [{{uri: {{prefix: /x{n}}}}}], route: [{{destination: {{host: web-v1}}}}]}}' for n in range(10))
    return service + "\n---\n" + (
        f'{{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {{name: r{i}, namespace: default}}, '
        f'spec: {{hosts: [r{i}], http: [{rules}]}}}}')


#: What grows: (title, contender, the text of object i, objects for one step, steps).
GROWTH = {
    "workloads": ("ambit", _pod, 1, (100, 1_000, 10_000, 100_000)),
    "waypoint-workloads": ("ambit-waypoint", _pod, 1, (100, 1_000, 10_000, 100_000)),
    "policies": ("ambit", _policy, 1, (10, 1_000, 10_000)),
    "routes": ("ambit-waypoint", _route, 10, (10, 1_000, 10_000)),
}
CONNECTIONS = (1, 1_000, 5_000, 10_000, 20_000)
#: Descriptors that a process needs for other things than idle connections.
SPARE = 1_000


def _write(folder, name, texts):
    folder.mkdir(parents=True, exist_ok=True)
    for first in range(0, len(texts), PER_FILE):
        part = folder / f".{name}-{first}"
        part.write_text("\n---\n".join(texts[first:first + PER_FILE]) + "\n")
        part.rename(folder / f"{name}-{first}.yaml")


def _updates(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
    except OSError:
        return None
    finally:
        connection.close()
    lines = [x for x in text.splitlines() if x.startswith("ambit_config_updates_total ")]
    return float(lines[0].split()[1]) if lines else None


def _change(process, folder, text, port):
    """(seconds until it is in use, CPU seconds) of one more object in a file of its own."""
    before, cpu, begin = _updates(port), process.cpu_seconds(), time.monotonic()
    _write(folder, "change", [text])
    wait_until(lambda: (_updates(port) or 0) > before, 60, "the change is not taken", process.alive)
    waited = time.monotonic() - begin
    time.sleep(0.5)
    return waited, process.cpu_seconds() - cpu


def grow(bench, contender, what):
    """A row for each number of objects."""
    _, text, each, steps = GROWTH[what]
    for n in steps:
        folder = bench.work / f"{what}-{n}"
        _write(folder, what, [text(i) for i in range(n // each)])
        begin = time.monotonic()
        running = contender.start(folder, bench.certs, bench.user, bench.cpus_proxy, patience=120)
        started = time.monotonic() - begin
        watched = next((p for p in running if p.name in ("server", "waypoint")), running[0])
        try:
            row = {"start s": started, "start CPU-s": watched.cpu_seconds()}
            bench.load.wrk(contender.port("listen_http"), "/1k", 1, 64)
            row["RSS MiB"] = watched.memory_kib()["rss"] / 1024
            row["change s"], row["change CPU-s"] = _change(watched, folder, text(n // each + 1), METRICS_PORT)
            for label, close in ("request us", False), ("connection us", True):
                before = sum(p.cpu_seconds() for p in running)
                r = bench.load.wrk(contender.port("listen_http"), "/1k", SECONDS, 64, close=close, mix=False)
                row[label] = 1e6 * (sum(p.cpu_seconds() for p in running) - before) / r["requests"]
            yield n, row
        finally:
            bench.stop(running)


def hold(bench, contender, holder):
    """A row for each number of idle connections."""
    steps = [min(n, raise_nofile() - SPARE) for n in CONNECTIONS]
    running = contender.start(bench.work / "idle", bench.certs, bench.user, bench.cpus_proxy)
    try:
        bench.load.wrk(contender.port("listen_http"), "/1k", 1, 64)
        with holder(bench.load, contender.port("listen_http"), "/1k", steps) as held:
            for n in steps:
                held.upto(n, 120)
                time.sleep(1)
                row = {"RSS MiB, both sides": sum(p.memory_kib()["rss"] for p in running) / 1024}
                for label, close in ("request us", False), ("connection us", True):
                    before = sum(p.cpu_seconds() for p in running)
                    r = bench.load.wrk(contender.port("listen_http"), "/1k", SECONDS, 64, close=close)
                    row[label] = 1e6 * (sum(p.cpu_seconds() for p in running) - before) / r["requests"]
                yield n, row
    finally:
        bench.stop(running)


def show(title, rows):
    """Prints a Markdown table, a row as soon as it is there; the rows."""
    found = {}
    for n, row in rows:
        if not found:
            print(f"\n| {title:>12} | " + " | ".join(f"{k:>14}" for k in row) + " |")
            print("|" + "-" * 14 + "|" + "|".join("-" * 16 for _ in row) + "|")
        found[n] = row
        print(f"| {n:12,} | " + " | ".join(f"{v:14.2f}" for v in row.values()) + " |", flush=True)
    return found


def run(bench, contenders, holder, only):
    """All growth tables, as {what: {n: row}}."""
    result = {}
    for what, (name, *_) in GROWTH.items():
        if not only or what in only:
            c = contenders[name]
            if c.missing:
                raise BenchError(f"{c.name} lacks {', '.join(c.missing)}")
            result[what] = show(what, grow(bench, c, what))
    if not only or "connections" in only:
        result["connections"] = show("connections", hold(bench, contenders["ambit"], holder))
    return result
