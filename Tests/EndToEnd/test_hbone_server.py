# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""Port 15008 as a peer sees it: whose handshake is taken, and what a CONNECT is answered."""

import socket
import ssl

import pytest
from mesh import hbone
from mesh.certificates import SVID, context
from mesh.serving import assert_refused, exchange, say, receive_line
from mesh.topology import client_and_server

ID = "spiffe://cluster.local/ns/default/sa/client"


@pytest.fixture
def mesh(each_family):
    client, server = client_and_server(each_family)
    server.serve(8080)
    return each_family, client, server


def at(pod, port):
    """An authority."""
    return f"[{pod.ip}]:{port}" if ":" in pod.ip else f"{pod.ip}:{port}"


@pytest.fixture
def raw(mesh):
    """A client that speaks HBONE itself, from outside any capture."""
    world, client, server = mesh
    outside = world.host("raw")
    return hbone.dial(outside, server, world.authority().issue(client.spiffe_id))


def test_a_connect_to_the_pod_is_answered_200_and_carried(mesh, raw):
    world, client, server = mesh
    stream = raw.request(at(server, 8080), headers=[("traceparent", f"00-{'a' * 32}-{'b' * 16}-00")])
    assert stream.status == 200
    exchange(stream.socket)
    assert raw.peer_id == server.spiffe_id
    stream.socket.close()
    entry = server.node.tunnel.wait_access(direction="inbound")
    assert entry["src.identity"] == client.spiffe_id


def test_many_streams_share_a_connection(mesh, raw):
    _, _, server = mesh
    streams = [raw.request(at(server, 8080)) for _ in range(80)]
    for number, stream in enumerate(streams):
        exchange(stream.socket, f"stream {number}".encode())


def test_hbone_ip_mismatch_is_answered_400(mesh, raw):
    world, client, server = mesh
    assert raw.request(at(client, 8080)).status == 400
    exchange(raw.request(at(server, 8080)).socket)


@pytest.mark.parametrize("authority", ["nonsense", "10.0.0.1", ":8080", "10.77.2.2:0", "10.77.2.2:65536",
                                       "10.77.2.2:8080:1", "[::1", "a" * 5000 + ":80"],
                         ids=lambda value: value[:20])
def test_an_authority_that_is_none_is_answered_400(mesh, raw, authority):
    assert raw.request(authority).status == 400


def test_a_connect_without_authority_is_malformed(mesh, raw):
    """RFC 9113 §8.5 and §8.1.1: a stream error, not a response."""
    stream = raw.request("")
    assert stream.status is None and stream.reset_code.name == "PROTOCOL_ERROR"
    assert raw.request(at(mesh[2], 8080)).status == 200


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_another_method_is_answered_400(mesh, raw, method):
    _, _, server = mesh
    assert raw.request(at(server, 8080), method=method).status == 400


@pytest.mark.parametrize("port", [15001, 15006, 15008])
def test_an_own_port_is_answered_503(mesh, raw, port):
    _, _, server = mesh
    assert raw.request(at(server, port)).status == 503
    server.node.tunnel.wait_total(1, "ambit_refusals_total", reason="loop")


def test_a_port_where_nothing_listens_is_answered_503(mesh, raw):
    _, _, server = mesh
    assert raw.request(at(server, 9)).status == 503


def test_svc_hostname_port_resolves_to_the_target_port(world):
    client, server = client_and_server(world, start=False)
    server.ports = {"web": 8081}
    server.apply()
    service = world.service("server", ports={80: 8080, 81: "web"})
    server.serve(8080, say("number"))
    server.serve(8081, say("name"))
    world.start()
    connection = hbone.dial(world.host("raw"), server, world.authority().issue(client.spiffe_id))
    for port, expected in (80, "number"), (81, "name"):
        stream = connection.request(f"{service.hostname}:{port}")
        assert stream.status == 200
        assert receive_line(stream.socket) == expected
    assert connection.request(f"{service.hostname}:82").status == 503
    assert connection.request("unknown.default.svc.cluster.local:80").status == 503


# The handshake


def handshake(mesh, svid, **options):
    """Whether the server side takes a client: a CONNECT is answered, not only the handshake finished."""
    world, _, server = mesh
    try:
        connection = hbone.dial(world.host("raw"), server, svid, tls_context=context(svid, server=False, **options))
        stream = connection.request(at(server, 8080), wait=False)
        return bool(stream.answered.wait(5)) and stream.status is not None
    except (ssl.SSLError, ConnectionError):
        return False


def test_a_certificate_of_the_mesh_is_taken(mesh):
    assert handshake(mesh, mesh[0].authority().issue(ID))


@pytest.mark.parametrize("name, arguments", [
    ("another trust domain", (["spiffe://other.example/ns/default/sa/client"], {})),
    ("no name at all", ([], {})),
    ("a name that is no SPIFFE ID", (["https://cluster.local/ns/default/sa/client"], {})),
    ("two SPIFFE IDs", ([ID, "spiffe://cluster.local/ns/default/sa/admin"], {})),
    ("expired", ([ID], {"days": -1})),
    ("not for clients", ([ID], {"usage": "serverAuth"})),
], ids=lambda value: value if isinstance(value, str) else "")
def test_a_wrong_certificate_is_refused_and_counted(mesh, name, arguments):
    world, _, server = mesh
    uris, options = arguments
    assert not handshake(mesh, world.authority().issue(*uris, **options))
    server.node.tunnel.wait_total(1, "ambit_refusals_total", reason="certificate_rejected")


def test_a_certificate_of_another_authority_is_refused(mesh):
    world = mesh[0]
    forged = world.other_authority().issue(ID)
    assert not handshake(mesh, forged._replace(roots=world.authority().certificate))


def test_no_certificate_is_refused(mesh):
    assert not handshake(mesh, SVID(None, None, mesh[0].authority().certificate))


def test_tls_1_2_is_refused(mesh):
    assert not handshake(mesh, mesh[0].authority().issue(ID), version=ssl.TLSVersion.TLSv1_2)


def test_an_offer_without_h2_is_refused(mesh):
    assert not handshake(mesh, mesh[0].authority().issue(ID), alpn=("http/1.1",))


def test_plaintext_on_the_hbone_port_is_refused(mesh):
    world, _, server = mesh
    connection = world.host("raw").connect(server, 15008)
    connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    answer = b""
    try:
        while part := connection.recv(4096):
            answer += part
    except ConnectionResetError:
        pass
    assert b"HTTP" not in answer


def test_a_peer_stuck_in_its_handshake_holds_nobody_up_and_is_cut(each_family):
    world = each_family
    client, server = client_and_server(world, options=["--handshake-timeout", "2s"])
    server.serve(8080)
    silent = [world.host(f"silent{n}").connect(server, 15008) for n in range(3)]
    half = world.host("half").connect(server, 15008)
    half.sendall(b"\x16\x03\x01\x02\x00\x01")  # the beginning of a ClientHello
    exchange(client.connect(server, 8080))
    for connection in [*silent, half]:
        assert_refused(connection)
    server.node.tunnel.wait_total(4, "ambit_refusals_total", reason="handshake_timeout")


def test_a_connection_refused_at_the_handshake_is_closed_and_not_kept(mesh):
    world, _, server = mesh
    connection = world.host("raw").connect(server, 15008)
    connection.shutdown(socket.SHUT_WR)
    assert_refused(connection)
