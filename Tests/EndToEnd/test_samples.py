# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""The route manifests that users bring, unchanged, in a running mesh: traffic does what the comment on top of each says."""

import time
from collections import Counter
from pathlib import Path

import pytest
from mesh.load import Client, assert_share, requests
from mesh.waiting import eventually
from mesh.waypoint import Echo, Waypoint, http_service

SAMPLES = Path(__file__).resolve().parents[1] / "ManifestTests" / "Fixtures" / "samples"


class Version(Echo):
    """One version of a service, as a pod of its own; `waits` are slept before the next requests, one each."""

    def __init__(self, pod):
        super().__init__(pod)
        self.waits = []

    def next_status(self, request):
        if self.waits:
            time.sleep(self.waits.pop(0))
        return super().next_status(request)


class Mesh:
    """A client, and v1 and v2 of one application behind a waypoint."""

    def __init__(self, world, name, sample, port=80, with_services=False):
        world.namespace("default")
        self.client = world.pod("client", world.node("node1"))
        node = world.node("node2")
        self.v1, self.v2 = (
            Version(world.pod(f"{name}-{version}", node, labels={"app": name, "version": version}))
            for version in ("v1", "v2"))
        waypoint = Waypoint(world, options=["--log-level", "info,access:info", "--log-format", "json"])
        self.services = {}
        self.port = port
        self.service = self.add(world, name, {"app": name})
        if with_services:
            for version in ("v1", "v2"):
                self.add(world, f"{name}-{version}", {"app": name, "version": version})
        world.folder.write(sample, (SAMPLES / sample).read_text(encoding="utf-8"))
        self.waypoint = waypoint
        self.world = world

    def add(self, world, name, selector):
        return http_service(world, name, port=self.port, selector=selector)

    def start(self):
        self.world.start()
        self.waypoint.start()
        return self

    def many(self, count, **request):
        return requests(self.client.netns, self.service.ip, count, port=self.port, **request)

    def ask(self, *arguments, **request):
        client = Client(self.client.netns, self.service.ip, self.port)
        try:
            return client.ask(*arguments, **request)
        finally:
            client.close()

    def assert_split(self, count, share, **request):
        """v2 gets its share of `count` requests, and nothing fails."""
        answers = self.many(count, **request)
        assert Counter(answer.status for answer in answers) == {200: count}
        assert_share(sum(answer.server == self.v2.name for answer in answers), count, share)


def subsets(host):
    return {"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule",
            "metadata": {"name": host, "namespace": "default"},
            "spec": {"host": host, "subsets": [{"name": name, "labels": {"version": name}} for name in ("v1", "v2")]}}


def test_01_canary_by_weight_with_retries_and_time_outs(world):
    mesh = Mesh(world, "reviews", "01-canary-weights.yaml").start()
    mesh.assert_split(2000, 0.1)
    # Up to three retries: the fourth try is seen, or it is the last.
    for failing, status in ((3, 200), (4, 503)):
        for version in (mesh.v1, mesh.v2):
            version.requests.clear()
            version.statuses[:] = [503] * failing
        assert mesh.ask().status == status
        assert len(mesh.v1.requests) + len(mesh.v2.requests) == 4
        mesh.v1.statuses.clear()
        mesh.v2.statuses.clear()
        assert mesh.many(50, workers=1)[-1].status == 200
    # Two seconds for each try, five for all.
    for waits, status, seconds in (([3], 200, 2), ([20, 20, 20, 20], 504, 5)):
        for version in (mesh.v1, mesh.v2):
            version.waits[:] = list(waits)
        answer = mesh.ask()
        assert answer.status == status
        assert seconds <= answer.seconds < seconds + 1.5


def test_02_canary_by_header(world):
    mesh = Mesh(world, "api", "02-canary-header.yaml").start()
    canaries = mesh.many(300, headers={"X-Canary": "true"})
    assert {answer.server for answer in canaries} == {mesh.v2.name}
    mesh.assert_split(2000, 0.1)
    mesh.assert_split(500, 0.1, headers={"X-Canary": "True"})


