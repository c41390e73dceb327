# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""HBONE spoken by something that is not ours: HTTP/2 CONNECT over mutual TLS with Python's ssl and h2.

Each stream is handed out as one end of a socket pair, so tests and handlers read and write it like a TCP connection;
a thread per HBONE connection moves bytes between the pairs and the wire.
"""

import contextlib
import select
import socket
import ssl
import threading
from typing import NamedTuple

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions

from .certificates import context, spiffe_id
from .serving import plain

HBONE_PORT = 15008
_CHUNK = 65536


class Request(NamedTuple):
    """A CONNECT as a terminator received it."""

    authority: str
    headers: dict
    peer_id: str
    peer_address: str


class Stream:
    """One CONNECT. `socket` is the application's end; `status` is the response's, `reset_code` that of RST_STREAM."""

    def __init__(self, number):
        self.number = number
        self.socket, self.inner = socket.socketpair()
        self.socket.settimeout(10)
        self.inner.setblocking(False)
        self.headers = {}
        self.status = None
        self.reset_code = None
        self.answered = threading.Event()
        self.closed = threading.Event()
        self.incoming = bytearray()
        self.incoming_ended = False
        self.outgoing = bytearray()
        self.outgoing_ended = False
        self.reading = False


class _HTTP2(h2.connection.H2Connection):
    """h2 takes GOAWAY for the end of the connection; streams that are open go on (RFC 9113 §6.8)."""

    def _receive_goaway_frame(self, frame):
        event = h2.events.ConnectionTerminated()
        event.error_code, event.last_stream_id = frame.error_code, frame.last_stream_id
        return [], [event]


class Connection:
    """One HTTP/2 connection over an established TLS connection, either role."""

    def __init__(self, tls, is_client, accept=None):
        self.tls = tls
        self.peer_id = spiffe_id(tls)
        self.accept = accept
        self.streams = {}
        self.goaway = threading.Event()
        self.closed = threading.Event()
        # CONNECT has no :scheme and :path, which this version of h2 would insist on.
        self.h2 = _HTTP2(h2.config.H2Configuration(
            client_side=is_client, header_encoding="utf-8", validate_outbound_headers=False,
            validate_inbound_headers=False))
        self._lock = threading.RLock()
        self._output = bytearray()
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._wake_reader.setblocking(False)
        self.h2.initiate_connection()
        tls.setblocking(False)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    # What a test does

    def request(self, authority, method="CONNECT", headers=(), wait=True):
        """Sends the request and waits for its response (or the end of the stream)."""
        with self._lock:
            stream = Stream(self.h2.get_next_available_stream_id())
            self.streams[stream.number] = stream
            fields = [(":method", method), (":authority", authority)]
            if method != "CONNECT":
                fields += [(":scheme", "https"), (":path", "/")]
            self.h2.send_headers(stream.number, [*fields, *headers])
        self._wake()
        if wait:
            assert stream.answered.wait(10), f"no answer to {method} {authority}"
            if stream.status == 200:
                self.read_from(stream)
        return stream

    def read_from(self, stream):
        """Begins to carry what the application writes."""
        stream.reading = True
        self._wake()

    def reset(self, stream, code=h2.errors.ErrorCodes.CANCEL):
        """Sends RST_STREAM."""
        with self._lock:
            self.h2.reset_stream(stream.number, code)
        self._wake()

    def respond(self, stream, status, headers=(), end=False):
        with self._lock:
            self.h2.send_headers(stream.number, [(":status", str(status)), *headers], end_stream=end)
            if end:
                stream.outgoing_ended = True
        self._wake()

    def close(self):
        self.closed.set()
        self._wake()
        self._thread.join(5)

    # The thread

    def _wake(self):
        with contextlib.suppress(OSError):
            self._wake_writer.send(b"x")

    def _run(self):
        try:
            while not self.closed.is_set():
                self._turn()
        except (OSError, h2.exceptions.H2Error):
            pass
        finally:
            self.closed.set()
            for stream in list(self.streams.values()):
                self._finish(stream)
            self.tls.close()

    def _turn(self):
        with self._lock:
            self._output += self.h2.data_to_send()
            readers = [self.tls, self._wake_reader]
            readers += [stream.inner for stream in self.streams.values()
                        if stream.reading and not stream.outgoing_ended and len(stream.outgoing) < _CHUNK]
            writers = [self.tls] if self._output else []
            writers += [stream.inner for stream in self.streams.values() if stream.incoming]
        readable, writable, _ = select.select(readers, writers, [], 1.0)
        with self._lock:
            with contextlib.suppress(BlockingIOError):
                self._wake_reader.recv(4096)
            if self.tls in readable:
                self._receive()
            for stream in list(self.streams.values()):
                if stream.inner in readable:
                    self._read_application(stream)
                self._send(stream)
                self._deliver(stream)
            self._output += self.h2.data_to_send()
            self._write()

    def _receive(self):
        while True:
            try:
                data = self.tls.recv(_CHUNK)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            if not data:
                raise ConnectionResetError("the peer closed")
            for event in self.h2.receive_data(data):
                self._handle(event)

    def _write(self):
        while self._output:
            try:
                sent = self.tls.send(bytes(self._output[:1 << 20]))
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            del self._output[:sent]

    def _handle(self, event):
        if isinstance(event, h2.events.RequestReceived):
            stream = Stream(event.stream_id)
            stream.headers = dict(event.headers)
            self.streams[stream.number] = stream
            self.accept(self, stream)
        elif isinstance(event, h2.events.ConnectionTerminated):
            self.goaway.set()
        stream = self.streams.get(getattr(event, "stream_id", None))
        if stream is None:
            return
        if isinstance(event, h2.events.ResponseReceived):
            stream.headers = dict(event.headers)
            stream.status = int(stream.headers[":status"])
            stream.answered.set()
        elif isinstance(event, h2.events.DataReceived):
            stream.incoming += event.data
            if padding := event.flow_controlled_length - len(event.data):
                self.h2.acknowledge_received_data(padding, stream.number)
        elif isinstance(event, h2.events.StreamEnded):
            stream.incoming_ended = True
        elif isinstance(event, h2.events.StreamReset):
            stream.reset_code = h2.errors.ErrorCodes(event.error_code)
            self._finish(stream)

    def _read_application(self, stream):
        try:
            data = stream.inner.recv(_CHUNK)
        except BlockingIOError:
            return
        stream.outgoing += data
        if not data:
            stream.outgoing_ended = True

    def _send(self, stream):
        if stream.reset_code is not None or not stream.reading:
            return
        with contextlib.suppress(h2.exceptions.StreamClosedError, h2.exceptions.ProtocolError):
            while stream.outgoing:
                room = min(self.h2.local_flow_control_window(stream.number), self.h2.max_outbound_frame_size)
                if room <= 0:
                    return
                self.h2.send_data(stream.number, bytes(stream.outgoing[:room]))
                del stream.outgoing[:room]
            if stream.outgoing_ended:
                stream.reading = False
                self.h2.end_stream(stream.number)

    def _deliver(self, stream):
        try:
            while stream.incoming:
                sent = stream.inner.send(bytes(stream.incoming[:_CHUNK]))
                del stream.incoming[:sent]
                with contextlib.suppress(h2.exceptions.H2Error):
                    self.h2.acknowledge_received_data(sent, stream.number)
        except BlockingIOError:
            return
        except OSError:
            stream.incoming.clear()
        if stream.incoming_ended:
            stream.incoming_ended = False
            with contextlib.suppress(OSError):
                stream.inner.shutdown(socket.SHUT_WR)

    def _finish(self, stream):
        stream.outgoing_ended = True
        stream.answered.set()
        stream.closed.set()
        with contextlib.suppress(OSError):
            stream.inner.close()
        self.streams.pop(stream.number, None)


def dial(pod, target, svid, port=HBONE_PORT, tls_context=None):
    """An HBONE connection from inside a pod's namespace, as a client that holds `svid`."""
    raw = pod.connect(target, port)
    return pod.keep(Connection((tls_context or context(svid, server=False)).wrap_socket(raw), is_client=True))


