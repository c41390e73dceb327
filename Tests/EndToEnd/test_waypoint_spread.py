# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""One HBONE connection with many streams, which the workers of a waypoint share; what a client or server sees is the same wherever."""

import concurrent.futures
import contextlib
import json
import socket
import threading

import h2.errors
import h2.exceptions
import pytest
from mesh import hbone
from mesh.serving import receive_all, receive_exactly, reset
from mesh.topology import client_and_server
from mesh.waiting import eventually
from mesh.waypoint import Echo, Waypoint, http_service

STREAMS = 8
#: Of these the other worker serves, with two workers.
HANDED_OVER = 3
#: More octets than windows, pipes and sockets on the way hold.
POUR = 12 << 20


class Tunnel:
    """A waypoint with two workers in front of `server`, and one HBONE connection to it."""

    def __init__(self, world, port_name="http", options=()):
        self.world = world
        self.client, self.server = client_and_server(world, start=False)
        self.waypoint = Waypoint(world, options=["--workers", "2", "--spread", "2", "--log-level", "info,access:info",
                                                 "--log-format", "json", *options])
        self.service = http_service(world, "server", port_name=port_name, selector={"app": "server"})

    def start(self):
        self.world.start()
        self.waypoint.start()
        svid = self.world.authority().issue(self.client.spiffe_id)
        self.stranger = self.world.host("stranger")
        self.connection = hbone.dial(self.stranger, self.waypoint.pod, svid)
        # The endpoint is ready in the waypoint's eyes, and the count below is of the streams of the test only.
        eventually(lambda: self.open().status == 200, 10)
        self.close_all()
        return self

    def open(self):
        return self.connection.request(f"{self.service.ip}:80")

    def open_all(self, count=STREAMS):
        streams = [self.open() for _ in range(count)]
        assert [stream.status for stream in streams] == [200] * count
        return streams

    def close_all(self):
        for stream in list(self.connection.streams.values()):
            with contextlib.suppress(h2.exceptions.StreamClosedError):
                self.connection.reset(stream)
        eventually(lambda: self.served() == [0, 0], 5, message=lambda: f"streams left: {self.served()}")

    def served(self):
        """How many streams each worker serves, the smaller number first."""
        samples = self.waypoint.metrics().select("ambit_waypoint_connections")
        return sorted(int(sample.value) for sample in samples)

    def handed_over(self):
        return self.waypoint.metrics().total("ambit_waypoint_streams_handed_over_total")

    def entries(self, count):
        """The access log, which is to have so many requests in a moment."""
        return eventually(lambda: len(found := self.waypoint.requests()) == count and found, 5)


def ask(stream, path="/", body=b""):
    stream.socket.sendall(b"POST %s HTTP/1.1\r\nHost: server\r\nContent-Length: %d\r\n\r\n%s"
                          % (path.encode(), len(body), body))
    return answer(stream)


def answer(stream):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        part = stream.socket.recv(1)
        assert part, f"the stream ended after {head!r}"
        head += part
    length = next(int(line.split(b":")[1]) for line in head.lower().split(b"\r\n")
                  if line.startswith(b"content-length"))
    return head, receive_exactly(stream.socket, length)


def together(action, streams):
    """Does something with all streams at a time."""
    with concurrent.futures.ThreadPoolExecutor(len(streams)) as pool:
        return list(pool.map(action, streams))


def test_streams_of_one_connection_are_spread_and_every_request_is_the_clients(world):
    tunnel = Tunnel(world)
    Echo(tunnel.server)
    tunnel.start()
    streams = tunnel.open_all()
    assert tunnel.served() == [HANDED_OVER, STREAMS - HANDED_OVER]
    assert tunnel.handed_over() == HANDED_OVER
    # Requests one after the other on each stream, and all streams at a time.
    for found in together(lambda stream: [json.loads(ask(stream, f"/{stream.number}/{turn}", b"x" * 20_000 * turn)[1])
                                          for turn in range(4)], streams):
        number = found[0]["path"].split("/")[1]
        assert [(request["path"], request["body"]) for request in found] == \
            [(f"/{number}/{turn}", 20_000 * turn) for turn in range(4)]
    total = STREAMS * 4
    eventually(lambda: tunnel.waypoint.metrics().total(
        "istio_requests_total", source_principal=tunnel.client.spiffe_id, response_code="200", response_flags="-",
        connection_security_policy="mutual_tls") == total, 5)
    entries = tunnel.entries(total)
    assert {entry["source_principal"] for entry in entries} == {tunnel.client.spiffe_id}
    assert {entry["downstream_remote_address"].rpartition(":")[0].strip("[]").removeprefix("::ffff:")
            for entry in entries} == {tunnel.stranger.ip}
    assert {entry["downstream_local_address"] for entry in entries} == {f"{tunnel.service.ip}:80"}
    # Client's ends: each goes where its stream is served, and nothing stays.
    for stream in streams:
        stream.socket.shutdown(socket.SHUT_WR)
        assert stream.socket.recv(1) == b""
    eventually(lambda: tunnel.served() == [0, 0], 5, message=lambda: str(tunnel.served()))
    descriptors = tunnel.waypoint.metrics().total("process_open_fds")
    for stream in tunnel.open_all():
        ask(stream)
    tunnel.close_all()
    eventually(lambda: tunnel.waypoint.metrics().total("process_open_fds") <= descriptors, 5)


