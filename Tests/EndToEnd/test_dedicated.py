# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""A tunnel for one workload in its own network namespace, as on a virtual machine.

The tunnel leaves that namespace alone: whoever runs the machine redirects. Here it is a few rules for what carries the
application's mark, or comes in for the application's port.
"""

import pytest
from mesh.serving import exchange

APPLICATION_MARK, APPLICATION_PORT = 0x77, 8080
RULES = f"""
table inet machine {{
    chain output {{
        type nat hook output priority -100
        meta l4proto tcp meta mark {APPLICATION_MARK} redirect to :15001
    }}
    chain prerouting {{
        type nat hook prerouting priority dstnat
        iifname "br0" tcp dport {APPLICATION_PORT} redirect to :15006
    }}
}}
"""


@pytest.fixture
def machines(each_family):
    """Two machines, each a workload that shares its namespace with the tunnel."""
    world = each_family
    world.namespace("default")
    world.namespace("plain", ambient=False)
    nodes = world.node("node1"), world.node("node2")

    def make(client_in_mesh=True, server_in_mesh=True):
        client = world.dedicated_pod("client", nodes[0], "default" if client_in_mesh else "plain")
        server = world.dedicated_pod("server", nodes[1], "default" if server_in_mesh else "plain")
        for pod, in_mesh in (client, client_in_mesh), (server, server_in_mesh):
            if in_mesh:
                pod.netns.run("nft", "-f", "-", input=RULES)
        world.start()
        server.serve(APPLICATION_PORT)
        return client, server

    return make


def call(client, server):
    with client.connect(server, APPLICATION_PORT, mark=APPLICATION_MARK) as connection:
        exchange(connection)


def test_cross_node_captured_dedicated(machines):
    client, server = machines()
    call(client, server)
    server.node.tunnel.wait_access(direction="inbound", src__identity=client.spiffe_id)


def test_server_uncaptured_dedicated(machines):
    client, server = machines(server_in_mesh=False)
    call(client, server)
    client.node.tunnel.wait_access(direction="outbound", dst__workload="server")
    assert server.node.tunnel.access() == []


def test_client_uncaptured_dedicated(machines):
    client, server = machines(client_in_mesh=False)
    call(client, server)
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
    node1.tunnel.wait_access(direction="outbound", dst__workload="ambit-tunnel")
