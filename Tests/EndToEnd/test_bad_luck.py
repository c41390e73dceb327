# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""Bad input and bad luck: each case ends in a defined way, is counted, and costs nobody else anything."""

import contextlib
import os
import resource
import socket
import struct
import threading
import time

import pytest
from mesh import hbone
from mesh.command import run
from mesh.proc import cpu_seconds, descriptors, usage
from mesh.serving import assert_refused, discard, exchange, receive_exactly, say, receive_line, wait_closed
from mesh.topology import client_and_server
from mesh.waiting import eventually

HBONE = 15008


@pytest.fixture
def mesh(world):
    client, server = client_and_server(world)
    server.serve(8080)
    return world, client, server


class Bystander:
    """A pair that exchanges all the time: what a misfortune costs others."""

    def __init__(self, client, server, port=8080):
        self.slowest = 0
        self.count = 0
        self.failures = []
        self._ended = threading.Event()
        self._arguments = client, server, port
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        eventually(lambda: self.count or self.failures)
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join(30)

    def _run(self):
        client, server, port = self._arguments
        while not self._ended.is_set():
            begin = time.monotonic()
            try:
                with client.netns.connect(server.ip, port) as connection:
                    exchange(connection)
            except (OSError, AssertionError) as error:
                self.failures.append(error)
            self.slowest = max(self.slowest, time.monotonic() - begin)
            self.count += 1
            time.sleep(0.01)

    def assert_unharmed(self, seconds=2.0):
        """None failed and none took longer than a loaded test machine explains."""
        assert self.failures == [] and self.count > 0 and self.slowest < seconds, (self.failures, self.slowest)


# Handshakes

def client_hello():
    """The bytes that an honest client begins with."""
    import ssl
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing).do_handshake()
    return outgoing.read()


def garbage(connection):
    connection.sendall(b"\xff" * 100_000)


def half_and_fin(connection):
    connection.sendall(client_hello()[:100])
    connection.shutdown(socket.SHUT_WR)


def half_and_rst(connection):
    connection.sendall(client_hello()[:100])
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def giant(connection):
    """A ClientHello that says it is 16 MiB long, in full records."""
    message = b"\x01\xff\xff\xff" + bytes(16380)
    for _ in range(1024):
        connection.sendall(b"\x16\x03\x01\x40\x00" + message)
        message = bytes(16384)


def giant_record(connection):
    """A record longer than a record can be (RFC 8446 §5.1)."""
    connection.sendall(b"\x16\x03\x01\xff\xff" + bytes(65535))


def hello_then_garbage(connection):
    connection.sendall(client_hello())
    connection.recv(1)
    connection.sendall(b"\x17\x03\x03\x40\x00" + os.urandom(16384))


@pytest.mark.parametrize("attack", [garbage, half_and_fin, half_and_rst, giant, giant_record, hello_then_garbage],
                         ids=lambda attack: attack.__name__)
def test_a_bad_handshake_is_cut_at_once_and_counted(mesh, attack):
    world, client, server = mesh
    tunnel, stranger = server.node.tunnel, world.host("stranger")
    with Bystander(client, server) as others:
        before = descriptors(tunnel)
        for _ in range(20):
            connection = stranger.connect(server, HBONE)
            with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                attack(connection)
            if connection.fileno() >= 0:
                with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                    while connection.recv(65536):
                        pass  # an alert, and then the end
            connection.close()
        tunnel.wait_total(20, "ambit_refusals_total", reason="handshake_failed", reporter="destination")
        eventually(lambda: descriptors(tunnel) <= before + 4)
    others.assert_unharmed()
    assert usage(tunnel).resident_kilobytes < 64 << 10


def test_a_handshake_of_one_byte_at_a_time_is_cut_at_its_deadline(world):
    """Bytes that keep coming do not move the deadline."""
    client, server = client_and_server(world, options=["--handshake-timeout", "2s"])
    server.serve(8080)
    stranger = world.host("stranger")
    hello = client_hello()
    with Bystander(client, server) as others:
        connections = [stranger.connect(server, HBONE) for _ in range(20)]
        begin, at, ended = time.monotonic(), 0, 0
        while ended < len(connections):
            assert time.monotonic() - begin < 5, "a drip of bytes keeps the handshake alive"
            ended = 0
            for connection in connections:
                try:
                    connection.send(hello[at % len(hello):][:1])
                except OSError:
                    ended += 1
            at += 1
            time.sleep(0.05)
    assert time.monotonic() - begin > 1.5
    others.assert_unharmed()
    server.node.tunnel.wait_total(20, "ambit_refusals_total", reason="handshake_timeout", reporter="destination")


