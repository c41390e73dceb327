# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""The kubelet's probes of captured pods: they pass where plain text does not, and nobody else passes with them."""

import re

import pytest
from mesh import kubernetes
from mesh.kubelet import Daemon, Kubelet
from mesh.manifests import peer_authentication
from mesh.serving import exchange
from mesh.waiting import eventually
from mesh.wires import BRIDGE, PROBE_ADDRESS

FAMILIES = (4, 6)


def use(netns, device, family, word="add"):
    """Gives a device the address of probes, as root of its machine or pod may."""
    length, options = (32, []) if family == 4 else (128, ["nodad"])
    netns.ip("addr", word, f"{PROBE_ADDRESS[family]}/{length}", "dev", device, *options)


class Mesh:
    """One node in a cluster, a captured pod that takes no plain text, and who would like to send it some."""

    def __init__(self, world):
        self.world = world
        kubernetes.cluster(world)
        world.namespace("default")
        world.namespace("plain", ambient=False)
        self.mode("STRICT")
        self.node = kubernetes.node(world, "node1")
        self.server = world.pod("server", self.node)
        self.served = self.server.serve(8080)
        # Only the tests that need it give a device the address of probes.
        for family in FAMILIES:
            use(self.node.netns, BRIDGE, family, "del")

    def mode(self, mode):
        self.world.folder.apply(peer_authentication("default", "default", mode))

    def probes(self, daemon):
        return [daemon.probe(self.server.addresses[family], 8080) for family in FAMILIES]

    def tables(self):
        """The node's tables without their counts."""
        return re.sub(r"packets \d+ bytes \d+", "", self.node.netns.run("nft", "list", "ruleset").stdout)

    def dropped(self):
        """Packets that the node's rules threw away."""
        text = self.node.netns.run("nft", "list", "ruleset").stdout
        return sum(int(count) for count in re.findall(r"packets (\d+) bytes \d+ drop", text))

    def assert_dropped(self, netns, family):
        before = self.dropped()
        with pytest.raises(TimeoutError):
            netns.connect(self.server.addresses[family], 8080, source=PROBE_ADDRESS[family], timeout=0.3)
        assert self.dropped() > before


@pytest.fixture
def mesh(world):
    return Mesh(world)


def test_the_kubelet_alone_reaches_pods_that_take_no_plain_text(mesh):
    kubelet, other = Kubelet(mesh.world, mesh.node), Daemon(mesh.node.netns, None, "kubelet")
    mesh.world.closing(other.stop)
    outside = mesh.world.host("outside")
    mesh.world.start()
    assert mesh.probes(kubelet) == ["probe", "probe"]
    assert mesh.served.peers[-2:] == list(PROBE_ADDRESS.values())
    assert mesh.node.tunnel.metrics().total("ambit_probes_exempt") == 1
    # One of the same name, but in another group; and one elsewhere.
    assert "probe" not in mesh.probes(other)
    outside.assert_refused(mesh.server, 8080)
    # What took plain text before still does, from everybody.
    mesh.mode("PERMISSIVE")
    eventually(lambda: mesh.probes(other) == ["probe", "probe"], 10)
    assert mesh.probes(kubelet) == ["probe", "probe"]
    assert mesh.served.peers[-1] == PROBE_ADDRESS[6]


def test_nobody_else_sends_from_the_address_of_probes(mesh):
    Kubelet(mesh.world, mesh.node)
    stranger, outside = mesh.world.pod("stranger", mesh.node, "plain"), mesh.world.host("outside")
    for family, forwarding in (4, "ipv4.ip_forward"), (6, "ipv6.conf.all.forwarding"):
        # Answers find their way to whoever answers for the address, so that nothing but a rule keeps it from being used.
        mesh.node.netns.sysctl(f"net.{forwarding}", 1)
        mesh.node.netns.ip(f"-{family}", "route", "add", PROBE_ADDRESS[family], "dev", BRIDGE)
        use(stranger.netns, "eth0", family)
        with stranger.netns.connect(mesh.server.addresses[family], 8080, source=PROBE_ADDRESS[family]) as connection:
            exchange(connection)
    mesh.world.start()
    for family in FAMILIES:
        # A pod of the node, a process of the node, and somebody on the wire.
        for netns, device in (stranger.netns, "eth0"), (mesh.node.netns, BRIDGE), (outside.netns, "eth0"):
            if netns != stranger.netns:
                use(netns, device, family)
            mesh.assert_dropped(netns, family)
            use(netns, device, family, "del")


def test_rules_outlive_the_tunnel_follow_the_kubelet_and_go_with_the_last_pod(mesh):
    before = mesh.tables()
    kubelet = Kubelet(mesh.world, mesh.node)
    mesh.world.start()
    assert mesh.probes(kubelet) == ["probe", "probe"]
    written = mesh.tables()
    mesh.node.tunnel.process.stop()
    assert mesh.tables() == written
    assert mesh.probes(kubelet) == ["probe", "probe"]
    mesh.node.tunnel.start()
    assert mesh.tables() == written
    # A pod that comes, and one that goes.
    second = mesh.world.pod("second", mesh.node)
    second.serve(8080)
    eventually(lambda: second.addresses[4] in mesh.tables() and second.is_captured(), 10)
    assert kubelet.probe(second.addresses[4]) == "probe"
    second.remove()
    eventually(lambda: mesh.tables() == written, 10)
    # What takes rules away does not tell; a kubelet that is started anew has another group.
    mesh.node.netns.run("nft", "flush", "ruleset")
    kubelet.stop()
    kubelet.start()
    eventually(lambda: mesh.probes(kubelet) == ["probe", "probe"], 20, every=0.2)
    mesh.world.namespace("default", ambient=False)
    eventually(lambda: mesh.tables() == before, 10)
    assert "probe" in mesh.probes(kubelet)


def test_without_a_kubelet_nobody_is_exempt(mesh):
    before = mesh.tables()
    mesh.world.start()
    for family in FAMILIES:
        use(mesh.node.netns, BRIDGE, family)
        with pytest.raises((AssertionError, ConnectionResetError)):
            with mesh.node.netns.connect(mesh.server.addresses[family], 8080, source=PROBE_ADDRESS[family]) as connection:
                exchange(connection)
    assert mesh.tables() == before
    assert mesh.node.tunnel.log().count("kubelet's probes are not exempt") == 1
    assert mesh.node.tunnel.metrics().total("ambit_probes_exempt") == 0
