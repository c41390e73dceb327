# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""What happens to the bytes: every path carries FIN as FIN, RST as RST, the client's address, and all of a file."""

import hashlib
import os
import socket
import threading
import time

import pytest
from mesh.serving import (echo, exchange, peer_address, plain, receive_all, receive_exactly, receive_line, reset,
                          wait_closed)
from mesh.topology import client_and_server

#: (client in the mesh, server in the mesh): HBONE, plaintext out, plaintext in.
PATHS = {"hbone": (True, True), "plaintext-out": (True, False), "plaintext-in": (False, True)}
MEGABYTES = int(os.environ.get("AMBIT_BULK_MB", "256"))


@pytest.fixture(params=PATHS)
def path(request, world):
    """(client, server, listener on the server's port 8080)"""
    client, server = client_and_server(world, client_in_mesh=PATHS[request.param][0],
                                       server_in_mesh=PATHS[request.param][1])
    return client, server, server.listen(8080)


def connected(client, server, listener):
    """Both ends of a connection that is through."""
    outer = client.connect(server, 8080)
    outer.sendall(b"?")
    inner = listener.accept()[0]
    inner.settimeout(10)
    assert receive_exactly(inner, 1) == b"?"
    return outer, inner


def test_half_close_by_the_client_lets_the_server_finish(path):
    outer, inner = connected(*path)
    outer.sendall(b"question")
    outer.shutdown(socket.SHUT_WR)
    assert receive_all(inner) == b"question"
    inner.sendall(b"answer" * 10000)
    inner.shutdown(socket.SHUT_WR)
    assert receive_all(outer) == b"answer" * 10000


def test_half_close_by_the_server_lets_the_client_finish(path):
    outer, inner = connected(*path)
    inner.sendall(b"greeting")
    inner.shutdown(socket.SHUT_WR)
    assert receive_all(outer) == b"greeting"
    outer.sendall(b"thanks" * 10000)
    outer.shutdown(socket.SHUT_WR)
    assert receive_all(inner) == b"thanks" * 10000


def test_rst_by_the_client_is_rst_at_the_server(path):
    """ztunnel turns it into FIN (#1483)."""
    outer, inner = connected(*path)
    reset(outer)
    assert wait_closed(inner, 5) == "RST"


def test_rst_by_the_server_is_rst_at_the_client(path):
    outer, inner = connected(*path)
    reset(inner)
    assert wait_closed(outer, 5) == "RST"


def test_rst_after_a_half_close_is_still_rst(path):
    outer, inner = connected(*path)
    outer.shutdown(socket.SHUT_WR)
    assert inner.recv(1) == b""
    reset(inner)
    assert wait_closed(outer, 5) == "RST"


def test_fin_without_a_byte_is_carried(path):
    client, server, listener = path
    outer = client.connect(server, 8080)
    inner = listener.accept()[0]
    outer.shutdown(socket.SHUT_WR)
    inner.settimeout(10)
    assert inner.recv(1) == b""
    inner.close()
    assert outer.recv(1) == b""


def test_the_server_may_speak_first(path):
    client, server, listener = path
    outer = client.connect(server, 8080)
    inner = listener.accept()[0]
    inner.sendall(b"220 ready\r\n")
    assert receive_exactly(outer, 11) == b"220 ready\r\n"


@pytest.mark.parametrize("same_node", [True, False], ids=["local", "cross-node"])
def test_the_server_sees_the_clients_address(each_family, same_node):
    client, server = client_and_server(each_family, same_node)
    server.serve(8080, peer_address)
    outside = each_family.host("outside")
    for pod in client, outside:
        assert receive_line(pod.connect(server, 8080)) == pod.ip


def test_a_bound_source_address_does_not_use_up_a_port_for_all_destinations(world):
    """Each inbound connection binds the client's address; its port is chosen by the four-tuple, not by the bind."""
    client, server = client_and_server(world)
    server.netns.sysctl("net.ipv4.ip_local_port_range", "20000 20063")  # 64 ports
    ports = 8080, 8081, 8082, 8083
    for port in ports:
        server.serve(port)
    connections = [client.connect(server, port) for port in ports for _ in range(50)]
    for connection in connections:
        exchange(connection)