def test_handshakes_in_flight_are_limited_and_the_excess_is_refused_by_name(world):
    client, server = client_and_server(world, options=["--max-handshakes-per-pod", "8"])
    other = world.pod("other", server.node)
    for pod in server, other:
        pod.serve(8080)
    other.wait_captured()
    stranger = world.host("stranger")
    silent = [stranger.try_connect(server, HBONE) for _ in range(30)]
    server.node.tunnel.wait_total(22, "ambit_refusals_total", reason="handshake_limit")
    exchange(client.connect(other, 8080))  # the limit is the pod's own
    for connection in silent:
        if connection:
            connection.close()
    server.node.tunnel.wait_total(8, "ambit_refusals_total", reason="handshake_failed")
    exchange(client.connect(server, 8080))


# CONNECTs

def test_connects_for_other_pods_are_answered_400_and_counted(mesh):
    """A peer with a good certificate cannot use one pod's port 15008 to reach another, whichever way it is written."""
    world, client, server = mesh
    neighbour = world.pod("neighbour", server.node)
    neighbour.serve(8080)
    tunnel = server.node.tunnel
    raw = hbone.dial(world.host("raw"), server, world.authority().issue(client.spiffe_id))
    targets = [f"{neighbour.ip}:8080", f"[{neighbour.addresses[6]}]:8080", f"[::ffff:{neighbour.ip}]:8080",
               f"{client.ip}:8080", f"{server.node.ip}:15020", "127.0.0.1:15000", "[::1]:15000", "169.254.169.254:80"]
    statuses = {target: raw.request(target).status for target in targets}
    assert set(statuses.values()) == {400}, statuses
    tunnel.wait_total(len(targets), "ambit_refusals_total", reason="unknown_destination", reporter="destination")
    exchange(raw.request(f"{server.ip}:8080").socket)


# Peers that stop

def test_a_peer_that_stops_reading_its_connection_holds_up_nobody_and_costs_a_bounded_amount(mesh):
    """Not one stream but the whole HBONE connection of a foreign peer stops, with ten streams full of data."""
    world, client, server = mesh
    tunnel = server.node.tunnel

    def pour(connection):
        connection.recv(1)
        while True:
            connection.sendall(bytes(1 << 16))

    server.serve(9090, pour)
    raw = hbone.dial(world.host("raw"), server, world.authority().issue(client.spiffe_id))
    streams = [raw.request(f"{server.ip}:9090") for _ in range(10)]
    before = usage(tunnel)
    with raw._lock, Bystander(client, server) as others:  # its thread can neither read nor write
        for stream in streams:
            stream.socket.sendall(b"?")
            raw.h2.send_data(stream.number, b"?")
        raw.tls.setblocking(True)
        raw.tls.sendall(raw.h2.data_to_send())
        time.sleep(3)
        assert usage(tunnel).resident_kilobytes - before.resident_kilobytes < 32 << 10
        raw.tls.close()
    others.assert_unharmed()
    eventually(lambda: tunnel.metrics().total("istio_tcp_sockets_open", reporter="destination") == 0)


def vanish(world, pod):
    """Its packets are lost from now on, both ways, as when a machine loses power."""
    port = f"pod{int(pod.addresses[4].rpartition('.')[2]) - 1}"
    pod.node.netns.ip("link", "set", port, "down")


@pytest.mark.parametrize("state", ["silent", "sending"])
def test_a_peer_that_vanishes_is_given_up_after_keepalive(world, state):
    """Neither FIN nor RST comes; with data in flight the kernel sends no keepalive, and the end must come all the same."""
    client, server = client_and_server(world, options=["--keepalive", "1s"])
    other = world.pod("other", server.node)
    other.serve(8080)
    server.serve(8080, discard)
    other.wait_captured()
    connection = client.connect(server, 8080)
    connection.sendall(b"x" * 1000)
    client.node.tunnel.wait_total(1, "istio_tcp_connections_opened_total", reporter="source")
    with Bystander(client, other) as others:
        vanish(world, server)
        if state == "sending":
            with contextlib.suppress(OSError):
                connection.settimeout(0.5)
                while True:
                    connection.send(bytes(65536))
        assert wait_closed(connection, within=30) == "RST"
    others.assert_unharmed()
    entry = client.node.tunnel.wait_access(direction="outbound", dst__workload="server")
    assert "timed out" in entry["error"].lower(), entry
    client.node.tunnel.wait_total(1, "istio_tcp_connections_closed_total", reporter="source",
                                  destination_workload="server")


def test_a_new_connection_over_a_pooled_one_to_a_vanished_peer_ends_within_the_response_timeout(world):
    client, server = client_and_server(
        world, options=["--response-timeout", "1s", "--connect-timeout", "1s", "--workers", "1"])
    server.serve(8080)
    with client.connect(server, 8080) as connection:
        exchange(connection)  # the pool holds a connection from now on
    vanish(world, server)
    begin = time.monotonic()
    connection = client.connect(server, 8080)
    wait_closed(connection, within=5)
    assert time.monotonic() - begin < 4
    client.node.tunnel.wait_total(1, "ambit_refusals_total", reason="tunnel_timeout")
    # A connection on which an answer was missed is not asked again: the next one finds out by connecting.
    connection = client.connect(server, 8080)
    wait_closed(connection, within=5)
    client.node.tunnel.wait_total(1, "ambit_refusals_total", reason="connect_timeout")