def test_few_streams_stay_with_their_connection(world):
    tunnel = Tunnel(world)
    Echo(tunnel.server)
    tunnel.start()
    for stream in tunnel.open_all(2):
        ask(stream)
    assert tunnel.served() == [0, 2]
    assert tunnel.handed_over() == 0


def test_streams_stay_with_a_worker_that_is_not_busy_until_they_are_many(world):
    tunnel = Tunnel(world, options=["--spread", "32"])
    Echo(tunnel.server)
    tunnel.start()
    tunnel.open_all(32)
    assert tunnel.served() == [0, 32]
    assert tunnel.handed_over() == 0
    # The 43rd is the first: 42 are 32 and a quarter of themselves.
    tunnel.open_all(11)
    assert tunnel.served() == [1, 42]


def test_octets_ends_and_back_pressure_are_those_of_a_tcp_connection(world):
    tunnel = Tunnel(world, port_name="tcp")
    said = []

    def talk(connection):
        """By its first line: counts what comes until FIN; says more than anybody keeps; or FIN first, then listens."""
        order = connection.recv(4)
        if order == b"sum\n":
            connection.sendall(b"%d\n" % len(receive_all(connection)))
        elif order == b"pour":
            said.append(0)
            index = len(said) - 1
            while said[index] < POUR:
                said[index] += connection.send(bytes(65536))
        elif order == b"fin\n":
            connection.shutdown(socket.SHUT_WR)
            heard.append(receive_all(connection))

    heard = []
    tunnel.server.serve(8080, talk)
    tunnel.start()
    def send(stream):
        stream.socket.sendall(b"sum\n" + bytes(3 << 20))
        stream.socket.shutdown(socket.SHUT_WR)
        return receive_all(stream.socket)

    assert together(send, tunnel.open_all()) == [b"%d\n" % (3 << 20)] * STREAMS
    # The server has ended, and still hears every octet, those that come with the client's end too.
    for stream in tunnel.open_all():
        stream.socket.sendall(b"fin\n")
        assert stream.socket.recv(1) == b""
        stream.socket.sendall(b"x" * 300_000)
        stream.socket.shutdown(socket.SHUT_WR)
    eventually(lambda: len(heard) == STREAMS, 10)
    assert [len(data) for data in heard] == [300_000] * STREAMS
    # A client that does not read: the server is stopped after what windows, pipes and sockets hold.
    tunnel.close_all()
    streams = tunnel.open_all()
    for stream in streams:
        stream.socket.sendall(b"pour")

    def has_stopped(last=[]):
        now = list(said)
        stands = len(now) == STREAMS and last[-1:] == [now]
        last.append(now)
        return stands

    eventually(has_stopped, 30, every=1)
    assert tunnel.served() == [HANDED_OVER, STREAMS - HANDED_OVER]
    assert max(said) < POUR // 2
    # And goes on where it stopped, whoever serves it; all at a time, for the window of the connection is one.
    assert together(lambda stream: len(receive_all(stream.socket)), streams) == [POUR] * STREAMS
    tunnel.close_all()


def test_aborts_are_aborts_in_both_directions(world):
    tunnel = Tunnel(world, port_name="tcp")
    ended = []

    def abort_or_wait(connection):
        order = connection.recv(5)
        if order == b"abort":
            connection.sendall(b"part")
            reset(connection)
            return
        try:
            connection.sendall(b"ready")
            connection.recv(1)
            ended.append("FIN")
        except ConnectionResetError:
            ended.append("RST")

    tunnel.server.serve(8080, abort_or_wait)
    tunnel.start()
    streams = tunnel.open_all()
    for stream in streams:
        stream.socket.sendall(b"abort")
    for stream in streams:
        assert stream.closed.wait(10)
    assert [stream.reset_code for stream in streams] == [h2.errors.ErrorCodes.CANCEL] * STREAMS
    eventually(lambda: tunnel.served() == [0, 0], 5)
    streams = tunnel.open_all()
    for stream in streams:
        stream.socket.sendall(b"waits")
        assert receive_exactly(stream.socket, 5) == b"ready"
    for stream in streams:
        tunnel.connection.reset(stream)
    eventually(lambda: ended == ["RST"] * STREAMS, 10, message=lambda: str(ended))
    eventually(lambda: tunnel.served() == [0, 0], 5)
    # Each counts once, and the one of start(), which may have had its endpoint before it was reset or not.
    opened, closed, failed = (tunnel.waypoint.metrics().total(f"istio_tcp_connections_{name}_total", reporter="waypoint")
                              for name in ("opened", "closed", "failed"))
    assert opened == closed
    assert opened + failed == 2 * STREAMS + 1


