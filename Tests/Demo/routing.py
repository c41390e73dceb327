# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""The demo's second half: a waypoint, and what it does with requests."""

import re
import shutil
import time
from pathlib import Path

from mesh.load import interval
from mesh.waiting import eventually
from mesh.waypoint import GATEWAY_NAME
from mesh.waypoint import binary as waypoint_binary
from stage import quote

HERE = Path(__file__).resolve().parent
PYTHON = shutil.which("python3", path="/usr/bin") or "python3"


def virtual_service(*rules):
    return {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
            "metadata": {"name": "reviews", "namespace": "shop"}, "spec": {"hosts": ["reviews"], "http": list(rules)}}


def to(**weights):
    """Destinations by version, with their weights."""
    return [{"destination": {"host": "reviews", "subset": version}, "weight": weight}
            for version, weight in weights.items()]


SUBSETS = {"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule",
           "metadata": {"name": "reviews", "namespace": "shop"},
           "spec": {"host": "reviews", "subsets": [{"name": version, "labels": {"version": version}}
                                                   for version in ("v1", "v2")]}}


class Routing:
    """Steps for the Demo: it has the stage, the world and the pods."""

    proxy = None

    # Small words

    def count(self, *options):
        """Sends requests from frontend to reviews; returns what count.py has printed."""
        _, output = self.stage.run(quote("ip", "netns", "exec", self.frontend.netns.name, PYTHON, "-B",
                                         HERE / "count.py", self.url(self.reviews, 80), *options))
        return output

    @staticmethod
    def number(output, status=r"\d+", name=r"[^\n]*"):
        """How many answers have this status, and come from this server."""
        return sum(int(found) for found in re.findall(rf"(?m)^ *(\d+) × {status} from {name}$", output))

    def waypoint(self, command, *words):
        return self.stage.run(quote(waypoint_binary(), command, *words, "-n", "shop", "--config",
                                    self.world.folder.path))

    def begin_traffic(self):
        command = [PYTHON, "-B", HERE / "count.py", self.url(self.reviews, 80), "-c", 2, "--fresh"]
        self.stage.say("$ " + quote("ip", "netns", "exec", self.frontend.netns.name, *command) + " &")
        self.traffic = self.world.run_in(self.frontend.netns, *command, name=f"traffic-{self.stage.steps}")
        time.sleep(1)

    def end_traffic(self, text):
        time.sleep(1)
        self.traffic.stop()
        output = self.traffic.text()
        for line in output.splitlines():
            self.stage.say(f"  {line}")
        answers = self.number(output)
        self.stage.check(answers > 50 and self.number(output, 200) == answers and ", 0 without answer" in output, text)

    def goes_to(self, workload):
        """Waits until frontend's requests are tunnelled to a pod whose name begins so."""
        def way():
            entries = self.node1.tunnel.access(direction="outbound")
            return entries[-1]["dst.workload"].startswith(workload) if entries else False
        eventually(way, 10)

    def check_share(self, count, total, share, text):
        low, high = interval(total, share)
        self.stage.check(low <= count <= high, f"{text}: {count} of {total} (chance gives {low} to {high})")

    # The steps

    def take_waypoint(self):
        """A waypoint: `apply` while requests run"""
        world = self.world
        places = {"reviews-v1": (self.node2, "v1", "reviews"), "reviews-v2": (self.node1, "v2", "reviews"),
                  "reviews-v3": (self.node2, "v3", "draft")}
        self.versions = {}
        for name, (node, version, application) in places.items():
            pod = world.pod(name, node, "shop", labels={"app": application, "version": version})
            self.versions[version] = pod
            self.serve(pod, *(["--failing", 2] if version == "v3" else []))
        self.gate = world.pod("waypoint", self.node2, "shop",
                              labels={GATEWAY_NAME: "waypoint", "istio.io/dataplane-mode": "none"})
        self.reviews = world.service("reviews", namespace="shop",
                                     spec={"ports": [{"name": "http", "port": 80, "targetPort": 8080}]})
        for pod in self.versions.values():
            pod.wait_captured()
            self.wait_serving(pod)
        command = [waypoint_binary(), "run", "--config", world.folder.path, "--ca-dir", world.ca_directory, "--name",
                   "waypoint", "-n", "shop", "--pod", "waypoint"]
        self.stage.say("$ " + quote("ip", "netns", "exec", self.gate.netns.name, *command) + " &")
        self.proxy = world.run_in(self.gate.netns, *command, name="waypoint")
        self.begin_traffic()
        self.goes_to("reviews")
        _, output = self.waypoint("apply", "--enroll-namespace", "--wait")
        self.stage.check("is ready" in output, "the waypoint is ready, and the namespace's services go through it")
        self.goes_to("waypoint")
        self.end_traffic("no request failed while the way changed")
        self.waypoint("status")

    def canary(self):
        """x-canary goes to v2; all others split 90/10"""
        self.apply(SUBSETS)
        self.apply(virtual_service(
            {"match": [{"headers": {"x-canary": {"exact": "true"}}}], "route": to(v2=100)},
            {"route": to(v1=90, v2=10)}))
        _, output = self.waypoint("routes", "--host", "reviews", "--path", "/", "--header", "x-canary=true")
        self.stage.check("v2" in output, "the waypoint says what it would do")
        output = self.count("-n", 200, "-c", 4, "-H", "x-canary: true")
        self.stage.check(self.number(output, 200, "reviews-v2") == 200, "each request with x-canary goes to v2")
        output = self.count("-n", 2000, "-c", 4)
        self.stage.check(self.number(output, 200) == 2000, "all requests are answered")
        self.check_share(self.number(output, 200, "reviews-v2"), 2000, 0.1, "10 % go to v2")

    def faults(self):
        """10 % wait half a second, 5 % are refused"""
        self.apply(virtual_service({
            "fault": {"delay": {"percentage": {"value": 10}, "fixedDelay": "500ms"},
                      "abort": {"percentage": {"value": 5}, "httpStatus": 503}},
            "route": to(v1=100)}))
        output = self.count("-n", 1000, "-c", 25, "--histogram")
        self.check_share(self.number(output, 503, "the waypoint"), 1000, 0.05, "aborted")
        late = sum(int(count) for low, count in re.findall(r"(?m)^ *(\d+) ms and more: +(\d+)", output)
                   if int(low) >= 500)
        self.check_share(late, 1000, 0.1, "delayed by 500 ms")

    def mirror(self):
        """Every request to v1 is copied to v2"""
        self.apply(virtual_service({"route": to(v1=100), "mirror": {"host": "reviews", "subset": "v2"}}))
        before = self.served("v2")
        output = self.count("-n", 300, "-c", 4)
        self.stage.check(self.number(output, 200, "reviews-v1") == 300, "v1 has answered all")
        eventually(lambda: self.served("v2") >= before + 300, 5, message="v2 has seen the copies")
        self.curl(self.frontend, self.versions["v2"], path="/count")
        self.stage.check(self.served("v2") == before + 300, "v2 has seen 300 requests more, and nobody its answers")

    def served(self, version):
        """How many requests a version has seen, asked without a word."""
        pod = self.versions[version]
        answer = self.frontend.curl(self.url(pod, path="/count"))
        return int(answer.stdout.split()[0])

    def retries(self):
        """A flaky version joins, and retries hide it"""
        flaky = self.versions["v3"]
        route = [{"destination": {"host": "reviews"}}]
        self.apply(virtual_service({"retries": {"attempts": 0}, "route": route}))
        flaky.labels["app"] = "reviews"
        self.apply(flaky.manifest())
        output = self.count("-n", 300, "-c", 3)
        self.stage.check(self.number(output, 503) > 10, "v3 answers 503 to every second request")
        self.apply(virtual_service({"retries": {"attempts": 2, "retryOn": "5xx"}, "route": route}))
        before = self.served("v3")
        output = self.count("-n", 300, "-c", 3)
        self.stage.check(self.number(output, 200) == 300, "with retries nobody sees it")
        self.stage.check(self.served("v3") > before + 10, f"although it was asked {self.served('v3') - before} times")
        _, output = self.stage.run(
            f"ip netns exec {self.gate.netns.name} curl -sS http://127.0.0.1:15020/metrics | "
            r"grep ^istio_requests_total | sed -E 's/.*response_code=\"([^\"]*)\".*response_flags=\"([^\"]*)\".*\}/\1 \2/' | "
            "awk '{ n[$1 \" \" $2] += $3 } END { for (key in n) print n[key], \"requests with\", key }' | sort -rn")
        self.stage.check("FI" in output and "DI" in output, "the metrics tell what was injected from what failed")
        flaky.labels["app"] = "draft"
        flaky.apply()

    def give_waypoint_up(self):
        """`delete` while requests run"""
        self.begin_traffic()
        self.goes_to("waypoint")
        _, output = self.waypoint("delete", "waypoint", "--unlabel")
        self.goes_to("reviews")
        self.proxy.stop()
        self.goes_to("reviews")
        self.end_traffic("no request failed while the way changed back")

    routing_steps = (take_waypoint, canary, faults, mirror, retries, give_waypoint_up)