# Pods that go

def test_a_pod_that_dies_mid_transfer_ends_its_connections_and_no_other(world):
    """The namespace goes with all that is in it while both directions are full; the manifest goes a moment later."""
    client, server = client_and_server(world)
    other = world.pod("other", server.node)
    other.serve(8080)
    other.wait_captured()

    def pour(connection):
        while True:
            connection.sendall(bytes(1 << 16))

    server.serve(9090, pour)
    connection = client.connect(server, 9090)
    receive_exactly(connection, 10_000_000)
    with Bystander(client, other) as others:
        die(server)
        begin = time.monotonic()
        with contextlib.suppress(ConnectionResetError):
            while connection.recv(1 << 20):
                pass
        assert time.monotonic() - begin < 5
    others.assert_unharmed()
    for tunnel, reporter in (client.node.tunnel, "source"), (server.node.tunnel, "destination"):
        tunnel.wait_total(1, "istio_tcp_connections_closed_total", reporter=reporter, destination_workload="server")


def die(pod, remove=True):
    """What a runtime does: it kills the processes, deletes the interface and the namespace; then the object goes."""
    pod.close()
    port = f"pod{int(pod.addresses[4].rpartition('.')[2]) - 1}"
    pod.node.netns.ip("link", "del", port)
    pod.netns.delete()
    if remove:
        pod.remove()


def reborn(world, pod, name=None, service_account=None, apply=True):
    """Another pod in a new namespace with the addresses of one that has died."""
    node, number = pod.node, int(pod.addresses[4].rpartition(".")[2]) - 1
    count, node.pod_count = node.pod_count, number - 1
    successor = world.pod(name or pod.name, node, pod.namespace, service_account or pod.service_account, apply=apply)
    node.pod_count = count
    assert successor.addresses == pod.addresses
    # A network plug-in announces the new owner; otherwise neighbours go on to send to the old one's interface.
    for netns in [node.netns, *(other.netns for other in world.pods.values() if other is not pod)]:
        netns.ip("neigh", "flush", "all")
    return successor


@pytest.mark.parametrize("identity", ["same", "other"])
@pytest.mark.parametrize("death", ["clean", "silent"])
def test_a_pod_address_that_is_reused_serves_at_once_under_its_own_identity(world, identity, death):
    """ztunnel#1637: a half-open HBONE connection to the address's old owner fails new connections for some time."""
    client, server = client_and_server(world)
    server.serve(8080, say("old"))
    with client.connect(server, 8080) as connection:
        assert receive_line(connection) == "old"  # the pool holds a connection to the old pod
    if death == "silent":
        vanish(world, server)
    die(server)
    successor = reborn(world, server, "successor", None if identity == "same" else "successor")
    successor.serve(8080, say("new"))
    successor.wait_captured()
    eventually(lambda: "successor" in client.node.tunnel.ask("workloads").stdout)
    begin = time.monotonic()
    with client.connect(successor, 8080) as connection:
        assert receive_line(connection) == "new"
    assert time.monotonic() - begin < 2
    entry = client.node.tunnel.wait_access(direction="outbound", dst__workload="successor")
    assert entry["dst.identity"] == successor.spiffe_id


def test_a_pod_that_comes_back_under_its_name_and_path_is_captured_in_its_new_namespace(mesh):
    """A StatefulSet's pod: the manifest reads the same, the namespace behind the same path is another one.

    The mount of the new namespace tells of it, with nothing written to the folder.
    """
    world, client, server = mesh
    exchange(client.connect(server, 8080))
    die(server, remove=False)
    successor = reborn(world, server, apply=False)
    assert successor.netns.path == server.netns.path
    successor.serve(8080)
    successor.wait_captured(within=5)
    eventually(lambda: works(client, successor), within=5)
    entry = eventually(lambda: server.node.tunnel.access(direction="inbound"))[-1]
    assert entry["src.identity"] == client.spiffe_id


def test_a_pod_whose_path_is_a_link_is_captured_in_the_namespace_that_the_link_comes_to_lead_to(world):
    """No mount tells of a link that is pointed elsewhere: the tunnel looks every ten seconds, and only for such paths."""
    client, server = client_and_server(world, start=False)
    link = world.directory / "netns"
    link.symlink_to(server.netns.path)
    server.annotations["ambit.dev/netns"] = str(link)
    server.apply()
    replacement = world.pod("replacement", server.node, apply=False)
    world.start()
    server.wait_captured()
    link.unlink()
    link.symlink_to(replacement.netns.path)
    replacement.wait_captured(within=15)