@pytest.mark.parametrize("ends", ["stream", "connection"])
def test_requests_of_clients_that_go_away_are_counted_once_each(world, ends):
    tunnel = Tunnel(world)
    asked = threading.Semaphore(0)

    def never_answer(connection):
        connection.recv(65536)
        asked.release()
        connection.recv(65536)

    tunnel.server.serve(8080, never_answer)
    tunnel.start()
    streams = tunnel.open_all()
    for number, stream in enumerate(streams):
        stream.socket.sendall(b"GET /%d HTTP/1.1\r\nHost: server\r\n\r\n" % number)
    for _ in streams:
        assert asked.acquire(timeout=10)
    if ends == "stream":
        for stream in streams:
            tunnel.connection.reset(stream)
    else:
        tunnel.connection.close()
    eventually(lambda: tunnel.waypoint.metrics().total(
        "istio_requests_total", response_code="0", response_flags="DC") == STREAMS, 5,
        message=lambda: str(tunnel.waypoint.metrics().select("istio_requests_total")))
    assert sorted(entry["path"] for entry in tunnel.entries(STREAMS)) == [f"/{number}" for number in range(STREAMS)]
    assert tunnel.served() == [0, 0]


def test_a_drain_finishes_the_streams_of_both_workers(world):
    tunnel = Tunnel(world)
    Echo(tunnel.server)
    tunnel.start()
    streams = tunnel.open_all()
    assert tunnel.served() == [HANDED_OVER, STREAMS - HANDED_OVER]
    for stream in streams:
        ask(stream)
        stream.socket.sendall(b"POST /half HTTP/1.1\r\nHost: server\r\nContent-Length: 10\r\n\r\n12345")
    tunnel.waypoint.terminate()
    assert tunnel.connection.goaway.wait(5)
    for stream in streams:
        stream.socket.sendall(b"67890")
    for stream in streams:
        head, body = answer(stream)
        assert head.startswith(b"HTTP/1.1 200") and b"connection: close" in head
        assert json.loads(body)["body"] == 10
    assert tunnel.waypoint.process.wait(10) == 0


def test_a_drain_ends_at_its_deadline_whoever_serves_a_stream(world):
    tunnel = Tunnel(world, options=["--drain-timeout", "1s"])
    tunnel.server.serve(8080, lambda connection: connection.recv(65536) and connection.recv(65536))
    tunnel.start()
    streams = tunnel.open_all()
    for stream in streams:
        stream.socket.sendall(b"GET / HTTP/1.1\r\nHost: server\r\n\r\n")
    tunnel.waypoint.terminate()
    assert tunnel.waypoint.process.wait(10) == 0
    for stream in streams:
        assert stream.closed.wait(5)


def test_requests_beyond_the_limit_are_answered_logged_and_counted(world):
    tunnel = Tunnel(world, options=["--max-requests", "2"])
    asked, goes_on = threading.Semaphore(0), threading.Event()

    def answer_late(connection):
        while connection.recv(65536):
            asked.release()
            goes_on.wait(20)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    tunnel.server.serve(8080, answer_late)
    tunnel.start()
    # Two streams stay with their worker: two requests are as many as it takes. What is relayed does not count.
    streams = tunnel.open_all()
    for number, stream in enumerate(streams):
        stream.socket.sendall(b"GET /%d HTTP/1.1\r\nHost: server\r\n\r\n" % number)
    for _ in range(4):
        assert asked.acquire(timeout=10)
    metrics = lambda: tunnel.waypoint.metrics()
    eventually(lambda: metrics().total("istio_requests_total", response_code="503", response_flags="UO",
                                       destination_service_name="server") == STREAMS - 4, 5)
    goes_on.set()
    heads = [answer(stream)[0] for stream in streams]
    assert sum(b"x-envoy-overloaded: true" in head for head in heads) == STREAMS - 4
    assert sorted(head.partition(b"\r\n")[0] for head in heads) == [b"HTTP/1.1 200 OK"] * 4 + [b"HTTP/1.1 503 Service Unavailable"] * (STREAMS - 4)
    eventually(lambda: metrics().total("istio_requests_total") == STREAMS, 5)
    refused = [entry for entry in tunnel.entries(STREAMS) if entry["response_code"] == 503]
    assert len(refused) == STREAMS - 4
    assert {(entry["response_flags"], entry["response_code_details"]) for entry in refused} == \
        {("UO", "upstream_reset_before_response_started{overflow}")}
