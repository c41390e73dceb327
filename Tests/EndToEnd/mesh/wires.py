# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""Bridges and cables between network namespaces.

    fabric   br0 ── node1 ── node2 ── hosts outside the mesh; a capture here sees what goes between the nodes
    node     br0 ── uplink to the fabric, one port for each pod     the node's own address is on br0
    pod      eth0, default route through its node

All is one layer-2 segment, so every packet between two pods of different nodes crosses the fabric unrouted.
"""

import os

BRIDGE = "br0"
#: The source address of kubelet's probes in the mesh (reference: ambient's probe exemption).
PROBE_ADDRESS = {4: "169.254.7.127", 6: "fd16:9254:7127:1337:ffff:ffff:ffff:ffff"}
PREFIX_LENGTH = {4: 16, 6: 64}


def node_address(family, node):
    return f"10.77.{node}.1" if family == 4 else f"fd00:77::{node:x}:1"


def pod_address(family, node, pod):
    return f"10.77.{node}.{pod + 1}" if family == 4 else f"fd00:77::{node:x}:{pod + 1:x}"


def service_address(family, service):
    return f"10.96.0.{service}" if family == 4 else f"fd00:96::{service:x}"


def prepare(namespace, families):
    """Settings a fresh namespace needs before its links come up."""
    if 6 in families:
        # No duplicate address detection: an address is usable at once.
        for scope in ("all", "default"):
            namespace.sysctl(f"net.ipv6.conf.{scope}.accept_dad", 0)
            namespace.sysctl(f"net.ipv6.conf.{scope}.accept_ra", 0)
    else:
        for scope in ("all", "default", "lo"):
            namespace.sysctl(f"net.ipv6.conf.{scope}.disable_ipv6", 1)


def add_bridge(namespace):
    # Without snooping, neighbour discovery is flooded: there is no querier here. Without an address of its own a bridge takes
    # the lowest of its ports', so each new pod may change its node's, and connections to the node stall until peers ask again.
    address = ":".join(["02", *(f"{octet:02x}" for octet in os.urandom(5))])
    _batch(namespace, f"link add {BRIDGE} address {address} type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
           f"link set {BRIDGE} up")


def plug(namespace, interface, bridge_namespace, port):
    """A cable from `interface` in `namespace` to a port of the other namespace's bridge."""
    _batch(bridge_namespace, f"link add {port} type veth peer name {interface} netns {namespace.name}",
           f"link set {port} master {BRIDGE} up")
    namespace.ip("link", "set", interface, "up")


def uplink(node_namespace, fabric_namespace, port):
    """Joins a node's bridge to the fabric's."""
    plug(node_namespace, "uplink", fabric_namespace, port)
    node_namespace.ip("link", "set", "uplink", "master", BRIDGE)


def address(namespace, interface, addresses):
    """Gives an interface its addresses: {family: text}."""
    _batch(namespace, *(f"addr add {text}/{PREFIX_LENGTH[family]} dev {interface}{_nodad(family)}"
                        for family, text in addresses.items()))


def default_route(namespace, addresses):
    _batch(namespace, *(f"route add default via {text}" for text in addresses.values()))


def probe_address(namespace, families):
    """Gives a node the address that kubelet's probes come from."""
    _batch(namespace, *(f"addr add {PROBE_ADDRESS[family]}/{32 if family == 4 else 128} dev {BRIDGE}{_nodad(family)}"
                        for family in families))


def _nodad(family):
    return " nodad" if family == 6 else ""


def _batch(namespace, *lines):
    namespace.ip("-batch", "-", input="\n".join(lines) + "\n")
