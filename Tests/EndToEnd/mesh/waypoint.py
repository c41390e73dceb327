# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""A Gateway with one `ambit-waypoint run` in a pod of its own, and small HTTP servers to put behind it."""

import http.client
import http.server
import json
import os
import signal

from .manifests import waypoint
from .metrics import Metrics
from .waiting import eventually

GATEWAY_NAME = "gateway.networking.k8s.io/gateway-name"
USE = {"istio.io/use-waypoint": "waypoint"}


def binary():
    """The executable under test: AMBIT_WAYPOINT, or the release build."""
    path = os.environ.get("AMBIT_WAYPOINT") or ".build/release/ambit-waypoint"
    if not os.access(path, os.X_OK):
        raise FileNotFoundError(f"no executable at {path}: `make build` first, or name it in AMBIT_WAYPOINT")
    return os.path.abspath(path)


class Waypoint:
    """Makes the objects at once; start() runs the proxy in its pod, whose node has no tunnel of its own."""

    def __init__(self, world, node=None, waypoint_for="service", options=()):
        self.world = world
        self.node = node or world.node("waypoints", tunnel=False)
        self.pod = world.pod("waypoint", self.node,
                             labels={GATEWAY_NAME: "waypoint", "istio.io/dataplane-mode": "none"})
        self.service = world.service("waypoint", {GATEWAY_NAME: "waypoint"}, {15008: 15008})
        world.folder.apply(waypoint("waypoint", "default", self.service.ip, waypoint_for))
        self.options = list(options)
        #: How the executable is called, without its words.
        self.program = [binary()]
        self.env = {}
        self.process = None

    @property
    def netns(self):
        return self.pod.netns

    @property
    def directory(self):
        return self.world.directory

    def start(self):
        self.process = self.world.run_in(
            self.pod.netns, *self.program, "run", *self.source(), "--ca-dir", self.world.ca_directory,
            "--name", "waypoint", "--namespace", "default", "--pod", "waypoint", *self.options, name="waypoint",
            env=self.env)
        eventually(self.is_ready, 30, message=lambda: f"waypoint ready:\n{self.log()[-4000:]}")
        return self

    def source(self):
        """Where its objects come from."""
        return ["--config", self.world.folder.path]

    def is_ready(self):
        if self.process.status is not None:
            raise RuntimeError(f"the waypoint ended with {self.process.status}:\n{self.log()}")
        try:
            return self.get(15021, "/healthz/ready")[0] == 200
        except OSError:
            return False

    def get(self, port, path):
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.sock = self.pod.netns.connect("127.0.0.1", port, timeout=5)
        with connection.sock:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()

    def metrics(self):
        return Metrics(self.get(15020, "/metrics")[1])

    def terminate(self):
        self.process.signal(signal.SIGTERM)

    def log(self):
        return self.process.text()

    def requests(self):
        """The access log so far (--log-format json)."""
        return [json.loads(line) for line in self.log().splitlines() if '"start_time"' in line]


def http_service(world, name, port=80, target=8080, port_name="http", selector=None, labels=USE, **spec):
    """A service whose port is declared by its name, bound to the waypoint."""
    ports = [{"name": port_name, "port": port, "targetPort": target, "protocol": "TCP", **spec}]
    return world.service(name, selector, labels=labels, spec={"ports": ports})


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def handle_expect_100(self):
        return super().handle_expect_100()

    def log_message(self, *_):
        pass

    def answer(self):
        length = int(self.headers.get("content-length", 0))
        chunked = self.headers.get("transfer-encoding", "") == "chunked"
        body = self._chunks() if chunked else self.rfile.read(length)
        self.server_object.requests.append((self.command, self.path, dict(self.headers), len(body)))
        if status := self.server_object.next_status(self):
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()
            return
        text = json.dumps({"server": self.server_object.name, "method": self.command, "path": self.path,
                           "headers": {key.lower(): value for key, value in self.headers.items()},
                           "body": len(body)}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    def _chunks(self):
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_OPTIONS = do_PATCH = answer


class Echo:
    """An HTTP/1.1 server that tells what it was sent, as JSON; `statuses` are answered first, one each."""

    def __init__(self, pod, port=8080, name=None, statuses=()):
        self.name = name or pod.name
        self.requests = []
        self.statuses = list(statuses)
        handler = type("Handler", (_Handler,), {"server_object": self})
        self.server = pod.serve(port, lambda connection: handler(connection, connection.getpeername(), None))

    def next_status(self, request):
        if "/status/" in request.path:
            return int(request.path.rsplit("/", 1)[1])
        return self.statuses.pop(0) if self.statuses else None
