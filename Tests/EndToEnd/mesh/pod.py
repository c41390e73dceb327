# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""A pod: a namespace whose only way out is its node, with the applications a test runs in it."""

import re

from . import manifests
from .serving import Server, assert_refused, echo
from .waiting import eventually

TABLE = "ambit"


class Pod:
    """What a test does as an application: listen, connect, curl. Attributes may be changed before `apply`."""

    def __init__(self, world, name, namespace, node, netns, addresses, service_account, labels, annotations, ports,
                 ready, host_network):
        self.world = world
        self.name = name
        self.namespace = namespace
        self.node = node
        self.netns = netns
        self.addresses = addresses
        self.service_account = service_account
        self.labels = dict(labels or {})
        self.annotations = dict(annotations or {})
        self.ports = dict(ports or {})
        self.ready = ready
        self.host_network = host_network
        self._open = []

    @property
    def ip(self):
        """Its first address: IPv4 unless the world has none."""
        return next(iter(self.addresses.values()))

    @property
    def spiffe_id(self):
        return f"spiffe://{self.world.trust_domain}/ns/{self.namespace}/sa/{self.service_account}"

    @property
    def principal(self):
        """Its identity as a policy writes it."""
        return self.spiffe_id.removeprefix("spiffe://")

    def manifest(self):
        return manifests.pod(self.name, self.namespace, self.node.name, list(self.addresses.values()),
                             self.service_account, self.labels, self.annotations, self.ports, self.ready,
                             self.host_network)

    def apply(self):
        """(Re)writes its manifest."""
        self.world.folder.apply(self.manifest())

    def remove(self):
        """Deletes its manifest; the namespace stays, as during a termination."""
        self.world.folder.delete(self.manifest())

    # As an application

    def listen(self, port, address=None, backlog=128):
        return self.keep(self.netns.listen(port, address, backlog))

    def connect(self, target, port, **options):
        """A connection to a pod, a service or an address."""
        return self.keep(self.netns.connect(getattr(target, "ip", target), port, **options))

    def assert_refused(self, target, port, **options):
        """A connection ends, by FIN or RST, without a byte having come."""
        connection = self.try_connect(target, port, **options)
        if connection:
            with connection:
                assert_refused(connection)

    def is_refused(self, target, port):
        """Whether a connection ends without an answer, instead of echoing."""
        connection = self.try_connect(target, port)
        if connection is None:
            return True
        with connection:
            try:
                connection.sendall(b"x")
                return connection.recv(1) == b""
            except ConnectionResetError:
                return True

    def try_connect(self, target, port, **options):
        """A connection, or None when it was reset: a tunnel may accept and refuse before connect() returns."""
        try:
            return self.connect(target, port, **options)
        except ConnectionResetError:
            return None

    def serve(self, port, handler=echo, address=None):
        """Answers each connection to a port with handler(socket) on a thread of its own."""
        return self.keep(Server(self.listen(port, address), handler))

    def curl(self, *arguments, check=False):
        """curl from inside the pod; returns the finished command."""
        return self.netns.run("curl", "--silent", "--show-error", "--max-time", "10", "--globoff", *arguments,
                              check=check)

    def close(self):
        for thing in reversed(self._open):
            thing.close()
        self._open.clear()

    def keep(self, thing):
        """Has it closed with the pod."""
        self._open.append(thing)
        return thing

    # As enrolment leaves it

    def is_captured(self):
        """Whether the tunnel's table is in its namespace."""
        return self.netns.run("nft", "list", "table", "inet", TABLE, check=False).returncode == 0

    def wait_captured(self, expected=True, within=5):
        eventually(lambda: self.is_captured() == expected, within,
                   message=lambda: f"{self.name} {'captured' if expected else 'released'}:\n{self.trace()}")

    def trace(self):
        """All that enrolment could leave: rulesets (without their counts), policy rules, routes and listening sockets."""
        commands = [("nft", "list", "ruleset"), ("ss", "-Hltn")]
        commands += [("ip", f"-{family}", *words) for family in (4, 6)
                     for words in (("rule", "show"), ("route", "show", "table", "100"))]
        text = "\n".join(self.netns.run(*command, check=False).stdout.strip() for command in commands)
        return re.sub(r"counter packets \d+ bytes \d+", "counter", text)


class Service:
    """A virtual address in front of pods."""

    def __init__(self, name, namespace, addresses, manifest):
        self.name = name
        self.namespace = namespace
        self.addresses = addresses
        self.manifest = manifest
        self.hostname = f"{name}.{namespace}.svc.cluster.local"

    @property
    def ip(self):
        return next(iter(self.addresses.values()))
