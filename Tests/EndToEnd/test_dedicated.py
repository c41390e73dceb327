# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""A tunnel that captures its own network namespace: one workload, as on a virtual machine."""

import pytest
from mesh.serving import exchange
from mesh.waiting import eventually


@pytest.fixture
def machines(world):
    """Two nodes, each with one pod that shares its namespace with the tunnel."""
    world.namespace("default")
    world.namespace("plain", ambient=False)
    nodes = world.node("node1"), world.node("node2")

    def make(client_in_mesh=True, server_in_mesh=True):
        client = world.dedicated_pod("client", nodes[0], "default" if client_in_mesh else "plain")
        server = world.dedicated_pod("server", nodes[1], "default" if server_in_mesh else "plain")
        world.start()
        server.serve(8080)
        return client, server

    return make


def test_cross_node_captured_dedicated(machines):
    client, server = machines()
    with client.connect(server, 8080) as connection:
        exchange(connection)
    server.node.tunnel.wait_access(direction="inbound", src__identity=client.spiffe_id)


def test_server_uncaptured_dedicated(machines):
    client, server = machines(server_in_mesh=False)
    with client.connect(server, 8080) as connection:
        exchange(connection)
    client.node.tunnel.wait_access(direction="outbound", dst__workload="server")
    assert server.node.tunnel.access() == []


def test_client_uncaptured_dedicated(machines):
    client, server = machines(client_in_mesh=False)
    with client.connect(server, 8080) as connection:
        exchange(connection)
    entry = server.node.tunnel.wait_access(direction="inbound")
    assert "src.identity" not in entry


def test_hbone_metrics_access(world):
    """The tunnel's own metrics are scraped over HBONE when it is a workload of the mesh."""
    world.namespace("default")
    node1, node2 = world.node("node1"), world.node("node2")
    scraper = world.pod("scraper", node1)
    tunnel = world.dedicated_pod("ambit-tunnel", node2)
    world.start()
    host = f"[{tunnel.ip}]" if ":" in tunnel.ip else tunnel.ip
    scrape = scraper.curl(f"http://{host}:15020/metrics", check=True)
    assert "istio_build" in scrape.stdout
    entry = node2.tunnel.wait_access(direction="inbound", src__identity=scraper.spiffe_id)
    assert entry["dst.hbone_addr"] == f"{host}:15020"
    assert eventually(lambda: node1.tunnel.access(direction="outbound", dst__workload="ambit-tunnel"))
