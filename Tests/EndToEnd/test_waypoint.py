# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""Traffic that goes through a waypoint: whose, to which of its addresses, with which authority, and back out of it."""

import socket
import struct

import pytest
from mesh import hbone
from mesh.manifests import waypoint
from mesh.serving import exchange, receive_exactly, receive_line, say
from mesh.topology import client_and_server
from mesh.waiting import eventually

USE = {"istio.io/use-waypoint": "waypoint"}
GATEWAY_NAME = "gateway.networking.k8s.io/gateway-name"


class Waypoint:
    """A waypoint whose proxy is Python: it answers for the destination, or passes on with its own identity."""

    def __init__(self, world, waypoint_for="service", address="ip", service_labels=None):
        self.world = world
        self.node = world.node("waypoints", tunnel=False)
        self.pod = world.pod("waypoint", self.node,
                             labels={GATEWAY_NAME: "waypoint", "istio.io/dataplane-mode": "none"})
        self.service = world.service("waypoint", {GATEWAY_NAME: "waypoint"}, {15008: 15008})
        where = self.service.hostname if address == "hostname" else self.service.ip
        world.folder.apply(waypoint("waypoint", "default", where, waypoint_for))
        self.terminator = None

    def serve(self, handler=say("waypoint"), answer=lambda request: 200):
        self.svid = self.world.authority().issue(self.pod.spiffe_id)
        self.terminator = hbone.Terminator(self.pod, self.svid, handler, answer=answer)

    @property
    def requests(self):
        return self.terminator.requests


def authority(address, port):
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def ask(client, target, port):
    with client.connect(target, port) as connection:
        return receive_line(connection)


def prepare(world, **options):
    client, server = client_and_server(world, start=False)
    server.serve(8080, say("server"))
    return client, server, Waypoint(world, **options)


@pytest.mark.parametrize("address", ["ip", "hostname"])
def test_service_waypoint(each_family, address):
    client, server, proxy = prepare(each_family, address=address)
    service = each_family.service("server", labels=USE)
    each_family.start()
    proxy.serve()
    assert ask(client, service, 80) == "waypoint"
    request = proxy.requests[0]
    assert request.authority == authority(service.ip, 80)  # as the client addressed it, not translated
    assert request.peer_id == client.spiffe_id
    assert f"host={service.hostname}" in request.headers["forwarded"]
    # A call to the pod itself is none to the service.
    assert ask(client, server, 8080) == "server"


@pytest.mark.parametrize("address", ["ip", "hostname"])
def test_workload_waypoint(each_family, address):
    client, server, proxy = prepare(each_family, waypoint_for="workload", address=address)
    server.labels.update(USE)
    server.apply()
    service = each_family.service("server")
    each_family.start()
    proxy.serve()
    assert ask(client, server, 8080) == "waypoint"
    assert proxy.requests[0].authority == authority(server.ip, 8080)
    # A call to a service never takes the workload's waypoint.
    assert ask(client, service, 80) == "server"


def test_a_namespace_binding_holds_for_its_services_and_none_opts_out(each_family):
    client, server, proxy = prepare(each_family)
    each_family.namespace("default", labels=USE)
    bound = each_family.service("server")
    free = each_family.service("free", {"app": "server"}, labels={"istio.io/use-waypoint": "none"})
    each_family.start()
    proxy.serve()
    assert ask(client, bound, 80) == "waypoint"
    assert ask(client, free, 80) == "server"


def test_a_waypoint_passes_on_with_its_own_identity_and_is_not_looped_back(each_family):
    """Row 6 of the decision table: the waypoint's own traffic to the workload goes straight to it."""
    client, server, proxy = prepare(each_family, waypoint_for="workload")
    server.labels.update(USE)
    server.apply()
    each_family.start()

    def forward(downstream):
        upstream = hbone.dial(proxy.pod, server, proxy.svid).request(authority(server.ip, 8080))
        assert upstream.status == 200
        downstream.sendall(upstream.socket.recv(100))
        upstream.socket.close()

    proxy.serve(forward)
    assert ask(client, server, 8080) == "server"
    assert len(proxy.requests) == 1
    assert server.node.tunnel.wait_access(direction="inbound")["src.identity"] == proxy.pod.spiffe_id


