# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""Traffic takes a waypoint after `apply` and goes direct after `delete`, while requests run."""

import http.client
import threading
from pathlib import Path

from mesh.command import run
from mesh.topology import client_and_server
from mesh.waiting import eventually
from test_waypoint_commands import binary

GATEWAY_NAME = "gateway.networking.k8s.io/gateway-name"
SERVER = Path(__file__).resolve().parents[1] / "Demo" / "http_server.py"
PORTS = {"ports": [{"name": "http", "port": 80, "targetPort": 8080}]}


class Requests:
    """One request after the other, each on a connection of its own; remembers what became of them."""

    def __init__(self, client, service):
        self.client, self.service = client, service
        self.answered, self.failures = 0, []
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._done.wait(0.01):
            try:
                self.failures += [] if self.one() == 200 else ["another status than 200"]
                self.answered += 1
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))

    def one(self):
        connection = http.client.HTTPConnection(self.service.ip, 80)
        connection.sock = self.client.netns.connect(self.service.ip, 80, timeout=5)
        with connection.sock:
            connection.request("GET", "/")
            response = connection.getresponse()
            response.read()
            return response.status

    def more(self, count=30):
        """Waits for so many more answers."""
        goal = self.answered + count
        eventually(lambda: self.answered >= goal, 20, message=lambda: f"{self.answered} answers, {self.failures[-3:]}")

    def stop(self):
        self._done.set()
        self._thread.join()


def mesh_with_proxy(world):
    client, server = client_and_server(world, start=False)
    service = world.service("server", spec=PORTS)
    pod = world.pod("waypoint", world.nodes["node2"], labels={GATEWAY_NAME: "waypoint", "istio.io/dataplane-mode": "none"})
    world.run_in(server.netns, "/usr/bin/python3", "-B", SERVER, "--name", "server", "--folder", world.directory, name="http")
    eventually(lambda: server.netns.connect(server.ip, 8080).close() is None)
    world.start()
    proxy = world.run_in(pod.netns, binary(), "run", "--config", world.folder.path, "--ca-dir", world.ca_directory,
                         "--name", "waypoint", "--namespace", "default", name="waypoint")
    return client, service, proxy


def way(client):
    """The pod that the client's node has tunnelled the last request to."""
    entries = client.node.tunnel.access(direction="outbound")
    return entries[-1]["dst.workload"] if entries else None


def test_traffic_takes_the_waypoint_and_leaves_it_without_a_failed_request(world):
    client, service, proxy = mesh_with_proxy(world)

    def waypoint(command, *words):
        return run(binary(), command, "--config", world.folder.path, *words).stdout

    requests = Requests(client, service)
    try:
        requests.more()
        assert way(client) == "server"
        said = waypoint("apply", "--enroll-namespace", "--wait")
        assert said.splitlines()[1:] == ["✅ waypoint default/waypoint is ready!",
                                         '✅ namespace default labeled with "istio.io/use-waypoint: waypoint"']
        eventually(lambda: way(client) == "waypoint", 10)
        requests.more()
        assert way(client) == "waypoint"
        assert "Programmed   Programmed" in waypoint("status")
        waypoint("delete", "waypoint", "--unlabel")
        eventually(lambda: way(client) == "server", 10)
        proxy.stop()
        requests.more()
        assert way(client) == "server"
    finally:
        requests.stop()
    assert requests.failures == []
