# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus answers an operator's questions, and every query of the dashboards under deploy/grafana."""

import json
import re
import socket
import threading
import time
from pathlib import Path

import pytest
from mesh.manifests import authorization_policy
from mesh.prometheus import Prometheus
from mesh.serving import discard, exchange, receive_all
from mesh.topology import client_and_server
from mesh.waiting import eventually

DASHBOARDS = Path(__file__).resolve().parents[2] / "deploy" / "grafana"
PAIR = "source_workload", "destination_workload"
#: A connect that loses its first SYN takes so long: the initial retransmission timeout (RFC 6298 §2.1).
RETRANSMISSION = 1.0
#: Rows whose metrics come from waypoints: the query must be one, the answer may be empty in a mesh without any.
WAYPOINT_ROWS = {"Requests (services with a waypoint)"}
#: Panels that are empty while nothing goes wrong.
QUIET = {"Failed connections by flag", "Log lines dropped"}
REQUESTS, BYTES = 25, 1000


@pytest.fixture
def questioned(world):
    """web → shop → db over two nodes, a stranger outside the mesh, and a policy that keeps web from db."""
    world.namespace("default")
    world.namespace("outside", ambient=False)
    node1, node2 = world.node("node1"), world.node("node2")
    web, shop = world.pod("web", node1), world.pod("shop", node2)
    database, stranger = world.pod("db", node2), world.pod("stranger", node1, "outside")
    world.folder.apply(authorization_policy(
        "db-for-shop", "default", "ALLOW", [{"from": [{"source": {"principals": [shop.principal]}}]}],
        {"app": "db"}))
    world.folder.apply(authorization_policy(
        "no-web", "default", "DENY", [{"from": [{"source": {"principals": [web.principal]}}]}], {"app": "db"}))
    node2.tunnel.options = ["--svid-ttl", "30m"]
    world.start()
    return world, web, shop, database, stranger


def send(client, server, port, count, size):
    """`count` connections that each send `size` bytes and get none."""
    for _ in range(count):
        with client.connect(server, port) as connection:
            connection.sendall(bytes(size))
            connection.shutdown(socket.SHUT_WR)
            assert receive_all(connection) == b""


def traffic(world, web, shop, database, stranger):
    """What every test sends: exact numbers of connections and bytes, and refusals."""
    shop.serve(8080)
    database.serve(5432, discard)
    for _ in range(7):
        with web.connect(shop, 8080) as connection:
            exchange(connection, bytes(1000))
    send(shop, database, 5432, 3, 20_000)
    for _ in range(4):
        web.assert_refused(database, 5432)
    for _ in range(2):
        with stranger.connect(shop, 8080) as connection:
            exchange(connection)
    world.nodes["node1"].tunnel.wait_total(7, "istio_tcp_connections_closed_total", reporter="source",
                                           source_workload="web", destination_workload="shop")
    world.nodes["node2"].tunnel.wait_total(3, "istio_tcp_connections_closed_total", reporter="source",
                                           source_workload="shop")


def test_prometheus_answers_what_an_operator_asks(questioned):
    world, _, shop, database, _ = questioned
    prometheus = Prometheus(world)
    prometheus.wait_scraped()  # counters are seen before the traffic too, so rates know where they began
    traffic(*questioned)
    prometheus.wait_scraped()

    # Connections and bytes by source and destination workload.
    opened = prometheus.table(
        f'sum by ({", ".join(PAIR)}) (istio_tcp_connections_opened_total{{reporter="source",response_flags="-"}})', *PAIR)
    assert opened[("web", "shop")] == 7 and opened[("shop", "db")] == 3
    to_server = prometheus.table(f'sum by ({", ".join(PAIR)}) (istio_tcp_received_bytes_total{{reporter="source"}})', *PAIR)
    to_client = prometheus.table(f'sum by ({", ".join(PAIR)}) (istio_tcp_sent_bytes_total{{reporter="source"}})', *PAIR)
    assert (to_server[("web", "shop")], to_client[("web", "shop")]) == (7000, 7000)
    assert (to_server[("shop", "db")], to_client[("shop", "db")]) == (60_000, 0)
    # The server's side counts the same, and knows who came in plain text.
    security = prometheus.table('sum by (connection_security_policy) (istio_tcp_connections_opened_total'
                                '{reporter="destination",destination_workload="shop"})', "connection_security_policy")
    assert security["mutual_tls"] == 7 and sum(security.values()) == 9

    # Refusals by policy.
    denied = prometheus.table(
        'sum by (policy_namespace, policy) (ambit_policy_decisions_total{decision="deny"})', "policy_namespace", "policy")
    assert denied == {("default", "no-web"): 4}
    allowed = prometheus.table('sum by (policy) (ambit_policy_decisions_total{decision="allow"})', "policy")
    assert allowed["db-for-shop"] == 3
    assert prometheus.table('sum by (reason) (ambit_refusals_total{reporter="destination"})', "reason")["policy_denied"] == 4

    # Certificates that expire within an hour: those of the second node, by its --svid-ttl.
    ending = prometheus.table("ambit_certificate_remaining_seconds < 3600", "node", "identity")
    assert set(ending) == {("node2", shop.spiffe_id), ("node2", database.spiffe_id)}
    assert all(1700 < seconds <= 1800 for seconds in ending.values())