def test_a_waypoint_with_another_identity_is_refused(each_family):
    client, server, proxy = prepare(each_family)
    service = each_family.service("server", labels=USE)
    each_family.start()
    proxy.pod.service_account = "imposter"
    proxy.serve()
    client.assert_refused(service, 80)
    assert proxy.requests == []


def test_a_waypoint_that_does_not_serve_is_no_reason_to_go_around_it(each_family):
    client, server, proxy = prepare(each_family)
    service = each_family.service("server", labels=USE)
    each_family.start()
    client.assert_refused(service, 80)
    assert server.node.tunnel.access() == []


def test_a_waypoint_bound_later_takes_new_connections(each_family):
    client, server, proxy = prepare(each_family)
    service = each_family.service("server")
    each_family.start()
    proxy.serve()
    assert ask(client, service, 80) == "server"
    service.manifest["metadata"]["labels"] = USE
    each_family.folder.apply(service.manifest)
    eventually(lambda: ask(client, service, 80) == "waypoint", within=2)


# "Sandwich": the tunnel of the waypoint's node terminates HBONE for a proxy that does not speak it.


def sandwich(world, binding):
    """A waypoint captured by the tunnel of its node; its proxy listens on the bound port."""
    client, server = client_and_server(world, start=False)
    node = server.node
    proxy = world.pod("waypoint", node, labels={GATEWAY_NAME: "waypoint"})
    waypoints = world.service("waypoint", {GATEWAY_NAME: "waypoint"}, {15008: 15008})
    world.folder.apply(waypoint("waypoint", "default", waypoints.ip,
                                annotations={"ambient.istio.io/waypoint-inbound-binding": binding}))
    service = world.service("server", labels=USE)
    return client, proxy, service


def test_sandwich_waypoint_plain(each_family):
    client, proxy, service = sandwich(each_family, "NONE/15088")
    proxy.serve(15088, say("sandwich"))
    each_family.start()
    assert ask(client, service, 80) == "sandwich"


def test_sandwich_waypoint_proxy_protocol(each_family):
    client, proxy, service = sandwich(each_family, "PROXY/15088")
    headers = []

    def handler(connection):
        headers.append(read_proxy_header(connection))
        connection.sendall(b"sandwich\n")

    proxy.serve(15088, handler)
    each_family.start()
    assert ask(client, service, 80) == "sandwich"
    source, destination, port, extensions = headers[0]
    assert (source, destination, port) == (client.ip, service.ip, 80)
    assert extensions[0xD0].decode() == client.spiffe_id  # TLV with the peer's identity


def read_proxy_header(connection):
    """PROXY protocol 2: (source, destination, destination port, {TLV type: value})."""
    head = receive_exactly(connection, 16)
    assert head[:12] == b"\r\n\r\n\0\r\nQUIT\n" and head[12] == 0x21
    body = receive_exactly(connection, struct.unpack("!H", head[14:])[0])
    family, size = {0x11: (socket.AF_INET, 4), 0x21: (socket.AF_INET6, 16)}[head[13]]
    source, destination = (socket.inet_ntop(family, body[at:at + size]) for at in (0, size))
    port, = struct.unpack_from("!H", body, 2 * size + 2)
    at, extensions = 2 * size + 4, {}
    while at < len(body):
        kind, length = struct.unpack_from("!BH", body, at)
        extensions[kind] = body[at + 3:at + 3 + length]
        at += 3 + length
    return source, destination, port, extensions


def test_a_sandwich_exchange_carries_on_after_the_header(each_family):
    client, proxy, service = sandwich(each_family, "PROXY/15088")

    def handler(connection):
        read_proxy_header(connection)
        while data := connection.recv(4096):
            connection.sendall(data)

    proxy.serve(15088, handler)
    each_family.start()
    exchange(client.connect(service, 80))