def test_03_faults_are_drawn_independently(world):
    mesh = Mesh(world, "ratings", "03-fault-injection.yaml").start()
    count = 1500
    answers = mesh.many(count, workers=100)
    assert {answer.status for answer in answers} == {200, 503}
    delayed = [answer for answer in answers if answer.seconds >= 5]
    aborted = [answer for answer in answers if answer.status == 503]
    both = sum(answer.status == 503 for answer in delayed)
    assert_share(len(delayed), count, 0.1)
    assert_share(len(aborted), count, 0.05)
    assert_share(both, count, 0.1 * 0.05)
    # What was aborted has reached nobody; the log calls all of it injected.
    assert len(mesh.v1.requests) + len(mesh.v2.requests) == count - len(aborted)
    metrics = mesh.waypoint.metrics()
    flags = Counter()
    for sample in metrics.select("istio_requests_total"):
        flags[sample.labels["response_flags"]] += int(sample.value)
    assert flags == {"-": count - len(delayed) - len(aborted) + both, "DI": len(delayed) - both,
                     "FI": len(aborted) - both, "DI,FI": both}


def test_04_mirror(world):
    world.folder.apply(subsets("reviews"))
    mesh = Mesh(world, "reviews", "04-mirror.yaml").start()
    answers = mesh.many(200, method="POST", body=b"x" * 1000, headers={"Host": "reviews"})
    assert Counter(answer.server for answer in answers) == {mesh.v1.name: 200}
    eventually(lambda: len(mesh.v2.requests) == 200, 10, message=lambda: f"{len(mesh.v2.requests)} copies")
    assert {(method, path, length) for method, path, _, length in mesh.v2.requests} == {("POST", "/", 1000)}
    assert {headers["host"] for _, _, headers, _ in mesh.v2.requests} == {"reviews-shadow"}
    assert {headers["host"] for _, _, headers, _ in mesh.v1.requests} == {"reviews"}
    # Whatever becomes of the copy: its answer is dropped.
    mesh.v2.statuses[:] = [500] * 20
    assert {answer.status for answer in mesh.many(20)} == {200}


def test_06_the_mesh_part_of_the_gateway_api(world):
    mesh = Mesh(world, "reviews", "06-gateway-api.yaml", port=9080, with_services=True).start()
    canaries = mesh.many(300, headers={"x-canary-user": "true"})
    assert {answer.server for answer in canaries} == {mesh.v2.name}
    mesh.assert_split(2000, 0.05)
    # The route of the Gateway at the edge, 90 to 10 for /reviews, is not the mesh's.
    mesh.assert_split(2000, 0.05, path="/reviews")


@pytest.mark.parametrize("name", ["api", "webapp"])
def test_12_traffic_splits(world, name):
    mesh = Mesh(world, name, "12-smi-linkerd.yaml", with_services=True).start()
    mesh.assert_split(2000, 0.1)


def test_12_service_profile(world):
    mesh = Mesh(world, "webapp", "12-smi-linkerd.yaml", with_services=True).start()
    # The profile's service keeps its split.
    mesh.assert_split(1000, 0.1, path="/api/users")
    cases = (("POST", "/api/orders", 200, 2), ("GET", "/api/users", 503, 1), ("GET", "/api/orders", 503, 1))
    for method, path, status, tries in cases:
        for version in (mesh.v1, mesh.v2):
            version.requests.clear()
            version.statuses[:] = [503]
        assert mesh.ask(path, method, b"order" if method == "POST" else None).status == status
        seen = len(mesh.v1.requests) + len(mesh.v2.requests)
        # Tries draw a backend each: the second may meet another version, which fails once too.
        assert seen == 1 if tries == 1 else seen in (2, 3)
    for version in (mesh.v1, mesh.v2):
        version.statuses.clear()
        version.waits[:] = [30] * 10
    answer = mesh.ask("/api/orders", "POST", b"order")
    assert answer.status == 504
    assert 10 <= answer.seconds < 12
