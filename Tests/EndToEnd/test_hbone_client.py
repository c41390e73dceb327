# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""Our client side against a peer that is not ours: whom it trusts, what it sends, how it bears refusal."""

import re

import pytest
from mesh.serving import assert_refused, exchange, is_open
from mesh.topology import client_and_server, peer_in_mesh
from mesh.waiting import eventually


@pytest.fixture
def client(each_family):
    client, _ = client_and_server(each_family)
    return client


def test_connect_names_the_destination_and_tells_who_calls(each_family, client):
    peer, terminator = peer_in_mesh(each_family, "peer")
    eventually_exchange(client, peer)
    request = terminator.requests[-1]
    assert request.authority == (f"[{peer.ip}]:8080" if ":" in peer.ip else f"{peer.ip}:8080")
    assert request.peer_id == client.spiffe_id
    assert request.peer_address == client.ip  # dialled from the pod's own namespace
    assert ":scheme" not in request.headers and ":path" not in request.headers
    baggage = dict(pair.split("=", 1) for pair in request.headers["baggage"].split(","))
    assert baggage["k8s.namespace.name"] == "default"
    assert baggage["k8s.pod.name"] == "client" or "client" in request.headers["baggage"]
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", request.headers["traceparent"])
    assert re.match(r'for="\[?[0-9a-f.:]+\]?:\d+"', request.headers["forwarded"])


def test_forwarded_names_the_service_that_was_called(each_family, client):
    peer, terminator = peer_in_mesh(each_family, "peer")
    service = each_family.service("peer")
    eventually(lambda: service.hostname in client.node.tunnel.ask("services").stdout)
    eventually_exchange(client, service, 80)
    assert f";host={service.hostname}" in terminator.requests[-1].headers["forwarded"]
    assert terminator.requests[-1].authority.endswith(":8080")


def test_connections_to_one_peer_share_an_hbone_connection(each_family, client):
    peer, terminator = peer_in_mesh(each_family, "peer")
    eventually_exchange(client, peer)
    for _ in range(20):
        with client.connect(peer, 8080) as connection:
            exchange(connection)
    workers = 2
    assert len(terminator.connections) <= workers


def test_trust_domain_mismatch_is_rejected(each_family, client):
    peer, terminator = peer_in_mesh(each_family, "peer", spiffe_id="spiffe://other.example/ns/default/sa/peer")
    wait_known(client, peer)
    client.assert_refused(peer, 8080)
    assert terminator.requests == []
    client.node.tunnel.wait_total(1, "istio_tcp_connections_failed_total", response_flags="TLS_FAILURE")


def test_a_peer_with_another_identity_than_the_destination_is_rejected(each_family, client):
    peer, terminator = peer_in_mesh(each_family, "peer", spiffe_id="spiffe://cluster.local/ns/default/sa/imposter")
    wait_known(client, peer)
    client.assert_refused(peer, 8080)
    assert terminator.requests == []
    client.node.tunnel.wait_total(1, "ambit_refusals_total", reason="identity_mismatch")


def test_a_peer_of_another_authority_is_rejected(each_family, client):
    authority = each_family.other_authority()
    peer, terminator = peer_in_mesh(each_family, "peer", authority=authority)
    wait_known(client, peer)
    client.assert_refused(peer, 8080)
    assert terminator.requests == []


@pytest.mark.parametrize("status", [400, 401, 403, 503, 302])
def test_another_status_than_200_is_a_failed_connection_with_that_status_in_the_log(each_family, client, status):
    peer, terminator = peer_in_mesh(each_family, "peer", answer=lambda request: status)
    wait_known(client, peer)
    client.assert_refused(peer, 8080)
    entry = client.node.tunnel.wait_access(direction="outbound", dst__workload="peer")
    assert str(status) in entry["error"]


def test_after_the_peer_restarts_new_connections_work_at_once(each_family, client):
    peer, terminator = peer_in_mesh(each_family, "peer")
    eventually_exchange(client, peer)
    for connection in terminator.connections:
        connection.close()
    with client.connect(peer, 8080) as connection:
        exchange(connection)


def test_a_stuck_peer_holds_up_nobody_else(each_family):
    """ztunnel holds a lock during the handshake; here a black hole costs only those who call it."""
    client, _ = client_and_server(each_family, options=["--handshake-timeout", "3s"])
    stuck = each_family.pod("stuck", each_family.node("elsewhere", tunnel=False))
    stuck.listen(15008)  # accepts by the kernel and never answers
    peer, _ = peer_in_mesh(each_family, "peer")
    eventually_exchange(client, peer)
    waiting = [client.connect(stuck, 8080) for _ in range(20)]
    for _ in range(5):
        with client.connect(peer, 8080) as connection:
            exchange(connection)
    assert all(is_open(connection, 0.05) for connection in waiting)
    for connection in waiting:
        assert_refused(connection)  # and all of them give up together, not one after the other
    client.node.tunnel.wait_total(20, "ambit_refusals_total", reason="handshake_timeout")


def wait_known(client, peer):
    """Until the client's tunnel has read the peer's manifest: `workloads` lists it."""
    eventually(lambda: peer.ip in client.node.tunnel.ask("workloads").stdout)


def eventually_exchange(client, target, port=8080):
    def works():
        with client.connect(target, port) as connection:
            exchange(connection)
        return True
    eventually(works)
