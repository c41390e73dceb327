#!/usr/bin/env python3
# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""CPU time that a waypoint spends on a request, with 10 and with 10,000 routes: the ratio, and exit code 1 above 1.10.

The same requests go the same ways both times: an exact path, a prefix, a regular expression, a header field. ROUNDS of
REQUESTS each, in turn; the least counts, so that other load on the machine matters little.
"""

import os
import pathlib
import re
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "EndToEnd"))

from mesh.waiting import eventually  # noqa: E402
from mesh.waypoint import Waypoint, http_service  # noqa: E402
from mesh.world import World  # noqa: E402

FEW, MANY, PER_OBJECT = 10, 10_000, 16
ROUNDS = int(os.environ.get("ROUNDS", "7"))
REQUESTS = int(os.environ.get("REQUESTS", "40000"))
PORT = 9000
URL = f"http://127.0.0.1:{PORT}"
PATHS = ("/exact/4", "/prefix/5/more?q=1", "/regex/6/word", "/else")
LIMIT = 1.10


def match(number):
    """Four kinds of condition in turn."""
    kinds = ({"path": {"type": "Exact", "value": f"/exact/{number}"}},
             {"path": {"type": "PathPrefix", "value": f"/prefix/{number}"}},
             {"path": {"type": "RegularExpression", "value": f"/regex/{number}/[a-z]+"}},
             {"headers": [{"name": "x-tenant", "value": f"t{number}"}]})
    return kinds[number % 4]


def route(first, last):
    rules = [{"matches": [match(number)], "backendRefs": [{"name": "server", "port": 80}],
              "filters": [{"type": "ResponseHeaderModifier", "responseHeaderModifier": {
                  "set": [{"name": "x-rule", "value": str(number)}]}}]} for number in range(first, last)]
    return {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
            "metadata": {"name": f"routes-{first}", "namespace": "default"},
            "spec": {"parentRefs": [{"group": "", "kind": "Service", "name": "server"}], "rules": rules}}


class Bench:
    def __init__(self, world):
        self.world = world
        self.applied = []
        node = world.node("node", tunnel=False)
        world.namespace("default", ambient=False)
        server = world.pod("server", node)
        http_service(world, "server")
        self.waypoint = Waypoint(world, options=["--workers", "1", "--plaintext", f"127.0.0.1:{PORT}=server.default:80"])
        world.run_in(server.netns, "/usr/bin/python3", "-B", HERE.parent / "EndToEnd" / "flood.py", "serve", "8080",
                     str(1 << 60), name="server")

    def run(self, *command):
        return self.waypoint.pod.netns.run(*command, check=False).stdout

    def apply(self, count):
        """Exactly `count` routes: those that are too many go."""
        size = min(count, PER_OBJECT)
        wanted = [route(first, first + size) for first in range(0, count, size)]
        names = {value["metadata"]["name"] for value in wanted}
        self.world.folder.delete(*(value for value in self.applied if value["metadata"]["name"] not in names))
        self.world.folder.apply(*wanted)
        self.applied = wanted
        last = count - 1 - (count - 1) % 4
        eventually(lambda: self.is_routed(last) and (count == MANY or not self.is_routed(MANY - 4)), 60,
                   message=f"{count} routes are in force")

    def is_routed(self, number):
        return f"x-rule: {number}" in self.run("curl", "-sD", "-", f"{URL}/exact/{number}")

    def seconds(self):
        fields = pathlib.Path(f"/proc/{self.waypoint.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def microseconds(self):
        """Of one round, per request."""
        before = self.seconds()
        said = self.run("h2load", "--h1", "-n", str(REQUESTS), "-c", "8", "-H", "x-tenant: t7",
                        *(URL + path for path in PATHS))
        done = int(re.search(r"(\d+) 2xx", said)[1])
        assert done == REQUESTS, said
        return 1e6 * (self.seconds() - before) / REQUESTS


def main():
    with World(pathlib.Path(tempfile.mkdtemp(prefix="ambit-routes-")) / "world", families=(4,), name="routes") as world:
        bench = Bench(world)
        bench.waypoint.start()
        seen = {FEW: [], MANY: []}
        for _ in range(ROUNDS):
            for count, times in seen.items():
                bench.apply(count)
                times.append(bench.microseconds())
    few, many = min(seen[FEW]), min(seen[MANY])
    print(f"{FEW:6} routes: {few:6.1f} µs of CPU per request\n{MANY:6} routes: {many:6.1f} µs\nratio: {many / few:.3f}")
    return 0 if many <= LIMIT * few else 1


if __name__ == "__main__":
    sys.exit(main())
