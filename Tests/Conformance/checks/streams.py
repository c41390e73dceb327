# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""RFC 9113 §5: streams, flow control, errors."""

import struct
import time

from peer import *
from registry import check, require


def closed_by_both(port):
    peer = Peer(port)
    peer.headers(1, request())
    peer.expect_response(1)
    return peer


for what, raw, code in [
    ("DATA", frame(DATA, END_STREAM, 1, b"x"), PROTOCOL_ERROR),
    ("RST_STREAM", frame(RST_STREAM, 0, 1, bytes(4)), PROTOCOL_ERROR),
    ("WINDOW_UPDATE", frame(WINDOW_UPDATE, 0, 1, b"\0\0\0\x01"), PROTOCOL_ERROR),
    ("CONTINUATION", frame(CONTINUATION, END_HEADERS, 1, block(request())), PROTOCOL_ERROR),
]:
    @check("RFC 9113 §5.1", f"{what} on an idle stream is a connection error PROTOCOL_ERROR")
    def _(port, raw=raw, code=code):
        peer = Peer(port)
        peer.send(raw)
        peer.expect_goaway(code)


@check("RFC 9113 §5.1", "PRIORITY on an idle stream is not an error")
def _(port):
    peer = Peer(port)
    peer.send(frame(PRIORITY, 0, 1, bytes(4) + b"\x10"))
    peer.headers(1, request())
    peer.expect_response(1)


for what, raw in [
    ("DATA", frame(DATA, END_STREAM, 1, b"x")),
    ("HEADERS", frame(HEADERS, END_HEADERS | END_STREAM, 1, block([("x", "y")]))),
]:
    @check("RFC 9113 §5.1", f"{what} on a half-closed (remote) stream is a stream error STREAM_CLOSED")
    def _(port, raw=raw):
        peer = Peer(port, own=[(INITIAL_WINDOW_SIZE, 0)])
        peer.headers(1, request())
        peer.wait(lambda f: f.type == HEADERS, "the response head")
        peer.send(raw)
        peer.expect_reset(1, STREAM_CLOSED)


@check("RFC 9113 §5.1", "WINDOW_UPDATE and PRIORITY on a half-closed (remote) stream are taken")
def _(port):
    peer = Peer(port, own=[(INITIAL_WINDOW_SIZE, 0)])
    peer.headers(1, request())
    peer.send(frame(PRIORITY, 0, 1, bytes(4) + b"\x10"), frame(WINDOW_UPDATE, 0, 1, struct.pack(">I", 5000)))
    require(len(peer.expect_response(1).content) == 1024, "the content is not complete")


@check("RFC 9113 §5.1", "CONTINUATION on a half-closed (remote) stream is a connection error PROTOCOL_ERROR")
def _(port):
    peer = Peer(port, own=[(INITIAL_WINDOW_SIZE, 0)])
    peer.headers(1, request())
    peer.send(frame(CONTINUATION, END_HEADERS, 1, block([("x", "y")])))
    peer.expect_goaway(PROTOCOL_ERROR)


for what, raw in [
    ("DATA", frame(DATA, END_STREAM, 1, b"x")),
    ("HEADERS", frame(HEADERS, END_HEADERS | END_STREAM, 1, block([("x", "y")]))),
]:
    @check("RFC 9113 §5.1", f"{what} after the client's own RST_STREAM is an error STREAM_CLOSED")
    def _(port, raw=raw):
        peer = Peer(port)
        peer.headers(1, request("/echo", "POST"), end_stream=False)
        peer.send(frame(RST_STREAM, 0, 1, struct.pack(">I", CANCEL)), raw)
        got = peer.wait(lambda f: f.type in (RST_STREAM, GOAWAY), "an error STREAM_CLOSED")
        code = struct.unpack(">I", got.payload[-4:] if got.type == RST_STREAM else got.payload[4:8])[0]
        require(code == STREAM_CLOSED, f"got {got}")


for what, raw in [
    ("WINDOW_UPDATE", frame(WINDOW_UPDATE, 0, 1, b"\0\0\0\x01")),
    ("RST_STREAM", frame(RST_STREAM, 0, 1, struct.pack(">I", CANCEL))),
    ("PRIORITY", frame(PRIORITY, 0, 1, bytes(4) + b"\x10")),
]:
    @check("RFC 9113 §5.1", f"{what} on a stream that both sides have ended is not an error")
    def _(port, raw=raw):
        peer = closed_by_both(port)
        peer.send(raw)
        peer.expect_alive()


@check("RFC 9113 §6.1", "DATA on a stream that both sides have ended is an error STREAM_CLOSED")
def _(port):
    peer = closed_by_both(port)
    peer.data(1, b"x", end_stream=True)
    got = peer.wait(lambda f: f.type in (RST_STREAM, GOAWAY), "an error STREAM_CLOSED")
    code = struct.unpack(">I", got.payload[-4:] if got.type == RST_STREAM else got.payload[4:8])[0]
    require(code == STREAM_CLOSED, f"got {got}")


