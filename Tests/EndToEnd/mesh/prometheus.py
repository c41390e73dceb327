# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus that scrapes the tunnels of a world and is asked over its HTTP API."""

import http.client
import json
import os
import shutil
import time
import urllib.parse

from .waiting import eventually

_PORT = 9090


def binary():
    """The executable: PROMETHEUS (`make` sets it to what `deps-prometheus` has unpacked), or the one in PATH."""
    path = os.environ.get("PROMETHEUS") or shutil.which("prometheus")
    if not path or not os.access(path, os.X_OK):
        raise FileNotFoundError("no Prometheus: `make deps-prometheus`, and name it in PROMETHEUS")
    return os.path.abspath(path)


class Prometheus:
    """Runs on a machine of its own beside the nodes and scrapes each every half second."""

    def __init__(self, world):
        self.host = world.host("prometheus")
        self.count = len(world.nodes)
        directory = world.directory / "prometheus"
        directory.mkdir()
        targets = "".join(
            f"      - targets: ['{node.addresses[4]}:15020']\n        labels: {{node: '{node.name}'}}\n"
            for node in world.nodes.values())
        (directory / "prometheus.yaml").write_text(
            "global: {scrape_interval: 500ms, scrape_timeout: 500ms}\n"
            f"scrape_configs:\n  - job_name: ambit\n    static_configs:\n{targets}", encoding="utf-8")
        self.process = world.run_in(
            self.host.netns, binary(), f"--config.file={directory}/prometheus.yaml",
            f"--storage.tsdb.path={directory}/data", f"--web.listen-address=127.0.0.1:{_PORT}", name="prometheus")
        eventually(lambda: self._get("/-/ready")[0] == 200, within=20, message=self.process.text)

    def _get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", _PORT)
        connection.sock = self.host.netns.connect("127.0.0.1", _PORT)
        with connection.sock:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()

    def query(self, expression):
        """The instant vector of an expression: [(labels, value)]."""
        status, body = self._get("/api/v1/query?" + urllib.parse.urlencode({"query": expression}))
        answer = json.loads(body)
        assert status == 200 and answer["status"] == "success", f"{expression}: {answer.get('error', status)}"
        assert not answer.get("warnings"), f"{expression}: {answer['warnings']}"
        assert answer["data"]["resultType"] == "vector", f"{expression}: {answer['data']['resultType']}"
        return [(sample["metric"], float(sample["value"][1])) for sample in answer["data"]["result"]]

    def table(self, expression, *labels):
        """The same as {(label values): value}; one label is not wrapped in a tuple."""
        rows = {tuple(metric.get(label, "") for label in labels): value for metric, value in self.query(expression)}
        return {key[0]: value for key, value in rows.items()} if len(labels) == 1 else rows

    def value(self, expression):
        """The value of an expression that has one answer; None when it has none."""
        rows = self.query(expression)
        assert len(rows) <= 1, f"{expression}: {rows}"
        return rows[0][1] if rows else None

    def targets(self):
        return json.loads(self._get("/api/v1/targets")[1])["data"]["activeTargets"]

    def wait_scraped(self):
        """Until every tunnel has been scraped once more than now, without a fault."""
        begin = time.time()

        def scraped():
            targets = self.targets()
            assert len(targets) == self.count
            assert all(target["health"] != "down" for target in targets), [target["lastError"] for target in targets]
            return all(value > begin for _, value in self.query("timestamp(up)")) \
                and len(self.query("up == 1")) == len(targets)

        eventually(scraped, within=10)