class Terminator:
    """A server side of HBONE in a pod's namespace: a waypoint, or a captured peer without our tunnel.

    `handler(socket)` serves each accepted CONNECT as if it were a TCP connection; `answer(request)` chooses the status.
    """

    def __init__(self, pod, svid, handler, port=HBONE_PORT, answer=lambda request: 200):
        self.requests = []
        self.failures = []
        self.handler = handler
        self.answer = answer
        self.context = context(svid, server=True)
        self.connections = []
        self._server = pod.keep(self) and pod.serve(port, self._serve)

    def close(self):
        for connection in self.connections:
            connection.close()

    def _serve(self, raw):
        try:
            tls = self.context.wrap_socket(raw, server_side=True)
        except OSError as error:
            self.failures.append(error)
            return
        peer = plain(tls.getpeername()[0])
        connection = Connection(tls, is_client=False, accept=lambda *pair: self._accept(*pair, peer))
        self.connections.append(connection)
        connection.closed.wait()

    def _accept(self, connection, stream, peer):
        request = Request(stream.headers.get(":authority"), stream.headers, connection.peer_id, peer)
        self.requests.append(request)
        status = self.answer(request)
        connection.respond(stream, status, end=status != 200)
        if status == 200:
            connection.read_from(stream)
            threading.Thread(target=self._handle, args=(stream,), daemon=True).start()

    def _handle(self, stream):
        with contextlib.suppress(OSError):
            self.handler(stream.socket)
        with contextlib.suppress(OSError):
            stream.socket.close()