def works(client, target, port=8080):
    with client.connect(target, port, timeout=2) as connection:
        exchange(connection)
    return True


def test_a_namespace_deleted_under_a_running_tunnel_harms_no_other_and_is_let_go_with_its_pod(mesh):
    world, client, server = mesh
    other = world.pod("other", server.node)
    other.serve(8080)
    other.wait_captured()
    exchange(client.connect(other, 8080))
    tunnel = server.node.tunnel
    before = descriptors(tunnel)
    doomed = [world.pod(f"doomed{n}", server.node) for n in range(5)]
    for pod in doomed:
        pod.wait_captured()
    with Bystander(client, other) as others:
        for pod in doomed:
            die(pod, remove=False)  # the tunnel finds out by itself, or from the manifest
        time.sleep(1)
        assert tunnel.running and tunnel.is_ready()
        for pod in doomed:
            pod.remove()
        eventually(lambda: descriptors(tunnel) <= before + 4, message=lambda: f"{before} → {descriptors(tunnel)}")
    others.assert_unharmed()
    before = cpu_seconds(tunnel)
    time.sleep(1)
    assert cpu_seconds(tunnel) - before < 0.2


# The log

def test_a_full_disk_under_the_log_costs_lines_and_nothing_else(world):
    client, server = client_and_server(world, start=False)
    server.serve(8080)
    disk = world.directory / "disk"
    disk.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk)
    world.closing(lambda: run("umount", "--lazy", disk))
    tunnel = client.node.tunnel
    tunnel.options = ["--log-file", disk / "log"]
    world.start()
    ballast = disk / "ballast"
    with contextlib.suppress(OSError), open(ballast, "wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    begin = time.monotonic()
    for _ in range(60):
        assert works(client, server)
    assert time.monotonic() - begin < 10
    dropped = eventually(lambda: tunnel.metrics().total("ambit_log_lines_dropped_total", reason="output_failed"))
    assert dropped > 20
    ballast.unlink()

    def resumed():
        assert works(client, server)
        text = (disk / "log").read_text(errors="replace")
        return "log lines dropped" in text and "connection complete" in text.partition("log lines dropped")[2]

    eventually(resumed, message=lambda: (disk / "log").read_text(errors="replace")[-2000:])


# Many at once

def test_five_thousand_connections_at_once_are_all_served_and_all_given_back(world):
    count = 5000
    needed = count * 2 + 500
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, max(hard, needed)))
    client, server = client_and_server(world, options=["--pool-idle-timeout", "1s"])
    other = world.pod("other", client.node)
    other.wait_captured()
    server.serve(8080)
    exchange(client.connect(server, 8080))
    listener = server.listen(9090, backlog=4096)
    server.netns.sysctl("net.core.somaxconn", 4096)
    before = {tunnel: usage(tunnel) for tunnel in world.tunnels}
    outer, inner = [], []
    accepting = threading.Thread(target=lambda: [inner.append(listener.accept()[0]) for _ in range(count)], daemon=True)
    listener.settimeout(60)
    accepting.start()
    with client.netns.entered():
        sockets = [socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) for _ in range(count)]
    outer = [client.keep(opened) for opened in sockets]
    with Bystander(other, server) as others:
        for connection in outer:
            connection.connect_ex((server.ip, 9090))
        accepting.join(60)
        assert len(inner) == count
        for number, connection in enumerate(outer):
            connection.setblocking(True)
            connection.settimeout(10)
            connection.sendall(struct.pack("!I", number))
        seen = set()
        for connection in inner:
            connection.settimeout(10)
            data = receive_exactly(connection, 4)
            seen.add(data)
            connection.sendall(data)
        assert len(seen) == count
        for number, connection in enumerate(outer):
            assert receive_exactly(connection, 4) == struct.pack("!I", number)
        for tunnel, reporter in (client.node.tunnel, "source"), (server.node.tunnel, "destination"):
            assert tunnel.metrics().total("istio_tcp_sockets_open", reporter=reporter) >= count
            assert (usage(tunnel).resident_kilobytes - before[tunnel].resident_kilobytes) / count < 16
        for connection in [*outer, *inner]:
            connection.close()
        for tunnel in world.tunnels:
            tunnel.wait_total(count, "istio_tcp_connections_closed_total", within=20,
                              **({"source_workload": "client", "request_protocol": "tcp"}))
            eventually(lambda: usage(tunnel).descriptors <= before[tunnel].descriptors + 20, within=10,
                       message=lambda: f"{before[tunnel]} → {usage(tunnel)}")
            assert tunnel.metrics().total("ambit_refusals_total") == 0
    others.assert_unharmed(5)
