# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""What routes and endpoints do in a running waypoint, where unit tests cannot show it."""

import socket
import ssl
import time

import pytest
from mesh.load import requests
from mesh.serving import assert_refused, receive_line, reset
from mesh.topology import client_and_server
from mesh.waiting import eventually
from mesh.waypoint import Echo, Waypoint, http_service


def virtual_service(http, name="server"):
    return {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
            "metadata": {"name": name, "namespace": "default"}, "spec": {"hosts": [name], "http": http}}


def to_server(**parts):
    return {**parts, "route": [{"destination": {"host": "server"}}]}


class Mesh:
    """A client, a server that the test makes, and the waypoint between them."""

    def __init__(self, world, options=(), **service):
        self.client, self.server = client_and_server(world, start=False)
        self.world = world
        self.waypoint = Waypoint(world, options=["--workers", "1", *options])
        self.service = http_service(world, "server", selector={"app": "server"}, **service)

    def start(self):
        self.world.start()
        self.waypoint.start()
        return self

    def status(self, *arguments, path="/"):
        return int(self.client.curl("-o", "/dev/null", "-m", "20", "-w", "%{http_code}", *arguments,
                                    f"http://{self.service.ip}{path}").stdout)

    def wait_flags(self, expected):
        """Waits until as many requests have each status and flags: they are counted when they are over."""
        eventually(lambda: self.flags() == expected, 5, message=lambda: f"{self.flags()}, not {expected}")

    def flags(self):
        """How many requests have each status and flags."""
        samples = self.waypoint.metrics().select("istio_requests_total")
        return {(sample.labels["response_code"], sample.labels["response_flags"]): int(sample.value)
                for sample in samples}


# Endpoints that do not speak HTTP/2


class OnlyHTTP1:
    """A server of HTTP/1.1 that does with the preface of HTTP/2 what it is told; counts both."""

    def __init__(self, pod, when_asked):
        self.prefaces = self.requests = 0
        self.when_asked = when_asked
        pod.serve(8080, self.handle)

    def handle(self, connection):
        data = b""
        while True:
            while b"\r\n\r\n" not in data:
                part = connection.recv(65536)
                if not part:
                    return
                data += part
            if data.startswith(b"PRI "):
                self.prefaces += 1
                return self.when_asked(connection)
            head, _, data = data.partition(b"\r\n\r\n")
            fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
            missing = int(fields.get(b"content-length", 0)) - len(data)
            while missing > 0:
                missing -= len(connection.recv(min(missing, 65536)))
            data = b""
            self.requests += 1
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


def close(connection):
    connection.close()


def stay(connection):
    while connection.recv(65536):
        pass


