# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""Requests through a running waypoint, with real tunnels on both sides of it."""

import json
import re
import socket
import time

import h2.connection
import h2.events
import pytest
from mesh import hbone, manifests
from mesh.serving import assert_refused, echo, receive_line, say
from mesh.topology import client_and_server
from mesh.waiting import eventually
from mesh.waypoint import USE, Echo, Waypoint, http_service


class Mesh:
    """A client, two versions of a server, and the waypoint between them."""

    def __init__(self, world, options=(), **service):
        self.world = world
        self.client, self.server = client_and_server(world, start=False)
        self.other = world.pod("other", self.server.node, labels={"app": "server"})
        self.waypoint = Waypoint(world, options=options)
        self.service = http_service(world, "server", selector={"app": "server"}, **service)

    def start(self):
        for tunnel in self.world.tunnels:
            tunnel.options += ["--log-level", "info,access:debug"]
        self.world.start()
        self.waypoint.start()
        return self

    def get(self, *arguments, path="/", check=True):
        answer = self.client.curl(*arguments, f"http://{self.service.ip}{path}", check=check)
        return json.loads(answer.stdout)

    def status(self, *arguments, path="/"):
        result = self.client.curl("-o", "/dev/null", "-w", "%{http_code}", *arguments,
                                  f"http://{self.service.ip}{path}")
        return int(result.stdout)


@pytest.fixture
def mesh(world):
    mesh = Mesh(world)
    Echo(mesh.server)
    Echo(mesh.other)
    return mesh.start()


def route(name, rules, service="server"):
    return {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"parentRefs": [{"group": "", "kind": "Service", "name": service}], "rules": rules}}


def test_requests_go_by_the_waypoint_with_its_identity(mesh):
    answers = [mesh.get(path=f"/{number}") for number in range(20)]
    assert {answer["server"] for answer in answers} == {"server", "other"}
    assert answers[3]["path"] == "/3"
    inbound = mesh.server.node.tunnel.wait_access(direction="inbound")
    assert inbound["src.identity"] == mesh.waypoint.pod.spiffe_id


def test_content_in_both_directions(mesh, tmp_path):
    file = tmp_path / "content"
    file.write_bytes(bytes(range(256)) * 20_000)
    assert mesh.get("--data-binary", f"@{file}")["body"] == 5_120_000
    assert mesh.get("--data-binary", f"@{file}", "-H", "transfer-encoding: chunked")["body"] == 5_120_000
    assert mesh.get("-H", "expect: 100-continue", "--data-binary", f"@{file}")["body"] == 5_120_000
    assert mesh.status("-I") == 200


def test_http2_client_and_http1_server(mesh):
    assert mesh.get("--http2-prior-knowledge", path="/two")["path"] == "/two"


def test_http10(mesh):
    assert mesh.get("-0")["method"] == "GET"


def test_pipelined_requests_are_answered_in_order(mesh):
    requests = b"".join(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % number for number in range(5))
    with mesh.client.connect(mesh.service, 80) as connection:
        connection.sendall(requests + b"GET /end HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        text = b""
        while data := connection.recv(65536):
            text += data
    places = [text.index(b'"path": "/%d"' % number) for number in range(5)] + [text.index(b'"path": "/end"')]
    assert places == sorted(places)


def test_no_endpoint_is_503(mesh):
    for pod in (mesh.server, mesh.other):
        pod.ready = False
        pod.apply()
    eventually(lambda: mesh.status() == 503, 10, message="503 without endpoints")


def test_header_route_and_404(mesh):
    mesh.world.service("other", {"app": "nobody"}, labels={}, spec={
        "ports": [{"name": "http", "port": 80, "targetPort": 8080}]})
    mesh.world.folder.apply(route("header", [
        {"matches": [{"headers": [{"name": "x-canary", "value": "true"}]}],
         "backendRefs": [{"name": "server", "port": 80}],
         "filters": [{"type": "RequestHeaderModifier", "requestHeaderModifier": {
             "set": [{"name": "x-set", "value": "yes"}], "remove": ["user-agent"]}}]}]))
    eventually(lambda: mesh.status() == 404, 10, message="404 where no rule matches")
    answer = mesh.get("-H", "x-canary: true")
    assert answer["headers"]["x-set"] == "yes"
    assert "user-agent" not in answer["headers"]


def test_split_redirect_and_reload_without_a_lost_request(mesh):
    world = mesh.world
    for name in ("server", "other"):
        http_service(world, f"{name}-only", selector={"app": f"{name}-only"}, labels={})
    mesh.server.labels["app2"] = "x"
    world.folder.apply(route("redirect", [{"matches": [{"path": {"type": "PathPrefix", "value": "/old"}}],
                                           "filters": [{"type": "RequestRedirect", "requestRedirect": {
                                               "path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/new"},
                                               "statusCode": 301}}]},
                                          {"backendRefs": [{"name": "server", "port": 80}]}]))
    eventually(lambda: mesh.status(path="/old/x") == 301, 10, message="redirect")
    for number in range(20):
        world.folder.apply(route(f"another-{number}", [{"backendRefs": [{"name": "server", "port": 80}]}], "nobody"))
        assert mesh.status(path=f"/{number}") == 200


