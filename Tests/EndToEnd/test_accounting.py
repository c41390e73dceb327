# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""Requests through faults, retries, reloads every 100 ms and endpoints that come and go: each is answered once, and counted once.

AMBIT_REQUESTS says how many; `make test-million` sends a million.
"""

import array
import json
import os
import re
import signal
import threading
from collections import Counter
from pathlib import Path

from mesh.waiting import eventually
from mesh.waypoint import Waypoint, http_service

REQUESTS = int(os.environ.get("AMBIT_REQUESTS", "20000"))
#: Of all requests, those that come by HTTP/2.
HTTP2_SHARE = 5
FLOOD = Path(__file__).with_name("flood.py")
PYTHON = "/usr/bin/python3"


def routes(number):
    """A configuration that is never the same twice."""
    share = number % 100
    return {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
            "metadata": {"name": "server", "namespace": "default"},
            "spec": {"hosts": ["server"], "http": [
                {"match": [{"uri": {"prefix": f"/never/{number}"}}], "redirect": {"uri": "/else"}},
                {"fault": {"delay": {"percentage": {"value": 1}, "fixedDelay": "20ms"},
                           "abort": {"percentage": {"value": 2}, "httpStatus": 418}},
                 "timeout": "20s", "retries": {"attempts": 2, "retryOn": "5xx,reset,connect-failure"},
                 "route": [{"destination": {"host": "server"}, "weight": share},
                           {"destination": {"host": "twin"}, "weight": 100 - share}]}]}}


class Churn:
    """Writes another configuration every 100 ms, and takes a pod out of the services or back every 300 ms."""

    def __init__(self, world, pod):
        self.world, self.pod = world, pod
        self.changes = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._done.wait(0.1):
            self.changes += 1
            self.world.folder.apply(routes(self.changes))
            if self.changes % 3 == 0:
                self.pod.ready = not self.pod.ready
                self.pod.apply()

    def stop(self):
        self._done.set()
        self._thread.join()


def logged(path):
    """The access log's requests: their paths, and how many there are of each status and flags."""
    paths, kinds, statuses = Counter(), Counter(), {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            if '"start_time"' not in line:
                continue
            entry = json.loads(line)
            key = entry["path"], entry["response_code"]
            paths[key[0]] += 1
            statuses[key[0]] = key[1]
            kinds[str(key[1]), entry["response_flags"] or "-"] += 1
    return paths, kinds, statuses


def test_every_request_is_answered_once_and_accounted_for(world):
    if REQUESTS > 100_000:
        signal.alarm(120 + REQUESTS // 250)
    world.namespace("default")
    client = world.pod("client", world.node("node1"))
    node = world.node("node2")
    pods = [world.pod(f"server-{number}", node, labels={"app": "server"}) for number in range(3)]
    waypoint = Waypoint(world, options=["--log-level", "warn,access:info", "--log-format", "json"])
    service = http_service(world, "server")
    http_service(world, "twin", selector={"app": "server"})
    world.folder.apply(routes(0))
    servers = [world.run_in(pod.netns, PYTHON, "-B", FLOOD, "serve", "8080", "10", name=pod.name) for pod in pods]
    for pod in pods:
        eventually(lambda: pod.netns.connect(pod.ip, 8080).close() is None)
    world.start()
    waypoint.start()
    by_http2 = REQUESTS // HTTP2_SHARE
    count = REQUESTS - by_http2
    answers = world.directory / "answers"
    churn = Churn(world, pods[2])
    flood = world.run_in(client.netns, PYTHON, "-B", FLOOD, "ask", service.ip, "80", str(count), "32", answers,
                         name="flood")
    load = world.run_in(client.netns, "h2load", "-n", str(by_http2), "-c", "4", "-m", "8", f"http://{service.ip}/h2",
                        name="h2load")
    limit = 60 + REQUESTS // 400
    assert flood.wait(limit) == 0, flood.text()
    assert load.wait(limit) == 0, load.text()
    churn.stop()

    # Each is answered once: by its own answer, as flood.py has seen to.
    seen = array.array("H", answers.read_bytes())
    assert len(seen) == count
    assert set(seen) <= {200, 418, 503}
    assert Counter(seen)[200] > 0.9 * count
    said = load.text()
    assert f"{by_http2} total, {by_http2} started, {by_http2} done" in said
    classes = [int(number) for number in re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", said).groups()]
    assert sum(classes) == by_http2

    # Each is counted once.
    def total():
        return waypoint.metrics().total("istio_requests_total")

    eventually(lambda: total() >= REQUESTS, 10, message=lambda: f"{total()} of {REQUESTS} are counted")
    metrics = waypoint.metrics()
    assert metrics.total("istio_requests_total") == REQUESTS
    assert metrics.total("istio_request_duration_milliseconds_count") == REQUESTS
    assert metrics.total("ambit_log_lines_dropped_total") == 0
    counted = Counter()
    for sample in metrics.select("istio_requests_total"):
        counted[sample.labels["response_code"], sample.labels["response_flags"]] += int(sample.value)
    waypoint.terminate()
    assert waypoint.process.wait(20) == 0

    # Each is logged once, with the status that the client has seen; log and metrics agree on all of it.
    paths, kinds, statuses = logged(waypoint.process.log)
    assert paths.pop("/h2") == by_http2
    assert len(paths) == count
    assert set(paths.values()) == {1}
    assert [number for number in range(count) if statuses[f"/n/{number}"] != seen[number]] == []
    assert kinds == counted
    by_status = Counter()
    for (status, _), number in counted.items():
        by_status[status] += number
    totals = Counter(map(str, seen))
    totals.update({"200": classes[0], "418": classes[2], "503": classes[3]})
    assert by_status == +totals
    # A 503 says why: tries are used up, too many are under way, or the endpoint is gone.
    unexplained = {key: number for key, number in counted.items()
                   if key[0] == "503" and set(key[1].split(",")) <= {"-", "DI"}}
    assert unexplained == {}
    # All of it has happened: faults, retries, changes.
    assert sum(number for (_, flags), number in counted.items() if "DI" in flags) > 0.005 * REQUESTS
    assert sum(number for (_, flags), number in counted.items() if "FI" in flags) > 0.01 * REQUESTS
    for server in servers:
        server.stop()
    tries = sum(int(server.text().split()[-1]) for server in servers)
    assert tries > REQUESTS
    assert churn.changes >= 10
    print(f"{REQUESTS} requests, {tries} tries, {churn.changes} configurations: {dict(counted)}")
