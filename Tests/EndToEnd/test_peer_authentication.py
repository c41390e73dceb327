# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""PeerAuthentication: who may come in plaintext, at which port, and which object decides."""

import pytest
from mesh.manifests import peer_authentication
from mesh.serving import exchange
from mesh.topology import client_and_server
from mesh.wires import PROBE_ADDRESS

APP = {"app": "server"}


@pytest.fixture
def mesh(world):
    client, server = client_and_server(world, start=False)
    server.serve(8080)
    server.serve(8081)
    return world, client, server, world.host("outside")


def test_plaintext_is_refused_under_strict(mesh):
    world, client, server, outside = mesh
    world.folder.apply(peer_authentication("default", "default", "STRICT"))
    world.start()
    outside.assert_refused(server, 8080)
    exchange(client.connect(server, 8080))
    entry = server.node.tunnel.wait_access(direction="inbound")
    assert "PeerAuthentication default/default requires mTLS" in entry["error"]
    server.node.tunnel.wait_total(1, "ambit_refusals_total", reason="plaintext_refused")
    server.node.tunnel.wait_total(1, "istio_tcp_connections_failed_total", response_flags="DENY")


@pytest.mark.parametrize("objects, refused", [
    # The mesh is strict unless something narrower says otherwise.
    ([("default", "istio-system", "STRICT", None, None)], {8080, 8081}),
    ([("default", "istio-system", "STRICT", None, None), ("default", "default", "PERMISSIVE", None, None)], set()),
    # DISABLE means as much as PERMISSIVE: plaintext is taken, mutual TLS too.
    ([("default", "istio-system", "STRICT", None, None), ("default", "default", "DISABLE", None, None)], set()),
    # A selector is narrower than a namespace.
    ([("default", "default", "PERMISSIVE", None, None), ("server", "default", "STRICT", APP, None)], {8080, 8081}),
    ([("default", "default", "STRICT", None, None), ("server", "default", "PERMISSIVE", APP, None)], set()),
    # A port is narrower than its object, either way.
    ([("server", "default", "STRICT", APP, {8080: "PERMISSIVE"})], {8081}),
    ([("server", "default", "PERMISSIVE", APP, {8080: "STRICT"})], {8080}),
    # UNSET asks the next wider object.
    ([("default", "istio-system", "STRICT", None, None), ("default", "default", "UNSET", None, None)], {8080, 8081}),
    # A selector that does not match decides nothing.
    ([("someone", "default", "STRICT", {"app": "someone"}, None)], set()),
])
def test_the_narrowest_object_decides(mesh, objects, refused):
    world, client, server, outside = mesh
    for name, namespace, mode, selector, ports in objects:
        world.folder.apply(peer_authentication(name, namespace, mode, selector, ports))
    world.start()
    for port in 8080, 8081:
        exchange(client.connect(server, port))
        if port in refused:
            outside.assert_refused(server, port)
        else:
            exchange(outside.connect(server, port))


def test_an_unreadable_mode_is_strict(mesh):
    world, _, server, outside = mesh
    world.folder.apply(peer_authentication("default", "default", "SOMETIMES"))
    world.start()
    outside.assert_refused(server, 8080)


def test_probes_pass_under_strict(mesh):
    world, _, server, _ = mesh
    world.folder.apply(peer_authentication("default", "default", "STRICT"))
    world.start()
    for family in 4, 6:
        with server.node.netns.connect(server.addresses[family], 8080, source=PROBE_ADDRESS[family]) as connection:
            exchange(connection)
