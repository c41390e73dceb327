# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""One `ambit-tunnel run` in a node's namespace, and what it tells about itself."""

import http.client
import os
import signal

from .accesslog import parse
from .metrics import Metrics
from .waiting import eventually

ADMIN_PORT, METRICS_PORT, READINESS_PORT = 15000, 15020, 15021


def binary():
    """The executable under test: AMBIT_TUNNEL, or the release build."""
    path = os.environ.get("AMBIT_TUNNEL") or ".build/release/ambit-tunnel"
    if not os.access(path, os.X_OK):
        raise FileNotFoundError(f"no executable at {path}: `make build` first, or name it in AMBIT_TUNNEL")
    return os.path.abspath(path)


class Tunnel:
    """Starts, asks and stops the tunnel of one node. Its output, the access log too, goes to one file per start."""

    def __init__(self, node, folder, ca_directory, directory, netns=None):
        self.node = node
        #: Where it runs: the node's namespace, or one of its own as the pod of a DaemonSet has it.
        self.netns = netns or node.netns
        self.folder = folder
        self.ca_directory = ca_directory
        self.directory = directory
        self.options = []
        #: How `ip netns exec` is told to run it, e.g. ["prlimit", "--nofile=64"].
        self.wrapper = []
        self.env = {}
        self.processes = []

    @property
    def process(self):
        return self.processes[-1] if self.processes else None

    @property
    def running(self):
        return self.process is not None and self.process.status is None

    def command(self):
        return [*self.wrapper, binary(), "run", "--config", self.folder.path, "--node", self.node.name,
                "--ca-dir", self.ca_directory, "--log-format", "json", *self.options]

    def start(self, wait=True):
        """Starts a (further) process; with `wait` returns when it reports ready."""
        log = self.directory / f"{self.netns.name}-{len(self.processes) + 1}.log"
        self.processes.append(self.netns.start(*self.command(), log=log, env=self.env))
        if wait:
            self.wait_ready()

    def wait_ready(self, within=15):
        started = self.process

        def ready():
            if started.status is not None:
                raise RuntimeError(f"{self.node.name}: the tunnel ended with {started.status}:\n{started.text()}")
            return self.is_ready()

        eventually(ready, within, message=lambda: f"{self.node.name} ready:\n{started.text()[-4000:]}")

    def is_ready(self):
        try:
            return self.get(READINESS_PORT, "/healthz/ready")[0] == 200
        except OSError:
            return False

    def get(self, port, path):
        """GET from inside the node's namespace: (status, body)."""
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.sock = self.netns.connect("127.0.0.1", port, timeout=5)
        with connection.sock:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()

    def metrics(self):
        status, body = self.get(METRICS_PORT, "/metrics")
        assert status == 200, f"/metrics answered {status}"
        return Metrics(body)

    def wait_total(self, expected, name, within=5, **labels):
        """Waits until the samples of a metric with these labels add up to a number."""
        eventually(lambda: self.metrics().total(name, **labels) == expected, within,
                   message=lambda: f"{name}{labels} == {expected}; there is: {[s for s in self.metrics().select(name) if s.value]}")

    def ask(self, *words, **options):
        """Runs `ambit-tunnel WORDS` beside the running tunnel and returns the finished command."""
        return self.netns.run(binary(), *words, **options)

    def log(self):
        """Everything all its processes have printed."""
        return "".join(process.text() for process in self.processes)

    def access(self, **fields):
        """The access-log entries whose fields have these values; a dot in a name is written `__`."""
        wanted = {key.replace("__", "."): value for key, value in fields.items()}
        return [entry for entry in parse(self.log())
                if all(str(entry.get(key)) == str(value) for key, value in wanted.items())]

    def wait_access(self, within=5, **fields):
        """The first such entry, waited for."""
        return eventually(lambda: self.access(**fields), within,
                          message=lambda: f"an access log line with {fields} in:\n{self.log()[-4000:]}")[0]

    def terminate(self):
        self.process.signal(signal.SIGTERM)

    def stop(self):
        for process in self.processes:
            process.stop()
