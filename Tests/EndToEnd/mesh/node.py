# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""A node: a namespace with a bridge for its pods and, usually, a tunnel."""

from . import manifests, wires


class Node:
    """`addresses` maps a family (4, 6) to text; `netns` is where the tunnel runs and kubelet's probes come from."""

    def __init__(self, name, index, netns, families, labels=None):
        self.name = name
        self.index = index
        self.netns = netns
        self.labels = labels
        self.addresses = {family: wires.node_address(family, index) for family in families}
        self.tunnel = None
        self.pod_count = 0

    @property
    def ip(self):
        return next(iter(self.addresses.values()))

    def manifest(self):
        return manifests.node(self.name, list(self.addresses.values()), self.labels)