def test_p99_of_connecting_is_what_connecting_took(questioned):
    """A few connects in a hundred lose their SYN once: half of them are fast, and the 99th percentile is a second."""
    world, web, *_ = questioned
    prometheus = Prometheus(world)
    hosts = [world.host(f"host{number}") for number in range(2)]
    for host in hosts:
        host.serve(80)
    with web.connect(hosts[0], 80) as connection:
        exchange(connection)
    prometheus.wait_scraped()
    time.sleep(1)  # a rate needs two samples before the traffic begins
    # The first SYN of each connection to the second host is lost, by its port: a set remembers who has tried.
    hosts[1].netns.run("nft", "-f", "-", input="""
        table inet lossy {
            set seen { type inet_service; flags dynamic; timeout 30s; }
            chain input { type filter hook input priority 0;
                tcp flags & (syn|ack) == syn tcp sport != @seen add @seen { tcp sport } drop; }
        }""")
    for host, count in (hosts[0], 94), (hosts[1], 6):
        for _ in range(count):
            with web.connect(host, 80) as connection:
                exchange(connection)
    prometheus.wait_scraped()
    expression = ('histogram_quantile({}, sum by (le) (rate(ambit_connect_duration_seconds_bucket'
                  '{{reporter="source",node="node1"}}[1m])))')
    (_, p50), = prometheus.query(expression.format(0.5))
    (_, p99), = prometheus.query(expression.format(0.99))
    assert p50 < 0.1
    assert 0.5 * RETRANSMISSION <= p99 <= 2.5 * RETRANSMISSION


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


def variables(name):
    """(name, metric, label) of each variable whose values Grafana asks Prometheus for."""
    for variable in json.loads((DASHBOARDS / name).read_text())["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["name"], *re.fullmatch(r"label_values\((.*), (\w+)\)", variable["definition"]).groups()


def expression(name, title):
    return next(text for _, panel, text in panels(name) if panel == title)


@pytest.fixture
def mesh(world):
    client, server = client_and_server(world)
    server.serve(8080)
    server.serve(8081)
    world.folder.apply(authorization_policy(
        "deny-8081", "default", "DENY", [{"to": [{"operation": {"ports": ["8081"]}}]}], {"app": "server"}))
    stranger = world.host("stranger")
    prometheus = Prometheus(world)
    prometheus.wait_scraped()
    return client, server, stranger, prometheus


def test_every_panel_has_an_answer_and_totals_are_those_of_the_traffic(mesh):
    client, server, stranger, prometheus = mesh
    for _ in range(REQUESTS):
        with client.connect(server, 8080) as connection:
            exchange(connection, bytes(BYTES))
    pair = {"source_workload": "client", "destination_workload": "server", "connection_security_policy": "mutual_tls"}
    totals = expression("mesh.json", "Total by pair")
    eventually(lambda: prometheus.query(totals) == [(pair, REQUESTS)], 10, message=lambda: prometheus.query(totals))
    both = expression("mesh.json", "Bytes by pair, total")
    eventually(lambda: prometheus.table(both, *PAIR) == {("client", "server"): 2 * REQUESTS * BYTES}, 10)
    received = expression("mesh.json", "Bytes from clients, total by service")
    eventually(lambda: [value for _, value in prometheus.query(received)] == [REQUESTS * BYTES], 10,
               message=lambda: prometheus.query(received))

    # Rates need traffic while they are looked at.
    done = threading.Event()

    def traffic():
        while not done.wait(0.05):
            with client.connect(server, 8080) as connection:
                exchange(connection, bytes(BYTES))
            client.assert_refused(server, 8081)
            with stranger.connect(server, 8080) as connection:
                exchange(connection)

    thread = threading.Thread(target=traffic, daemon=True)
    thread.start()
    try:
        for name in "node.json", "mesh.json":
            for row, title, text in panels(name):
                if row in WAYPOINT_ROWS or title in QUIET:
                    prometheus.query(text)
                else:
                    eventually(lambda: prometheus.query(text), 20, message=f"{name}: {title}: {text} has no answer")
            for variable, metric, label in variables(name):
                values = {labels.get(label) for labels, _ in prometheus.query(metric)}
                assert values and None not in values, f"{name}: {variable}"
        assert prometheus.value(expression("node.json", "Tunnels")) == 2
        assert prometheus.value(expression("node.json", "Pods served")) == 2
        assert prometheus.value(expression("node.json", "Pods waiting")) == 0
        assert prometheus.value(expression("node.json", "Objects with errors")) == 0
        assert 23 * 3600 < prometheus.value(expression("node.json", "First certificate ends in")) <= 24 * 3600
        assert prometheus.value(expression("node.json", "Certificates that end within an hour")) == 0
        # Each turn of the traffic is one exchange by mutual TLS and one in plain text.
        eventually(lambda: 0.4 < prometheus.value(expression("mesh.json", "Mutual TLS")) < 0.6, 20)
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