def test_a_flaky_endpoint_is_hidden_by_retries(world):
    mesh = Mesh(world)
    Echo(mesh.server, statuses=[503] * 3)
    Echo(mesh.other)
    world.folder.apply({"apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
                        "metadata": {"name": "server", "namespace": "default"},
                        "spec": {"hosts": ["server"], "http": [{
                            "retries": {"attempts": 3, "retryOn": "5xx"},
                            "route": [{"destination": {"host": "server"}}]}]}})
    mesh.start()
    assert [mesh.status() for _ in range(12)] == [200] * 12
    assert mesh.get("-d", "x" * 1000)["body"] == 1000


def test_faults(world):
    mesh = Mesh(world)
    Echo(mesh.server)
    Echo(mesh.other)
    world.folder.apply({"apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
                        "metadata": {"name": "server", "namespace": "default"},
                        "spec": {"hosts": ["server"], "http": [
                            {"match": [{"uri": {"prefix": "/abort"}}],
                             "fault": {"abort": {"httpStatus": 418, "percentage": {"value": 100}}},
                             "route": [{"destination": {"host": "server"}}]},
                            {"match": [{"uri": {"prefix": "/delay"}}],
                             "fault": {"delay": {"fixedDelay": "0.5s", "percentage": {"value": 100}}},
                             "route": [{"destination": {"host": "server"}}]},
                            {"match": [{"uri": {"prefix": "/slow"}}], "timeout": "0.3s",
                             "fault": {"delay": {"fixedDelay": "5s", "percentage": {"value": 100}}},
                             "route": [{"destination": {"host": "server"}}]},
                            {"route": [{"destination": {"host": "server"}}]}]}})
    mesh.start()
    assert mesh.status(path="/abort") == 418
    began = time.monotonic()
    assert mesh.status(path="/delay") == 200
    assert 0.5 <= time.monotonic() - began < 3
    assert mesh.status(path="/slow") == 504
    assert mesh.status() == 200


def test_a_connect_failure_moves_to_another_endpoint(world):
    mesh = Mesh(world)
    Echo(mesh.other)  # nobody listens in `server`
    mesh.start()
    assert [mesh.get()["server"] for _ in range(10)] == ["other"] * 10


def test_tcp_and_server_first(world):
    mesh = Mesh(world, port_name="tcp", options=["--log-level", "info,access:info", "--log-format", "json"])
    for pod in (mesh.server, mesh.other):
        pod.serve(8080, say("hello"))
    mesh.start()
    with mesh.client.connect(mesh.service, 80) as connection:
        assert receive_line(connection) == "hello"
        connection.sendall(b"ping\n")
        assert receive_line(connection) == "ping"
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(10) == b""
    labels = {"reporter": "waypoint", "source_workload": "client", "source_principal": mesh.client.spiffe_id,
              "destination_service": "server.default.svc.cluster.local", "request_protocol": "tcp",
              "response_flags": "-", "connection_security_policy": "mutual_tls"}
    eventually(lambda: mesh.waypoint.metrics().total("istio_tcp_connections_closed_total", **labels) == 1, 5)
    metrics = mesh.waypoint.metrics()
    assert metrics.total("istio_tcp_connections_opened_total", **labels) == 1
    assert metrics.total("istio_tcp_received_bytes_total", **labels) == len("ping\n")
    assert metrics.total("istio_tcp_sent_bytes_total", **labels) == len("hello\nping\n")
    entry, = eventually(mesh.waypoint.requests, 5)
    assert (entry["bytes_received"], entry["bytes_sent"], entry["response_code"], entry["response_flags"]) == (5, 11, 0, None)
    assert entry["source_principal"] == mesh.client.spiffe_id


