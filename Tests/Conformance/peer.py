# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""A client that speaks raw HTTP/2 frames, right or wrong ones, and says what came back."""

import socket
import struct
import time
from dataclasses import dataclass

import hpack

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITY_FLAG = 0x1, 0x1, 0x4, 0x8, 0x20

NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED, FRAME_SIZE_ERROR, \
    REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, CONNECT_ERROR, ENHANCE_YOUR_CALM = range(12)

HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE \
    = range(1, 7)
ENABLE_CONNECT_PROTOCOL, NO_RFC7540_PRIORITIES = 8, 9

# How long an answer may take; only a check that fails waits this long.
PATIENCE = 3.0


class Failure(Exception):
    """A check did not find what the rule asks for."""


@dataclass
class Frame:
    type: int
    flags: int
    stream: int
    payload: bytes
    fields: list = None

    def __str__(self):
        names = ["DATA", "HEADERS", "PRIORITY", "RST_STREAM", "SETTINGS", "PUSH_PROMISE", "PING", "GOAWAY",
                 "WINDOW_UPDATE", "CONTINUATION"]
        name = names[self.type] if self.type < len(names) else f"type {self.type}"
        code = ""
        if self.type == RST_STREAM:
            code = f" code {struct.unpack('>I', self.payload)[0]}"
        if self.type == GOAWAY:
            code = " last stream {} code {}".format(*struct.unpack(">II", self.payload[:8]))
        return f"{name} stream {self.stream} flags {self.flags:#x} length {len(self.payload)}{code}"


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def settings(*pairs):
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", *pair) for pair in pairs))


def string(text):
    """An HPACK string literal without Huffman coding (RFC 7541 §5.2)."""
    raw = text if isinstance(text, bytes) else text.encode()
    return integer(len(raw), 7) + raw


def integer(value, prefix, flags=0):
    """An HPACK integer (RFC 7541 §5.1)."""
    limit = (1 << prefix) - 1
    if value < limit:
        return bytes([flags | value])
    out = bytearray([flags | limit])
    value -= limit
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    out.append(value)
    return bytes(out)


def literal(name, value, flags=0x00):
    """A literal field with a literal name; flags 0x40 with indexing, 0x00 without, 0x10 never."""
    return bytes([flags]) + string(name) + string(value)


def block(fields):
    return b"".join(literal(name, value) for name, value in fields)


def request(path="/", method="GET", *extra):
    return [(":method", method), (":scheme", "http"), (":path", path), (":authority", "localhost"), *extra]


@dataclass
class Response:
    informational: list
    fields: list
    content: bytes
    trailers: list

    def __getitem__(self, name):
        return dict(self.fields)[name]


