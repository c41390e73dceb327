# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""RFC 9113 §3 and §4: starting HTTP/2, frames, header blocks."""

import struct

from peer import *
from registry import check, require


@check("RFC 9113 §3.4", "the first frame of the server is SETTINGS, and it acknowledges the client's")
def _(port):
    Peer(port).close()


@check("RFC 9113 §3.4", "a request that comes with the preface, before the server's SETTINGS, is answered")
def _(port):
    peer = Peer(port, handshake=False)
    peer.send(PREFACE + settings() + frame(HEADERS, END_HEADERS | END_STREAM, 1, block(request())))
    peer.expect_response(1)


@check("RFC 9113 §3.4", "the preface may come octet by octet")
def _(port):
    peer = Peer(port, handshake=False)
    for octet in PREFACE + settings() + frame(HEADERS, END_HEADERS | END_STREAM, 1, block(request())):
        peer.send(bytes([octet]))
    peer.expect_response(1)


for what, raw in [
    ("a preface with one wrong octet", PREFACE[:-1] + b"X" + settings()),
    ("an HTTP/1.1 request", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" + bytes(16)),
    ("a TLS ClientHello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(40)),
]:
    @check("RFC 9113 §3.4", f"{what} is a connection error PROTOCOL_ERROR")
    def _(port, raw=raw):
        peer = Peer(port, handshake=False)
        peer.send(raw)
        peer.expect_goaway(PROTOCOL_ERROR, last_stream=0)


for what, raw in [
    ("PING", frame(PING, 0, 0, bytes(8))),
    ("HEADERS", frame(HEADERS, END_HEADERS | END_STREAM, 1, block(request()))),
    ("a SETTINGS acknowledgement", frame(SETTINGS, ACK, 0)),
]:
    @check("RFC 9113 §3.4", f"{what} in place of the client's SETTINGS is a connection error PROTOCOL_ERROR")
    def _(port, raw=raw):
        peer = Peer(port, handshake=False)
        peer.send(PREFACE + raw)
        peer.expect_goaway(PROTOCOL_ERROR)


@check("RFC 9113 §4.1", "a frame of unknown type is ignored")
def _(port):
    peer = Peer(port)
    peer.send(frame(0x16, 0xFF, 0, bytes(20)), frame(0xFF, 0, 77, b""))
    peer.expect_alive()


@check("RFC 9113 §4.1", "flags that a frame type does not define are ignored")
def _(port):
    peer = Peer(port)
    peer.send(frame(PING, 0xFE, 0, b"flagged."))
    peer.wait(lambda f: f.type == PING and f.flags & ACK and f.payload == b"flagged.", "the answer to PING")


@check("RFC 9113 §4.1", "the reserved bit of the stream identifier is ignored")
def _(port):
    peer = Peer(port)
    peer.send(frame(HEADERS, END_HEADERS | END_STREAM, 0x80000001, block(request())))
    peer.expect_response(1)


@check("RFC 9113 §4.2", "a frame of 16384 octets is accepted")
def _(port):
    peer = Peer(port)
    peer.headers(1, request("/echo", "POST"), end_stream=False)
    peer.data(1, bytes(16384), end_stream=True)
    require(len(peer.expect_response(1).content) == 16384, "the content is not what was sent")


for what, kind, stream in [("DATA", DATA, 1), ("HEADERS", HEADERS, 3), ("an unknown frame", 0x42, 0)]:
    @check("RFC 9113 §4.2", f"{what} larger than SETTINGS_MAX_FRAME_SIZE is a connection error FRAME_SIZE_ERROR")
    def _(port, kind=kind, stream=stream):
        peer = Peer(port)
        size = peer.peer_settings.get(MAX_FRAME_SIZE, 16384)
        peer.headers(1, request("/echo", "POST"), end_stream=False)
        peer.send(frame(kind, 0, stream, bytes(size + 1)))
        peer.expect_goaway(FRAME_SIZE_ERROR)


@check("RFC 9113 §4.2", "the server sends no frame larger than the client's SETTINGS_MAX_FRAME_SIZE")
def _(port):
    for size in (16384, 40000):
        peer = Peer(port, own=[(MAX_FRAME_SIZE, size), (INITIAL_WINDOW_SIZE, 1 << 20)])
        peer.headers(1, request("/bytes/300000"))
        require(len(peer.expect_response(1).content) == 300000, "the content is not complete")
        peer.headers(3, request("/headers"))
        peer.expect_response(3)
        peer.close()


@check("RFC 9113 §4.3", "a header block larger than a frame is continued in CONTINUATION, with nothing between")
def _(port):
    peer = Peer(port)
    peer.headers(1, request("/headers"))
    response = peer.expect_response(1)
    require(len(response.fields) >= 60, "fields are missing")


@check("RFC 9113 §4.3", "a header block that does not decode is a connection error COMPRESSION_ERROR")
def _(port):
    peer = Peer(port)
    peer.headers(1, b"\x40\x05abc")
    peer.expect_goaway(COMPRESSION_ERROR)


for what, raw in [
    ("DATA", frame(DATA, END_STREAM, 1, b"x")),
    ("HEADERS of another stream", frame(HEADERS, END_HEADERS | END_STREAM, 3, block(request()))),
    ("PRIORITY", frame(PRIORITY, 0, 1, bytes(4) + b"\x10")),
    ("PING", frame(PING, 0, 0, bytes(8))),
    ("SETTINGS", settings()),
    ("WINDOW_UPDATE", frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\x01")),
    ("RST_STREAM", frame(RST_STREAM, 0, 1, bytes(4))),
    ("GOAWAY", frame(GOAWAY, 0, 0, bytes(8))),
    ("a frame of unknown type", frame(0x55, 0, 0, b"x")),
    ("CONTINUATION of another stream", frame(CONTINUATION, END_HEADERS, 3, b"")),
]:
    @check("RFC 9113 §4.3", f"{what} within a header block is a connection error PROTOCOL_ERROR")
    def _(port, raw=raw):
        peer = Peer(port)
        peer.send(frame(HEADERS, END_STREAM, 1, block(request())), raw)
        peer.expect_goaway(PROTOCOL_ERROR)


@check("RFC 9113 §5.5", "unknown settings are ignored and acknowledged")
def _(port):
    peer = Peer(port)
    peer.send(settings((0x00FF, 7), (0xFFFF, 1)))
    peer.wait(lambda f: f.type == SETTINGS and f.flags & ACK, "the acknowledgement")
    peer.expect_alive()
