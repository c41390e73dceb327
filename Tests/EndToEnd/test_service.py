# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""Services: which endpoint a connection reaches, at which port, and what happens when there is none."""

import collections

from mesh.serving import exchange, receive_line, say
from mesh.waiting import eventually


def backends(world, node, count, **options):
    pods = [world.pod(f"backend-{n}", node, labels={"app": "backend"}, service_account="backend", **options)
            for n in range(1, count + 1)]
    for pod in pods:
        pod.serve(8080, say(pod.name))
    return pods


def ask(client, service, port=80):
    with client.connect(service, port) as connection:
        return receive_line(connection)


def test_service_loadbalancing(each_family):
    each_family.namespace()
    node1, node2 = each_family.node("node1"), each_family.node("node2")
    client = each_family.pod("client", node1)
    pods = backends(each_family, node1, 2)
    remote = each_family.pod("remote", node2, labels={"app": "backend"}, service_account="backend")
    remote.serve(8080, say("remote"))
    service = each_family.service("backend")
    each_family.start()
    answers = collections.Counter(ask(client, service) for _ in range(90))
    assert set(answers) == {"backend-1", "backend-2", "remote"}
    assert min(answers.values()) >= 10
    entry = node1.tunnel.wait_access(direction="outbound", dst__workload="remote")
    assert entry["dst.service"] == service.hostname
    node1.tunnel.wait_total(
        90, "istio_tcp_connections_closed_total", reporter="source", destination_service=service.hostname,
        destination_service_name="backend", destination_service_namespace="default")
    # The far side learns the service too, from `forwarded`.
    node2.tunnel.wait_total(answers["remote"], "istio_tcp_connections_closed_total", reporter="destination",
                            destination_service=service.hostname)
    assert len(pods) == 2


def test_one_connection_stays_with_one_endpoint(world):
    world.namespace()
    node = world.node("node1")
    client = world.pod("client", node)
    backends(world, node, 2)
    service = world.service("backend")
    world.start()
    with client.connect(service, 80) as connection:
        assert receive_line(connection).startswith("backend-")
        for _ in range(50):
            exchange(connection)


def test_least_connections_of_two_choices_keeps_long_connections_apart(world):
    world.namespace()
    node = world.node("node1")
    client = world.pod("client", node)
    backends(world, node, 2)
    service = world.service("backend")
    world.start()
    connections = [client.connect(service, 80) for _ in range(20)]
    answers = collections.Counter(receive_line(connection) for connection in connections)
    assert abs(answers["backend-1"] - answers["backend-2"]) <= 4  # per-worker counts may differ a little


def test_named_and_numbered_target_ports(each_family):
    each_family.namespace()
    node1, node2 = each_family.node("node1"), each_family.node("node2")
    client = each_family.pod("client", node1)
    server = each_family.pod("server", node2, ports={"web": 8081})
    server.serve(8080, say("number"))
    server.serve(8081, say("name"))
    service = each_family.service("server", ports={80: 8080, 81: "web", 8080: 8081})
    each_family.start()
    assert [ask(client, service, port) for port in (80, 81, 8080)] == ["number", "name", "name"]


def test_unready_endpoints_are_never_chosen_and_readiness_is_followed(world):
    world.namespace()
    node = world.node("node1")
    client = world.pod("client", node)
    first, second = backends(world, node, 2)
    service = world.service("backend")
    second.ready = False
    second.apply()
    world.start()
    assert {ask(client, service) for _ in range(20)} == {"backend-1"}
    first.ready, second.ready = False, True
    first.apply()
    second.apply()
    eventually(lambda: {ask(client, service) for _ in range(10)} == {"backend-2"}, within=2)


def test_a_service_without_endpoints_refuses(each_family):
    each_family.namespace()
    node = each_family.node("node1")
    client = each_family.pod("client", node)
    service = each_family.service("nobody")
    each_family.start()
    client.assert_refused(service, 80)
    node.tunnel.wait_total(1, "ambit_refusals_total", reason="no_healthy_upstream")
    assert "no healthy" in eventually(lambda: node.tunnel.access())[0]["error"]


def test_the_next_endpoint_is_tried_when_connecting_fails(world):
    """Strictly better than ztunnel: a dead endpoint costs no connection while no byte has been sent."""
    world.namespace()
    world.namespace("plain", ambient=False)
    node = world.node("node1")
    client = world.pod("client", node)
    alive = world.pod("alive", node, "plain", labels={"app": "backend"})
    world.pod("dead", node, "plain", labels={"app": "backend"})  # ready, but nothing listens
    service = world.service("backend", namespace="plain")
    alive.serve(8080, say("alive"))
    world.start()
    assert {ask(client, service) for _ in range(20)} == {"alive"}


def test_the_next_endpoint_is_tried_when_its_tunnel_refuses_to_connect(world):
    world.namespace()
    node1, node2 = world.node("node1"), world.node("node2", tunnel=False)
    client = world.pod("client", node1)
    alive = world.pod("alive", node1, labels={"app": "backend"})
    world.pod("dead", node2, labels={"app": "backend"})  # in the mesh by its label, but nothing takes HBONE
    service = world.service("backend")
    alive.serve(8080, say("alive"))
    world.start()
    assert {ask(client, service) for _ in range(10)} == {"alive"}


def test_locality_is_preferred_until_it_has_no_ready_endpoint(world):
    zone = "topology.kubernetes.io/zone"
    region = {"topology.kubernetes.io/region": "r1"}
    world.namespace()
    node1 = world.node("node1", labels={**region, zone: "z1"})
    node2 = world.node("node2", labels={**region, zone: "z2"})
    client = world.pod("client", node1)
    near = world.pod("near", node1, labels={"app": "backend"}, service_account="backend")
    far = world.pod("far", node2, labels={"app": "backend"}, service_account="backend")
    for pod in near, far:
        pod.serve(8080, say(pod.name))
    service = world.service("backend", spec={"trafficDistribution": "PreferClose"})
    world.start()
    assert {ask(client, service) for _ in range(20)} == {"near"}
    near.ready = False
    near.apply()
    eventually(lambda: {ask(client, service) for _ in range(5)} == {"far"}, within=2)


def test_internal_traffic_policy_local_never_leaves_the_node(world):
    world.namespace()
    node1, node2 = world.node("node1"), world.node("node2")
    client = world.pod("client", node1)
    far = world.pod("far", node2, labels={"app": "backend"})
    far.serve(8080, say("far"))
    service = world.service("backend", spec={"internalTrafficPolicy": "Local"})
    world.start()
    client.assert_refused(service, 80)
    assert far.node.tunnel.access() == []


def test_endpoint_slices_override_what_selectors_would_give(world):
    world.namespace()
    node = world.node("node1")
    client = world.pod("client", node)
    server = world.pod("server", node)
    server.serve(8080, say("slice"))
    service = world.service("external", selector={}, ports={80: 8080})
    world.folder.apply({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {"name": "external-1", "namespace": "default",
                     "labels": {"kubernetes.io/service-name": "external"}},
        "addressType": "IPv4", "ports": [{"name": "tcp-80", "port": 8080, "protocol": "TCP"}],
        "endpoints": [{"addresses": [server.addresses[4]], "conditions": {"ready": True},
                       "targetRef": {"kind": "Pod", "name": "server", "namespace": "default"}}]})
    world.start()
    assert ask(client, service) == "slice"