def test_tcp_without_an_endpoint_is_counted_and_logged(world):
    mesh = Mesh(world, port_name="tcp", options=["--log-format", "json"]).start()
    with mesh.client.connect(mesh.service, 80) as connection:
        assert_refused(connection)
    eventually(lambda: mesh.waypoint.metrics().total(
        "istio_tcp_connections_failed_total", reporter="waypoint", source_workload="client",
        destination_service_name="server", response_flags="UF,URX") == 1, 5, message=lambda: mesh.waypoint.metrics().text)
    assert mesh.waypoint.metrics().total("istio_tcp_connections_opened_total") == 0
    entry, = eventually(mesh.waypoint.requests, 5)
    assert entry["response_flags"] == "UF,URX"


def test_undeclared_server_first_waits_for_detection(world):
    mesh = Mesh(world, port_name="x", options=["--detection-timeout", "300ms"])
    for pod in (mesh.server, mesh.other):
        pod.serve(8080, say("hello"))
    mesh.start()
    with mesh.client.connect(mesh.service, 80) as connection:
        assert receive_line(connection) == "hello"


def test_what_is_not_bound_is_refused(mesh):
    free = http_service(mesh.world, "free", selector={"app": "server"}, labels={"istio.io/use-waypoint": "none"})
    svid = mesh.world.authority().issue(mesh.client.spiffe_id)
    connection = hbone.dial(mesh.world.host("stranger"), mesh.waypoint.pod, svid)
    time.sleep(0.5)
    assert connection.request(f"{free.ip}:80").status == 503
    assert connection.request(f"{mesh.service.ip}:81").status == 503
    assert connection.request("nonsense").status == 400
    assert connection.request(f"{mesh.service.ip}:80").status == 200


def test_drain_finishes_what_is_under_way(mesh):
    waypoint = mesh.waypoint
    with mesh.client.connect(mesh.service, 80) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345")
        time.sleep(0.3)
        waypoint.terminate()
        time.sleep(0.5)
        connection.sendall(b"67890")
        text = connection.recv(65536)
    assert text.startswith(b"HTTP/1.1 200")
    assert b"connection: close" in text
    assert waypoint.process.wait(10) == 0


def nghttpd(mesh, pod, directory):
    (directory / "file").write_bytes(b"x" * 300_000)
    mesh.world.run_in(pod.netns, "nghttpd", "--no-tls", "-d", str(directory), "--trailer", "x-sum: 7", "8080",
                      name=f"nghttpd-{pod.name}")
    eventually(lambda: pod.netns.run("ss", "-Hltn", "sport", "=", ":8080", check=False).stdout.strip(), 5,
               message="nghttpd listens")


@pytest.mark.parametrize("port_name", ["http", "http2", "x"])
def test_http2_end_to_end_keeps_trailers(world, tmp_path, port_name):
    mesh = Mesh(world, port_name=port_name)
    for pod in (mesh.server, mesh.other):
        nghttpd(mesh, pod, tmp_path)
    mesh.start()
    said = mesh.client.netns.run("nghttp", "-nv", f"http://{mesh.service.ip}/file", check=False).stdout
    assert ":status: 200" in said
    assert "x-sum: 7" in said
    assert "HTTP/2 200" in mesh.client.curl("--http2-prior-knowledge", "-sv", "-o", "/dev/null",
                                            f"http://{mesh.service.ip}/file").stderr
    load = mesh.client.netns.run("h2load", "-n", "500", "-c", "4", "-m", "20", f"http://{mesh.service.ip}/file",
                                 check=False).stdout
    assert "500 succeeded" in load


def test_http1_client_and_http2_server(world, tmp_path):
    mesh = Mesh(world, port_name="http2")
    for pod in (mesh.server, mesh.other):
        nghttpd(mesh, pod, tmp_path)
    mesh.start()
    answer = mesh.client.curl("-o", "/dev/null", "-w", "%{http_version} %{http_code} %{size_download}",
                              f"http://{mesh.service.ip}/file")
    assert answer.stdout == "1.1 200 300000"