@check("RFC 9113 §5.1", "HEADERS on a stream that both sides have ended is a connection error")
def _(port):
    peer = closed_by_both(port)
    peer.headers(1, request())
    got = peer.wait(lambda f: f.type == GOAWAY, "GOAWAY")
    require(struct.unpack(">I", got.payload[4:8])[0] in (STREAM_CLOSED, PROTOCOL_ERROR), f"got {got}")


@check("RFC 9113 §5.1", "DATA that was on its way when the server reset the stream does not end the connection")
def _(port):
    peer = Peer(port)
    peer.headers(1, request("/", "POST", ("content-length", "1")), end_stream=False)
    for _ in range(5):
        peer.data(1, bytes(1000))
    peer.wait(lambda f: f.type == RST_STREAM and f.stream == 1, "RST_STREAM")
    peer.expect_alive()


@check("RFC 9113 §5.1.1", "HEADERS with an even stream identifier is a connection error PROTOCOL_ERROR")
def _(port):
    peer = Peer(port)
    peer.headers(2, request())
    peer.expect_goaway(PROTOCOL_ERROR)


@check("RFC 9113 §5.1.1", "a stream identifier lower than one in use is a connection error PROTOCOL_ERROR")
def _(port):
    peer = Peer(port)
    peer.headers(5, request())
    peer.expect_response(5)
    peer.headers(3, request())
    peer.expect_goaway(PROTOCOL_ERROR, last_stream=5)


@check("RFC 9113 §5.1.1", "stream identifiers may be left out")
def _(port):
    peer = Peer(port)
    for stream in (1, 9, 101, 0x7FFFFFFF):
        peer.headers(stream, request())
        peer.expect_response(stream)


@check("RFC 9113 §5.1.2", "a stream above SETTINGS_MAX_CONCURRENT_STREAMS is a stream error REFUSED_STREAM")
def _(port):
    peer = Peer(port)
    limit = peer.peer_settings[MAX_CONCURRENT_STREAMS]
    for index in range(limit + 1):
        peer.headers(2 * index + 1, request("/echo", "POST"), end_stream=False)
    got = peer.wait(lambda f: f.type in (RST_STREAM, GOAWAY), "RST_STREAM")
    require(got.type == RST_STREAM and got.stream == 2 * limit + 1, f"got {got}")
    require(struct.unpack(">I", got.payload)[0] == REFUSED_STREAM, f"got {got}")
    peer.data(1, b"end", end_stream=True)
    peer.expect_response(1)
    peer.headers(2 * limit + 3, request())
    peer.expect_response(2 * limit + 3)


@check("RFC 9113 §5.2", "one stream without window does not stop another")
def _(port):
    peer = Peer(port, own=[(INITIAL_WINDOW_SIZE, 0)])
    peer.headers(1, request("/bytes/5000"))
    peer.headers(3, request("/bytes/10"))
    peer.send(frame(WINDOW_UPDATE, 0, 3, struct.pack(">I", 10)))
    require(len(peer.expect_response(3).content) == 10, "the content is not complete")


@check("RFC 9113 §5.3", "priority flags, weights and dependencies of RFC 7540 are parsed and have no effect")
def _(port):
    peer = Peer(port)
    peer.headers(1, request(), extra_flags=PRIORITY_FLAG, prefix=struct.pack(">IB", 0x80000000 | 7, 200))
    peer.expect_response(1)


@check("RFC 7540 §5.3.1", "HEADERS that make a stream depend on itself are a stream error PROTOCOL_ERROR")
def _(port):
    peer = Peer(port)
    peer.headers(1, request(), extra_flags=PRIORITY_FLAG, prefix=struct.pack(">IB", 1, 200))
    peer.expect_reset(1, PROTOCOL_ERROR)


@check("RFC 7540 §5.3.1", "PRIORITY that makes an idle stream depend on itself is an error PROTOCOL_ERROR")
def _(port):
    peer = Peer(port)
    peer.send(frame(PRIORITY, 0, 1, struct.pack(">IB", 1, 200)))
    peer.expect_goaway(PROTOCOL_ERROR)


@check("RFC 9113 §5.4.1", "GOAWAY names the last stream that was taken, and the connection ends")
def _(port):
    peer = Peer(port)
    peer.headers(1, request())
    peer.headers(3, request())
    peer.expect_response(1)
    peer.send(frame(PING, 0, 1, bytes(8)))
    peer.expect_goaway(PROTOCOL_ERROR, last_stream=3)


@check("RFC 9113 §5.4.2", "a stream error leaves other streams alone")
def _(port):
    peer = Peer(port)
    peer.headers(1, request("/echo", "POST"), end_stream=False)
    peer.headers(3, request("/", "GET", ("Upper", "x")))
    peer.expect_reset(3, PROTOCOL_ERROR)
    peer.data(1, b"alive", end_stream=True)
    require(peer.expect_response(1).content == b"alive", "the other stream is harmed")


@check("RFC 9113 §5.4.2", "a stream error does not disturb the compression state")
def _(port):
    peer = Peer(port)
    bad = block(request()) + literal("x-new", "indexed", 0x40) + literal("Bad", "x")
    peer.headers(1, bad)
    peer.expect_reset(1, PROTOCOL_ERROR)
    peer.headers(3, block(request("/fields")) + b"\xbe")
    require(b"x-new: indexed\n" in peer.expect_response(3).content, "the field was not added to the table")