class Peer:
    def __init__(self, port, *, handshake=True, own=(), window=1 << 30):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.frames = []
        self.max_frame_size = dict(own).get(MAX_FRAME_SIZE, 16384)
        self.ended = False
        self.decoder = hpack.Decoder()
        self.peer_settings = {}
        self.decoder.max_allowed_table_size = dict(own).get(HEADER_TABLE_SIZE, 4096)
        if handshake:
            self.send(PREFACE + settings(*own))
            first = self.read()
            if first is None or first.type != SETTINGS or first.flags & ACK:
                raise Failure(f"the first frame is {first}, not SETTINGS")
            self.peer_settings = dict(struct.iter_unpack(">HI", first.payload))
            self.send(frame(SETTINGS, ACK, 0))
            self.wait(lambda f: f.type == SETTINGS and f.flags & ACK, "the acknowledgement of SETTINGS")
            if window:
                self.send(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", window)))

    def close(self):
        self.socket.close()

    def send(self, *parts):
        try:
            self.socket.sendall(b"".join(parts))
        except (ConnectionError, socket.timeout):
            pass  # What the server made of the first bytes is still to be read.

    def headers(self, stream, fields, *, end_stream=True, extra_flags=0, prefix=b"", suffix=b""):
        raw = fields if isinstance(fields, bytes) else block(fields)
        flags = END_HEADERS | (END_STREAM if end_stream else 0) | extra_flags
        self.send(frame(HEADERS, flags, stream, prefix + raw + suffix))

    def data(self, stream, payload, *, end_stream=False):
        self.send(frame(DATA, END_STREAM if end_stream else 0, stream, payload))

    def read(self, patience=PATIENCE):
        """The next frame, the fields of its header block decoded; None at the end of the connection."""
        got = self.read_frame(patience)
        if got is not None and got.type == HEADERS:
            raw, last = got.payload, got
            while not last.flags & END_HEADERS:
                last = self.read_frame(patience)
                if last is None or last.type != CONTINUATION or last.stream != got.stream:
                    raise Failure(f"within a header block there is {last}")
                if len(last.payload) > self.max_frame_size:
                    raise Failure(f"larger than the frame size: {last}")
                raw += last.payload
            got.fields = self.decoder.decode(raw)
        return got

    def read_frame(self, patience):
        deadline = time.monotonic() + patience
        while True:
            if len(self.buffer) >= 9:
                length = int.from_bytes(self.buffer[:3], "big")
                if len(self.buffer) >= 9 + length:
                    head, self.buffer = self.buffer[:9 + length], self.buffer[9 + length:]
                    if length > self.max_frame_size:
                        raise Failure(f"a frame of {length} octets")
                    return Frame(head[3], head[4], struct.unpack(">I", head[5:9])[0] & 0x7FFFFFFF, head[9:])
            if self.ended:
                return None
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self.socket.settimeout(left)
            try:
                chunk = self.socket.recv(1 << 18)
            except socket.timeout:
                raise TimeoutError from None
            except ConnectionError:
                chunk = b""
            if not chunk:
                self.ended = True
            self.buffer += chunk

    def wait(self, predicate, what):
        """Reads until a frame fulfils the predicate; other frames are kept in `frames`."""
        seen = []
        while True:
            try:
                got = self.read()
            except TimeoutError:
                raise Failure(f"waited for {what}; got {self.tell(seen)}") from None
            if got is None:
                raise Failure(f"waited for {what}; got {self.tell(seen)} and the end of the connection")
            if predicate(got):
                return got
            self.frames.append(got)
            seen.append(got)

    @staticmethod
    def tell(frames):
        return ", ".join(map(str, frames[-5:])) or "nothing"

    def expect_goaway(self, code, *, last_stream=None):
        """A connection error: GOAWAY with the code, then the end (RFC 9113 §5.4.1)."""
        got = self.wait(lambda f: f.type == GOAWAY, f"GOAWAY with code {code}")
        last, actual = struct.unpack(">II", got.payload[:8])
        if actual != code:
            raise Failure(f"GOAWAY has code {actual}, not {code}")
        if last_stream is not None and last != last_stream:
            raise Failure(f"GOAWAY names stream {last}, not {last_stream}")
        try:
            while self.read() is not None:
                pass
        except TimeoutError:
            raise Failure("the connection stays open after GOAWAY") from None

    def expect_reset(self, stream, code):
        """A stream error: RST_STREAM with the code, and the connection lives on (RFC 9113 §5.4.2)."""
        got = self.wait(lambda f: f.type in (RST_STREAM, GOAWAY), f"RST_STREAM on {stream} with code {code}")
        if got.type != RST_STREAM or got.stream != stream:
            raise Failure(f"waited for RST_STREAM on {stream} with code {code}; got {got}")
        actual, = struct.unpack(">I", got.payload)
        if actual != code:
            raise Failure(f"RST_STREAM has code {actual}, not {code}")
        self.expect_alive()

    def expect_alive(self):
        """The connection still answers PING."""
        self.send(frame(PING, 0, 0, b"alive? y"))
        got = self.wait(
            lambda f: f.type == GOAWAY or f.type == PING and f.flags & ACK and f.payload == b"alive? y",
            "the answer to PING")
        if got.type == GOAWAY:
            raise Failure(f"the connection should live on; got {got}")

    def expect_response(self, stream, status="200"):
        """A whole response on the stream, frames that came before among it."""
        response = Response([], [], b"", [])
        data = []
        early = [f for f in self.frames if f.stream == stream]
        self.frames = [f for f in self.frames if f.stream != stream]
        while True:
            got = early.pop(0) if early else self.wait(
                lambda f: f.stream == stream or f.type == GOAWAY, f"a response on stream {stream}")
            if got.type in (RST_STREAM, GOAWAY):
                raise Failure(f"waited for a response on stream {stream}; got {got}")
            if got.type == DATA:
                data.append(got.payload)
            if got.type == HEADERS:
                if got.fields[0][0] == ":status" and got.fields[0][1].startswith("1"):
                    response.informational.append(got.fields)
                elif not response.fields:
                    response.fields = got.fields
                else:
                    response.trailers = got.fields
            if got.type in (DATA, HEADERS) and got.flags & END_STREAM:
                break
        response.content = b"".join(data)
        if response.fields[:1] != [(":status", status)]:
            raise Failure(f"the response on stream {stream} has {response.fields[:1]}")
        return response
