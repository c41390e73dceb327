# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""The few shapes of mesh that most scenarios need."""

from . import hbone
from .serving import echo


def client_and_server(world, same_node=False, client_in_mesh=True, server_in_mesh=True, options=(), start=True):
    """Two nodes with tunnels; `client` on the first and `server` on the second (or the first too).

    Namespace `default` is enrolled and `plain` is not; a pod is placed in one of them. `options` go to both tunnels.
    """
    world.namespace("default")
    world.namespace("plain", ambient=False)
    node1, node2 = world.node("node1"), world.node("node2")
    client = world.pod("client", node1, "default" if client_in_mesh else "plain")
    server = world.pod("server", node1 if same_node else node2, "default" if server_in_mesh else "plain")
    for tunnel in world.tunnels:
        tunnel.options += options
    if start:
        world.start()
    return client, server


def peer_in_mesh(world, name, handler=None, answer=None, spiffe_id=None, authority=None, **options):
    """An enrolled pod on a node without our tunnel, whose HBONE side is Python: (pod, terminator).

    Only after start(): its certificate comes from the CA that the tunnels have made.
    """
    node = world.nodes.get("foreign") or world.node("foreign", tunnel=False)
    pod = world.pod(name, node, **options)
    svid = (authority or world.authority()).issue(spiffe_id or pod.spiffe_id)
    svid = svid._replace(roots=world.authority().certificate)
    return pod, hbone.Terminator(pod, svid, handler or echo, answer=answer or (lambda request: 200))