def test_upgrade(mesh):
    def switch(connection):
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.recv(1000)
        assert b"upgrade: websocket" in head.lower()
        connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\nhi\n")
        while data := connection.recv(1000):
            connection.sendall(data)

    for pod in (mesh.server, mesh.other):
        pod.serve(8081, switch)
    service = http_service(mesh.world, "socket", target=8081, selector={"app": "server"})
    time.sleep(1)
    with mesh.client.connect(service, 80) as connection:
        connection.sendall(b"GET /chat HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        answer = connection.recv(1000)
        while b"hi\n" not in answer:
            answer += connection.recv(1000)
        assert answer.startswith(b"HTTP/1.1 101")
        connection.sendall(b"ping\n")
        assert receive_line(connection) == "ping"
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(10) == b""


def test_websocket_over_http2(mesh):
    """RFC 8441: the tunnel of an extended CONNECT, to a server that knows only the upgrade of HTTP/1.1."""
    def switch(connection):
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.recv(1000)
        if not head.startswith(b"GET /chat HTTP/1.1\r\n"):
            return connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        assert b"\r\nupgrade: websocket\r\n" in head.lower()
        connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\nhi ")
        echo(connection)

    for pod in (mesh.server, mesh.other):
        pod.serve(8081, switch)
    service = http_service(mesh.world, "socket", target=8081, selector={"app": "server"})
    eventually(lambda: mesh.client.curl("-m", "1", "-w", "%{http_code}", f"http://{service.ip}/").stdout == "400", 10,
               message="the service is known")
    session = h2.connection.H2Connection()
    session.initiate_connection()
    with mesh.client.connect(service, 80) as connection:
        connection.sendall(session.data_to_send())
        said, status, is_ended, is_asked = b"", None, False, False
        while not is_ended:
            for event in session.receive_data(connection.recv(65536)):
                if isinstance(event, h2.events.RemoteSettingsChanged):
                    assert session.remote_settings.enable_connect_protocol == 1
                    session.send_headers(1, [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"),
                                             (":path", "/chat"), (":authority", "shop"),
                                             ("sec-websocket-version", "13")])
                elif isinstance(event, h2.events.ResponseReceived):
                    status = dict(event.headers)[b":status"]
                elif isinstance(event, h2.events.DataReceived):
                    said += event.data
                    if not is_asked:
                        is_asked = True
                        session.send_data(1, b"ping", end_stream=True)
                elif isinstance(event, h2.events.StreamEnded):
                    is_ended = True
            connection.sendall(session.data_to_send())
    assert status == b"200"
    assert said == b"hi ping"


LIES = ["-H", "x-forwarded-client-cert: URI=spiffe://cluster.local/ns/default/sa/admin", "-H", "forwarded: for=1.2.3.4"]


@pytest.mark.parametrize("arguments", [(), ("--http2-prior-knowledge",)])
def test_the_application_learns_who_the_client_is(world, arguments):
    # Either way tells the identity.
    mesh = Mesh(world, options=["--client-headers", "forwarded" if arguments else "both"])
    if arguments:
        world.folder.apply(manifests.waypoint("waypoint", "default", mesh.waypoint.service.ip, annotations={
            "ambient.istio.io/xfcc-include-client-identity": "true"}))
    Echo(mesh.server)
    Echo(mesh.other)
    mesh.start()
    headers = mesh.get(*arguments, *LIES)["headers"]
    assert headers["x-forwarded-client-cert"] == \
        f"By=spiffe://cluster.local/ns/default/sa/waypoint;URI={mesh.client.spiffe_id}"
    assert re.fullmatch(rf'for=1.2.3.4,for="{re.escape(mesh.client.ip)}:\d+";host="{re.escape(mesh.service.ip)}";proto=http',
                        headers["forwarded"])


def test_by_default_the_application_learns_nothing_and_no_lies_about_identities(mesh):
    headers = mesh.get(*LIES)["headers"]
    assert "x-forwarded-client-cert" not in headers
    assert headers["forwarded"] == "for=1.2.3.4"


def test_metrics_and_access_log(world):
    mesh = Mesh(world, options=["--log-level", "info,access:info", "--log-format", "json"])
    Echo(mesh.server)
    Echo(mesh.other)
    mesh.start()
    for _ in range(5):
        assert mesh.status(path="/counted?x") == 200
    assert mesh.status(path="/status/500") == 500
    metrics = mesh.waypoint.metrics()
    assert metrics.total("istio_requests_total", reporter="waypoint", response_code="200",
                         source_workload="client", source_principal=mesh.client.spiffe_id,
                         destination_service="server.default.svc.cluster.local", request_protocol="http",
                         response_flags="-", connection_security_policy="mutual_tls") == 5
    assert metrics.total("istio_requests_total", response_code="500") == 1
    assert metrics.total("istio_request_duration_milliseconds_count") == 6
    entries = [json.loads(line) for line in mesh.waypoint.log().splitlines() if '"start_time"' in line]
    assert [entry["response_code"] for entry in entries] == [200] * 5 + [500]
    assert entries[0]["path"] == "/counted?x"
    assert entries[0]["source_principal"] == mesh.client.spiffe_id
    assert entries[0]["upstream_cluster"] == "inbound-vip|80|http|server.default.svc.cluster.local"
