# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""RFC 9113 §10.5: peers that cost more than they should; each attack by the name it is known by."""

import struct
import time

from peer import *
from registry import check, require


def flood(peer, make, *, count, batch=200):
    """Sends many pieces without reading until the server has had enough or all are sent."""
    for start in range(0, count, batch):
        peer.send(*[make(index) for index in range(start, min(start + batch, count))])
        peer.socket.setblocking(False)
        try:
            while True:
                chunk = peer.socket.recv(1 << 18)
                if not chunk:
                    peer.ended = True
                    break
                peer.buffer += chunk
        except (BlockingIOError, ConnectionError):
            pass
        finally:
            peer.socket.settimeout(PATIENCE)
        if peer.ended:
            break


def calmed(rule, sentence, make, *, count, setup=None):
    @check(rule, f"{sentence} ends in GOAWAY ENHANCE_YOUR_CALM")
    def _(port):
        peer = Peer(port)
        if setup:
            setup(peer)
        flood(peer, make, count=count)
        peer.expect_goaway(ENHANCE_YOUR_CALM)
        # The server lives on.
        fresh = Peer(port)
        fresh.headers(1, request())
        fresh.expect_response(1)


def open_one(peer):
    peer.headers(1, request("/echo", "POST"), end_stream=False)


REQUEST = block(request())

calmed("CVE-2023-44487", "Rapid Reset, 10000 streams opened and reset,",
       lambda i: frame(HEADERS, END_HEADERS | END_STREAM, 2 * i + 1, REQUEST)
       + frame(RST_STREAM, 0, 2 * i + 1, struct.pack(">I", CANCEL)), count=10000)
calmed("CVE-2025-8671", "MadeYouReset, 10000 streams that the server is made to reset,",
       lambda i: frame(HEADERS, END_HEADERS, 2 * i + 1, REQUEST)
       + frame(WINDOW_UPDATE, 0, 2 * i + 1, bytes(4)), count=10000)
calmed("CVE-2019-9512", "a flood of 50000 PING", lambda i: frame(PING, 0, 0, struct.pack(">Q", i)), count=50000)
calmed("CVE-2019-9515", "a flood of 50000 SETTINGS", lambda i: settings(), count=50000)
calmed("CVE-2019-9518", "a flood of 50000 empty DATA", lambda i: frame(DATA, 0, 1), count=50000, setup=open_one)
calmed("RFC 9113 §10.5", "a flood of 50000 PRIORITY",
       lambda i: frame(PRIORITY, 0, 2 * i + 1, bytes(4) + b"\x10"), count=50000)
calmed("RFC 9113 §10.5", "a flood of 50000 WINDOW_UPDATE of one octet",
       lambda i: frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\x01"), count=50000)
calmed("RFC 9113 §10.5", "a flood of 50000 frames of unknown type", lambda i: frame(0x77, 0, 0), count=50000)


@check("CVE-2024-27316", "a header block in endless CONTINUATION frames ends the connection within a bound")
def _(port):
    peer = Peer(port)
    peer.send(frame(HEADERS, END_STREAM, 1, REQUEST))
    flood(peer, lambda i: frame(CONTINUATION, 0, 1, literal(f"x-{i}", "v" * 100)), count=20000)
    got = peer.wait(lambda f: f.type == GOAWAY, "GOAWAY")
    require(struct.unpack(">I", got.payload[4:8])[0] in (ENHANCE_YOUR_CALM, PROTOCOL_ERROR), f"got {got}")


@check("CVE-2024-27316", "endless empty CONTINUATION frames end the connection within a bound")
def _(port):
    peer = Peer(port)
    peer.send(frame(HEADERS, END_STREAM, 1, REQUEST))
    flood(peer, lambda i: frame(CONTINUATION, 0, 1), count=20000)
    got = peer.wait(lambda f: f.type == GOAWAY, "GOAWAY")
    require(struct.unpack(">I", got.payload[4:8])[0] in (ENHANCE_YOUR_CALM, PROTOCOL_ERROR), f"got {got}")


@check("RFC 9113 §10.5.1", "a header list above SETTINGS_MAX_HEADER_LIST_SIZE is refused, the connection lives on")
def _(port):
    peer = Peer(port)
    limit = peer.peer_settings[MAX_HEADER_LIST_SIZE]
    peer.headers(1, block(request()) + literal("x-big", "v" * 3000, 0x40) + b"\xbe" * (limit // 3000 + 1))
    got = peer.wait(lambda f: f.stream == 1 and f.type in (HEADERS, RST_STREAM) or f.type == GOAWAY, "a refusal")
    if got.type == HEADERS:
        require(got.fields[0] == (":status", "431"), "the answer is not 431")
    else:
        require(got.type == RST_STREAM, f"got {got}")
    peer.headers(3, request())
    peer.expect_response(3)


@check("RFC 7541 §7.3", "an HPACK bomb, 4 KiB of indexes to a 4 KiB field, is refused and costs little")
def _(port):
    peer = Peer(port)
    start = time.monotonic()
    peer.headers(1, block(request()) + literal("x-bomb", "b" * 4000, 0x40) + b"\xbe" * 8000)
    got = peer.wait(lambda f: f.stream == 1 and f.type in (HEADERS, RST_STREAM) or f.type == GOAWAY, "a refusal")
    require(got.type != HEADERS or got.fields[0] == (":status", "431"), f"got {got}")
    require(time.monotonic() - start < 1, "it took a second")


@check("CVE-2019-9516", "ten thousand header fields of length zero end the stream or the connection")
def _(port):
    peer = Peer(port)
    peer.headers(1, block(request()) + b"\x00\x00\x00" * 5000)
    got = peer.wait(lambda f: f.stream == 1 and f.type in (HEADERS, RST_STREAM) or f.type == GOAWAY, "a refusal")
    require(got.type != HEADERS or got.fields[0] == (":status", "431"), f"got {got}")


@check("CVE-2019-9517", "a client that opens the window and does not read stops its own streams only")
def _(port):
    stalled = Peer(port, own=[(INITIAL_WINDOW_SIZE, 0x7FFFFFFF)])
    for stream in range(1, 41, 2):
        stalled.headers(stream, request("/bytes/100000000"))
    other = Peer(port)
    other.headers(1, request())
    other.expect_response(1)
    stalled.close()


@check("RFC 9113 §10.5", "content in frames of one octet is taken for an ordinary message")
def _(port):
    peer = Peer(port)
    peer.headers(1, request("/echo", "POST"), end_stream=False)
    for octet in b"a message in small pieces":
        peer.data(1, bytes([octet]))
    peer.data(1, b"", end_stream=True)
    require(peer.expect_response(1).content == b"a message in small pieces", "the content is not what was sent")


@check("RFC 9113 §10.5", "HTTP/2 traffic in good order, 5000 requests on one connection, is not taken for a flood")
def _(port):
    peer = Peer(port, own=[(INITIAL_WINDOW_SIZE, 1 << 20)])
    for stream in range(1, 10001, 2):
        peer.headers(stream, request())
        peer.expect_response(stream)
        peer.frames.clear()
        if stream % 100 == 1:
            peer.expect_alive()
