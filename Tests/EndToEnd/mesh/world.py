# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""A whole mesh: nodes, pods, services, the folder that describes them, and the tunnels."""

import itertools
import os
import shutil
from pathlib import Path

from . import manifests, wires
from .capture import Capture
from .certificates import Authority
from .folder import ConfigurationFolder
from .netns import NetworkNamespace
from .node import Node
from .pod import Pod, Service
from .tunnel import Tunnel
from .wires import BRIDGE

AMBIENT = {"istio.io/dataplane-mode": "ambient"}

_serial = itertools.count(1)


class World:
    """Everything lives in namespaces named after this process, and goes with close(), whatever happened.

    Build it (namespace, node, pod, service), then start(); all of it may change later. Manifests are written as
    objects are made, so what a test builds after start() is a live change.
    """

    def __init__(self, directory, families=(4, 6), name="test"):
        self.prefix = f"ambit-{name}-{os.getpid()}-{next(_serial)}"
        self.families = tuple(families)
        self.directory = Path(directory)
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)
        self.folder = ConfigurationFolder(self.directory / "config")
        self.ca_directory = self.directory / "ca"
        self.trust_domain = "cluster.local"
        self.nodes = {}
        self.pods = {}
        self.extra_tunnels = []
        self._namespaces = []
        self._closers = []
        self._host_count = itertools.count(1)
        self._service_count = itertools.count(10)
        try:
            self.fabric = self._netns("fabric")
            wires.add_bridge(self.fabric)
        except BaseException:
            self.close()
            raise

    # Building

    def namespace(self, name="default", ambient=True, labels=None):
        """Writes a Namespace, by default with the label that enrols its pods."""
        self.folder.apply(manifests.namespace(name, {**(AMBIENT if ambient else {}), **(labels or {})}))

    def node(self, name, tunnel=True, labels=None):
        index = len(self.nodes) + 1
        netns = self._netns(name)
        wires.add_bridge(netns)
        wires.uplink(netns, self.fabric, f"node{index}")
        node = Node(name, index, netns, self.families, labels)
        wires.address(netns, BRIDGE, node.addresses)
        wires.probe_address(netns, self.families)
        self.nodes[name] = node
        if tunnel:
            node.tunnel = Tunnel(node, self.folder, self.ca_directory, self.directory)
        self.folder.apply(node.manifest())
        return node

    def pod(self, name, node, namespace="default", service_account=None, labels=None, annotations=None, ports=None,
            ready=True, host_network=False, apply=True):
        """A pod on a node; its service account is its name unless given. `labels` gets app=NAME."""
        if host_network:
            netns, addresses = node.netns, dict(node.addresses)
        else:
            node.pod_count += 1
            netns, addresses = self._attach(f"{namespace}-{name}", node.netns, f"pod{node.pod_count}",
                                            lambda family: wires.pod_address(family, node.index, node.pod_count),
                                            node.addresses)
        pod = Pod(self, name, namespace, node, netns, addresses, service_account or name,
                  {"app": name, **(labels or {})}, {"ambit.dev/netns": netns.path, **(annotations or {})}, ports,
                  ready, host_network)
        self.pods[f"{namespace}/{name}"] = pod
        if apply:
            pod.apply()
        return pod

    def successor(self, node):
        """A second tunnel for a node, in a namespace of its own, as a DaemonSet's update starts it; not yet running."""
        node.pod_count += 1
        number = node.pod_count
        netns, _ = self._attach(f"{node.name}-next{number}", node.netns, f"pod{number}",
                                lambda family: wires.pod_address(family, node.index, number), node.addresses)
        tunnel = Tunnel(node, self.folder, self.ca_directory, self.directory, netns)
        self.extra_tunnels.append(tunnel)
        return tunnel

    def dedicated_pod(self, name, node, namespace="default", service_account=None):
        """A pod that shares its node's namespace with the tunnel: it names no network namespace."""
        pod = Pod(self, name, namespace, node, node.netns, dict(node.addresses), service_account or name,
                  {"app": name}, {}, {}, True, False)
        self.pods[f"{namespace}/{name}"] = pod
        pod.apply()
        return pod

    def host(self, name):
        """A machine that Kubernetes knows nothing of, on the same wire as the nodes."""
        index = next(self._host_count)
        netns, addresses = self._attach(name, self.fabric, f"host{index}",
                                        lambda family: wires.pod_address(family, 0xfe, index), None)
        host = Pod(self, name, "", None, netns, addresses, "", {}, {}, {}, True, False)
        self.pods[f"/{name}"] = host
        return host

    def service(self, name, selector=None, ports=None, namespace="default", labels=None, annotations=None, spec=None):
        """A service on a new virtual address; ports is {port: target}, by default {80: 8080}."""
        number = next(self._service_count)
        addresses = {family: wires.service_address(family, number) for family in self.families}
        manifest = manifests.service(name, namespace, list(addresses.values()), ports or {80: 8080},
                                     {"app": name} if selector is None else selector, labels, annotations, spec)
        self.folder.apply(manifest)
        return Service(name, namespace, addresses, manifest)

    def _attach(self, name, bridge_namespace, port, address, gateways):
        netns = self._netns(name)
        wires.plug(netns, "eth0", bridge_namespace, port)
        addresses = {family: address(family) for family in self.families}
        wires.address(netns, "eth0", addresses)
        if gateways:
            wires.default_route(netns, gateways)
        return netns, addresses

    def _netns(self, name):
        namespace = NetworkNamespace(f"{self.prefix}-{name}")
        self._namespaces.append(namespace)
        wires.prepare(namespace, self.families)
        return namespace

    # Running

    @property
    def tunnels(self):
        return [node.tunnel for node in self.nodes.values() if node.tunnel]

    def start(self):
        """Starts every tunnel at once, as a DaemonSet does, and waits until all are ready."""
        for tunnel in self.tunnels:
            tunnel.start(wait=False)
        for tunnel in self.tunnels:
            tunnel.wait_ready()
        return self

    def run_in(self, netns, *argv, name, env=None):
        """A process beside the test, ended with the world."""
        process = netns.start(*argv, log=self.directory / f"{name}.log", env=env)
        self.closing(process.stop)
        return process

    def capture(self, netns=None, interface=BRIDGE):
        """Records what crosses an interface; by default what goes between the nodes."""
        capture = Capture(netns or self.fabric, interface, self.directory)
        self.closing(capture.stop)
        return capture

    def authority(self):
        """The tunnels' own CA, to mint certificates for peers that are not ours."""
        return Authority(self.ca_directory, self.directory / "svid")

    def other_authority(self):
        """A CA that nobody trusts."""
        return Authority.create(self.directory / "other-ca", self.directory / "other-svid")

    def closing(self, action):
        """Has an action run before the namespaces go."""
        self._closers.append(action)

    def close(self):
        """Ends every process and removes every namespace; safe to call again."""
        problems = []

        def attempt(action, *arguments):
            try:
                action(*arguments)
            except Exception as error:  # the rest must still go
                problems.append(error)

        for closer in reversed(self._closers):
            attempt(closer)
        for pod in self.pods.values():
            attempt(pod.close)
        for tunnel in [*self.tunnels, *self.extra_tunnels]:
            for process in tunnel.processes:
                attempt(process.kill)
        for namespace in reversed(self._namespaces):
            attempt(namespace.delete)
        self._closers, self._namespaces = [], []
        if problems:
            raise problems[0]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