def answer_in_pieces(connection):
    # Less than the header of a frame, so that nothing can be said of it yet.
    connection.sendall(b"HTT")
    time.sleep(0.2)
    connection.sendall(b"P/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


@pytest.mark.parametrize("when_asked", [close, reset, stay, answer_in_pieces])
def test_an_endpoint_that_does_not_understand_http2_gets_http1(world, tmp_path, when_asked):
    mesh = Mesh(world, options=["--connect-timeout", "1s"])
    server = OnlyHTTP1(mesh.server, when_asked)
    # The rule has no retries: the content is kept until it is known what the endpoint speaks.
    world.folder.apply(virtual_service([to_server(retries={"attempts": 0})]))
    mesh.start()
    file = tmp_path / "content"
    file.write_bytes(b"x" * 30_000)
    for _ in range(4):
        assert mesh.status("--http2-prior-knowledge", "--data-binary", f"@{file}") == 200
    # It is remembered.
    assert (server.prefaces, server.requests) == (1, 4)
    mesh.wait_flags({("200", "-"): 4})


def test_an_endpoint_that_must_speak_http2_is_not_spoken_to_in_http1(world):
    mesh = Mesh(world, port_name="http2")
    server = OnlyHTTP1(mesh.server, close)
    mesh.start()
    assert mesh.status("--http2-prior-knowledge") == 503
    assert server.requests == 0
    mesh.wait_flags({("503", "URX,UC"): 1})


# Retries


def test_a_503_tells_why_it_was_not_tried_again(world):
    mesh = Mesh(world)
    Echo(mesh.server)
    world.folder.apply(virtual_service([
        {**to_server(retries={"attempts": 2, "retryOn": "5xx"}), "match": [{"uri": {"prefix": "/status"}}]},
        to_server(retries={"attempts": 0})]))
    mesh.start()
    assert mesh.status(path="/status/503") == 503
    mesh.wait_flags({("503", "URX"): 1})
    assert mesh.status(path="/other/status/503") == 503
    mesh.wait_flags({("503", "URX"): 1, ("503", "-"): 1})
    # More tries at a time than the budget has: three, or a fifth of the requests under way.
    answers = requests(mesh.client.netns, mesh.service.ip, 300, workers=60, path="/status/503")
    assert {answer.status for answer in answers} == {503}
    eventually(lambda: sum(mesh.flags().values()) == 302, 5, message=lambda: str(mesh.flags()))
    flags = mesh.flags()
    assert flags.pop(("503", "-")) == 1
    assert set(flags) <= {("503", "URX"), ("503", "UO")}
    assert flags[("503", "UO")] > 0


# Settings of a DestinationRule


def destination_rule(policy):
    return {"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule",
            "metadata": {"name": "server", "namespace": "default"}, "spec": {"host": "server", "trafficPolicy": policy}}


def test_a_connection_carries_as_many_requests_as_it_may(world):
    mesh = Mesh(world)
    echo = Echo(mesh.server)
    world.folder.apply(destination_rule({"connectionPool": {"http": {"maxRequestsPerConnection": 3}}}))
    mesh.start()
    answers = requests(mesh.client.netns, mesh.service.ip, 9, workers=1)
    assert [answer.status for answer in answers] == [200] * 9
    assert len(echo.server.peers) == 3


def test_tls_that_the_waypoint_cannot_speak_is_not_replaced_by_clear_text(world):
    mesh = Mesh(world)
    echo = Echo(mesh.server)
    world.folder.apply(destination_rule({"tls": {"mode": "SIMPLE", "sni": "x"}}))
    mesh.start()
    assert mesh.status() == 503
    assert echo.requests == []
    mesh.wait_flags({("503", "UF"): 1})


# Connections by their server name


def client_hello(name):
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        session.do_handshake()
    return outgoing.read()


def in_records(hello, size):
    """The same message in records of `size` octets."""
    parts = [hello[start:start + size] for start in range(5, len(hello), size)]
    return b"".join(hello[:3] + len(part).to_bytes(2, "big") + part for part in parts)


def test_tls_routes_go_by_the_server_name(world):
    client, one = client_and_server(world, start=False)
    pods = {"one": one, "two": world.pod("two", one.node, labels={"app": "server"})}
    waypoint = Waypoint(world, options=["--detection-timeout", "500ms"])
    for name, pod in pods.items():
        pod.labels["which"] = name
        pod.apply()

        def say_name(connection, name=name):
            first = connection.recv(65536)
            connection.sendall(b"%s got %d\n" % (name.encode(), first[0]))
            stay(connection)

        pod.serve(8443, say_name)
        http_service(world, name, port=443, target=8443, port_name="tls", selector={"which": name}, labels={})
        world.folder.apply({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "TLSRoute",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"parentRefs": [{"group": "", "kind": "Service", "name": "front"}], "hostnames": [f"{name}.example"],
                     "rules": [{"backendRefs": [{"name": name, "port": 443}]}]}})
    front = http_service(world, "front", port=443, target=8443, port_name="tls", selector={"app": "server"})
    world.start()
    waypoint.start()
    for name in ("one", "two", "one"):
        with client.connect(front, 443) as connection:
            hello = client_hello(f"{name.upper()}.example")
            connection.sendall(hello[:10])
            connection.sendall(hello[10:])
            assert receive_line(connection) == f"{name} got 22"
        # Several records, and no segment with a whole one.
        with client.connect(front, 443) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            records = in_records(hello, 100)
            for start in range(0, len(records), 60):
                connection.sendall(records[start:start + 60])
            assert receive_line(connection) == f"{name} got 22"
    for first in (client_hello("three.example"), b"not TLS at all"):
        with client.connect(front, 443) as connection:
            connection.sendall(first)
            assert_refused(connection)
    # Nobody speaks: nothing goes anywhere, and the connection ends.
    with client.connect(front, 443) as connection:
        assert_refused(connection)
