# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus scrapes a mesh, and answers every query of the dashboards under deploy/grafana."""

import http.client
import json
import shutil
import threading
from pathlib import Path
from urllib.parse import urlencode

import pytest
from mesh.manifests import authorization_policy
from mesh.serving import assert_refused, exchange
from mesh.topology import client_and_server
from mesh.waiting import eventually

DASHBOARDS = Path(__file__).resolve().parents[2] / "deploy" / "grafana"
PORT = 9090
CONFIGURATION = """\
global: {scrape_interval: 500ms, scrape_timeout: 400ms}
scrape_configs:
- job_name: ambit
  static_configs: [{targets: [TARGETS]}]
"""
#: Rows whose metrics come from waypoints: the query must be one, the answer may be empty in a mesh without any.
WAYPOINT_ROWS = {"Requests (services with a waypoint)"}
#: Panels that are empty while nothing goes wrong.
QUIET = {"Failed connections by flag", "Log lines dropped"}
REQUESTS, BYTES = 25, 1000


class Prometheus:
    """The program of Debian's package, in the namespace of a node."""

    def __init__(self, world, node, targets):
        self.netns = node.netns
        directory = world.directory / "prometheus"
        directory.mkdir()
        configuration = directory / "prometheus.yml"
        configuration.write_text(CONFIGURATION.replace("TARGETS", ", ".join(f'"{target}"' for target in targets)))
        world.run_in(node.netns, shutil.which("prometheus"), f"--config.file={configuration}",
                     f"--storage.tsdb.path={directory / 'data'}", f"--web.listen-address=127.0.0.1:{PORT}",
                     name="prometheus")
        eventually(lambda: self.value("sum(up)") == len(targets), 30, message="all targets are scraped")

    def query(self, expression):
        """The vector that an instant query answers: [(labels, value)]."""
        connection = http.client.HTTPConnection("127.0.0.1", PORT)
        connection.sock = self.netns.connect("127.0.0.1", PORT, timeout=10)
        with connection.sock:
            connection.request("GET", "/api/v1/query?" + urlencode({"query": expression}))
            response = connection.getresponse()
            body = response.read()
        if response.status == 503:
            raise ConnectionError("Prometheus is still starting")
        answer = json.loads(body)
        assert answer["status"] == "success", f"{expression}: {answer.get('error')}"
        return [(row["metric"], float(row["value"][1])) for row in answer["data"]["result"]]

    def value(self, expression):
        rows = self.query(expression)
        return rows[0][1] if rows else None


def panels(name):
    """(row, title, expression) of each query of a dashboard, its variables set to everything."""
    row = ""
    for panel in json.loads((DASHBOARDS / name).read_text())["panels"]:
        if panel["type"] == "row":
            row = panel["title"]
        for target in panel.get("targets", []):
            expression = target["expr"].replace("$__rate_interval", "10s")
            for variable in "instance", "namespace":
                expression = expression.replace(f"${variable}", ".*")
            assert "$" not in expression, f"{panel['title']}: a variable that is not known"
            yield row, panel["title"], expression


def expression(name, title):
    return next(text for _, panel, text in panels(name) if panel == title)


@pytest.fixture
def mesh(world):
    if not shutil.which("prometheus"):
        pytest.skip("Debian's package prometheus is not installed")
    client, server = client_and_server(world)
    server.serve(8080)
    server.serve(8081)
    world.folder.apply(authorization_policy(
        "deny-8081", "default", "DENY", [{"to": [{"operation": {"ports": ["8081"]}}]}], {"app": "server"}))
    nodes = list(world.nodes.values())
    return client, server, Prometheus(world, nodes[0], [f"{node.addresses[4]}:15020" for node in nodes])


def test_every_panel_has_an_answer_and_totals_are_those_of_the_traffic(mesh):
    client, server, prometheus = mesh
    for _ in range(REQUESTS):
        with client.connect(server, 8080) as connection:
            exchange(connection, bytes(BYTES))
    pair = {"source_workload": "client", "destination_workload": "server", "connection_security_policy": "mutual_tls"}
    totals = expression("mesh.json", "Total by pair")
    eventually(lambda: prometheus.query(totals) == [(pair, REQUESTS)], 10, message=lambda: prometheus.query(totals))
    received = expression("mesh.json", "Bytes from clients, total by service")
    eventually(lambda: [value for _, value in prometheus.query(received)] == [REQUESTS * BYTES], 10,
               message=lambda: prometheus.query(received))

    # Rates need traffic while they are looked at.
    done = threading.Event()

    def traffic():
        while not done.wait(0.05):
            with client.connect(server, 8080) as connection:
                exchange(connection, bytes(BYTES))
            with client.connect(server, 8081) as connection:
                assert_refused(connection)

    thread = threading.Thread(target=traffic, daemon=True)
    thread.start()
    try:
        for name in "node.json", "mesh.json":
            for row, title, text in panels(name):
                if row in WAYPOINT_ROWS or title in QUIET:
                    prometheus.query(text)
                else:
                    eventually(lambda: prometheus.query(text), 20, message=f"{name}: {title}: {text} has no answer")
        assert prometheus.value(expression("node.json", "Tunnels")) == 2
        assert prometheus.value(expression("node.json", "Pods served")) == 2
        assert prometheus.value(expression("node.json", "Pods waiting")) == 0
        assert prometheus.value(expression("node.json", "Objects with errors")) == 0
        assert 23 * 3600 < prometheus.value(expression("node.json", "First certificate ends in")) <= 24 * 3600
        assert prometheus.value(expression("mesh.json", "Mutual TLS")) == 1
        eventually(lambda: prometheus.value(expression("mesh.json", "Denied by policy")) > 0, 20)
        decisions = {labels["decision"]: value
                     for labels, value in prometheus.query(expression("mesh.json", "Decisions")) if value}
        assert decisions.get("deny", 0) > 0
        reasons = {labels["reason"] for labels, value in
                   prometheus.query(expression("mesh.json", "Refusals by reason")) if value}
        assert "policy_denied" in reasons
    finally:
        done.set()
        thread.join()


def test_dashboards_are_what_grafana_imports():
    """Panels have places that do not overlap, queries a data source, and uids differ."""
    uids = set()
    for path in DASHBOARDS.glob("*.json"):
        dashboard = json.loads(path.read_text())
        uids.add(dashboard["uid"])
        taken = set()
        for panel in dashboard["panels"]:
            place = panel["gridPos"]
            cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                     for y in range(place["y"], place["y"] + place["h"])}
            assert not cells & taken and place["x"] + place["w"] <= 24, f"{path.name}: {panel['title']}"
            taken |= cells
            if panel["type"] != "row":
                assert panel["datasource"]["uid"] == "${datasource}" and panel["targets"], panel["title"]
        assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    assert len(uids) == 2