def test_a_slow_reader_stops_its_own_stream_only(world):
    client, server = client_and_server(world)
    server.serve(8080, echo)
    server.serve(8081, send_forever)
    stalled = client.connect(server, 8081)
    receive_exactly(stalled, 1000)  # and then reads no more
    time.sleep(0.5)
    for _ in range(20):
        with client.connect(server, 8080) as connection:
            exchange(connection, os.urandom(100_000))
    for tunnel in world.tunnels:
        assert resident_megabytes(tunnel) < 100
    receive_exactly(stalled, 20_000_000)  # it goes on when read again


def send_forever(connection):
    while True:
        connection.sendall(bytes(65536))


def resident_megabytes(tunnel):
    with open(f"/proc/{tunnel.process.pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) / 1024


class Digest:
    """Sends `size` random bytes on a connection and remembers their SHA-256; reads likewise."""

    def __init__(self, size, seed):
        self.size = size
        self.block = hashlib.shake_256(seed).digest(1 << 20)

    def send(self, connection):
        digest, left, number = hashlib.sha256(), self.size, 0
        while left:
            # A different block each time, without the cost of new randomness.
            block = (number.to_bytes(8, "big") + self.block)[:left][:1 << 20]
            digest.update(block)
            connection.sendall(block)
            left, number = left - len(block), number + 1
        connection.shutdown(socket.SHUT_WR)
        return digest.hexdigest()

    @staticmethod
    def receive(connection):
        digest, count = hashlib.sha256(), 0
        while part := connection.recv(1 << 20):
            digest.update(part)
            count += len(part)
        return digest.hexdigest(), count


def in_background(results, name, function, *arguments):
    def body():
        try:
            results[name] = function(*arguments)
        except BaseException as error:  # shown by the assertion that reads the results
            results[name] = error

    thread = threading.Thread(target=body, daemon=True)
    thread.start()
    return thread


def test_a_big_file_arrives_in_both_directions_while_connections_come_and_go(world):
    client, server = client_and_server(world)
    server.serve(8081)
    listener = server.listen(8080)
    outer = client.connect(server, 8080)
    inner = listener.accept()[0]
    for connection in outer, inner:
        connection.settimeout(60)
    size, results = MEGABYTES * 1_000_000, {}
    up, down = Digest(size, b"up"), Digest(size, b"down")
    threads = [in_background(results, *job) for job in (
        ("sent up", up.send, outer), ("got up", Digest.receive, inner),
        ("sent down", down.send, inner), ("got down", Digest.receive, outer))]
    finished = 0
    while finished < 200:
        with client.connect(server, 8081) as connection:
            exchange(connection, b"small talk %d" % finished)
        finished += 1
    for thread in threads:
        thread.join(100)
    assert results["got up"] == (results["sent up"], size)
    assert results["got down"] == (results["sent down"], size)
    assert results["sent up"] != results["sent down"]


@pytest.mark.parametrize("name", ["plaintext-out", "plaintext-in"])
def test_plaintext_paths_carry_a_file_too(world, name):
    client, server = client_and_server(world, client_in_mesh=PATHS[name][0], server_in_mesh=PATHS[name][1])
    listener = server.listen(8080)
    outer = client.connect(server, 8080)
    inner = listener.accept()[0]
    for connection in outer, inner:
        connection.settimeout(60)
    results = {}
    threads = [in_background(results, "got", Digest.receive, inner),
               in_background(results, "sent", Digest(64_000_000, b"x").send, outer)]
    for thread in threads:
        thread.join(60)
    assert results["got"] == (results["sent"], 64_000_000)


def test_two_hundred_connections_at_once(world):
    client, server = client_and_server(world)
    application = server.serve(8080)
    connections = [client.connect(server, 8080) for _ in range(200)]
    for number, connection in enumerate(connections):
        connection.sendall(b"%05d" % number)
    for number, connection in enumerate(connections):
        assert receive_exactly(connection, 5) == b"%05d" % number
    assert set(map(plain, application.peers)) == {client.ip}
    for connection in connections:
        connection.close()
    for tunnel, reporter in (client.node.tunnel, "source"), (server.node.tunnel, "destination"):
        tunnel.wait_total(200, "istio_tcp_connections_closed_total", reporter=reporter)
