# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""RFC 9113 §6 and §7: frame definitions, error codes."""

import struct

from peer import *
from registry import check, require


def connection_error(rule, sentence, raw, code, *, opens=False):
    """Registers a check that `raw` ends the connection with `code`."""
    @check(rule, f"{sentence} is a connection error {NAMES[code]}")
    def _(port):
        peer = Peer(port)
        if opens:
            peer.headers(1, request("/echo", "POST"), end_stream=False)
        peer.send(raw)
        peer.expect_goaway(code)


NAMES = {PROTOCOL_ERROR: "PROTOCOL_ERROR", FLOW_CONTROL_ERROR: "FLOW_CONTROL_ERROR",
         FRAME_SIZE_ERROR: "FRAME_SIZE_ERROR", STREAM_CLOSED: "STREAM_CLOSED"}
FULL = block(request())

connection_error("RFC 9113 §6.1", "DATA on stream 0", frame(DATA, 0, 0, b"x"), PROTOCOL_ERROR)
connection_error("RFC 9113 §6.1", "DATA with as much padding as payload",
                 frame(DATA, PADDED, 1, b"\x06hello"), PROTOCOL_ERROR, opens=True)
connection_error("RFC 9113 §6.1", "padded DATA without a pad length", frame(DATA, PADDED, 1), FRAME_SIZE_ERROR,
                 opens=True)
connection_error("RFC 9113 §6.2", "HEADERS on stream 0",
                 frame(HEADERS, END_HEADERS | END_STREAM, 0, FULL), PROTOCOL_ERROR)
connection_error("RFC 9113 §6.2", "HEADERS with more padding than payload",
                 frame(HEADERS, END_HEADERS | END_STREAM | PADDED, 1, b"\xff" + FULL), PROTOCOL_ERROR)
connection_error("RFC 9113 §6.3", "PRIORITY on stream 0", frame(PRIORITY, 0, 0, bytes(5)), PROTOCOL_ERROR)
connection_error("RFC 9113 §6.4", "RST_STREAM on stream 0", frame(RST_STREAM, 0, 0, bytes(4)), PROTOCOL_ERROR)
connection_error("RFC 9113 §6.4", "RST_STREAM of 3 octets", frame(RST_STREAM, 0, 1, bytes(3)), FRAME_SIZE_ERROR,
                 opens=True)
connection_error("RFC 9113 §6.4", "RST_STREAM of 5 octets", frame(RST_STREAM, 0, 1, bytes(5)), FRAME_SIZE_ERROR,
                 opens=True)
connection_error("RFC 9113 §6.5", "a SETTINGS acknowledgement with payload",
                 frame(SETTINGS, ACK, 0, bytes(6)), FRAME_SIZE_ERROR)
connection_error("RFC 9113 §6.5", "SETTINGS on a stream", frame(SETTINGS, 0, 1, bytes(6)), PROTOCOL_ERROR)
connection_error("RFC 9113 §6.5", "SETTINGS whose length is no multiple of 6",
                 frame(SETTINGS, 0, 0, bytes(7)), FRAME_SIZE_ERROR)
connection_error("RFC 9113 §6.5.2", "ENABLE_PUSH 2", settings((ENABLE_PUSH, 2)), PROTOCOL_ERROR)
connection_error("RFC 9113 §6.5.2", "INITIAL_WINDOW_SIZE 2^31", settings((INITIAL_WINDOW_SIZE, 1 << 31)),
                 FLOW_CONTROL_ERROR)
connection_error("RFC 9113 §6.5.2", "MAX_FRAME_SIZE 16383", settings((MAX_FRAME_SIZE, 16383)), PROTOCOL_ERROR)
connection_error("RFC 9113 §6.5.2", "MAX_FRAME_SIZE 2^24", settings((MAX_FRAME_SIZE, 1 << 24)), PROTOCOL_ERROR)
connection_error("RFC 8441 §3", "ENABLE_CONNECT_PROTOCOL 2", settings((ENABLE_CONNECT_PROTOCOL, 2)), PROTOCOL_ERROR)
connection_error("RFC 9218 §2.1", "NO_RFC7540_PRIORITIES 2", settings((NO_RFC7540_PRIORITIES, 2)), PROTOCOL_ERROR)
connection_error("RFC 9113 §6.6", "PUSH_PROMISE from a client",
                 frame(PUSH_PROMISE, END_HEADERS, 1, struct.pack(">I", 2) + FULL), PROTOCOL_ERROR, opens=True)
connection_error("RFC 9113 §6.7", "PING on a stream", frame(PING, 0, 1, bytes(8)), PROTOCOL_ERROR)
connection_error("RFC 9113 §6.7", "PING of 7 octets", frame(PING, 0, 0, bytes(7)), FRAME_SIZE_ERROR)
connection_error("RFC 9113 §6.7", "PING of 9 octets", frame(PING, 0, 0, bytes(9)), FRAME_SIZE_ERROR)
connection_error("RFC 9113 §6.8", "GOAWAY on a stream", frame(GOAWAY, 0, 1, bytes(8)), PROTOCOL_ERROR)
connection_error("RFC 9113 §6.8", "GOAWAY of 7 octets", frame(GOAWAY, 0, 0, bytes(7)), FRAME_SIZE_ERROR)
connection_error("RFC 9113 §6.9", "WINDOW_UPDATE of 0 on the connection",
                 frame(WINDOW_UPDATE, 0, 0, bytes(4)), PROTOCOL_ERROR)
connection_error("RFC 9113 §6.9", "WINDOW_UPDATE of 3 octets", frame(WINDOW_UPDATE, 0, 0, bytes(3)), FRAME_SIZE_ERROR)
connection_error("RFC 9113 §6.9", "WINDOW_UPDATE of 5 octets on a stream",
                 frame(WINDOW_UPDATE, 0, 1, bytes(5)), FRAME_SIZE_ERROR, opens=True)
connection_error("RFC 9113 §6.9.1", "a connection window above 2^31-1",
                 frame(WINDOW_UPDATE, 0, 0, b"\x7f\xff\xff\xff") * 2, FLOW_CONTROL_ERROR)
connection_error("RFC 9113 §6.9.2", "SETTINGS that lift the window of a stream above 2^31-1",
                 frame(WINDOW_UPDATE, 0, 1, b"\x7f\xff\x00\x00") + settings((INITIAL_WINDOW_SIZE, 0x7FFFFFFF)),
                 FLOW_CONTROL_ERROR, opens=True)
connection_error("RFC 9113 §6.10", "CONTINUATION on stream 0", frame(CONTINUATION, END_HEADERS, 0, FULL), PROTOCOL_ERROR)
connection_error("RFC 9113 §6.10", "CONTINUATION behind END_HEADERS",
                 frame(CONTINUATION, END_HEADERS, 1, FULL), PROTOCOL_ERROR, opens=True)
connection_error("RFC 9113 §6.10", "CONTINUATION behind DATA",
                 frame(DATA, 0, 1, b"x") + frame(CONTINUATION, END_HEADERS, 1, FULL), PROTOCOL_ERROR, opens=True)


@check("RFC 9113 §6.1", "padding is dropped, content is kept")
def _(port):
    peer = Peer(port)
    peer.headers(1, request("/echo", "POST"), end_stream=False)
    peer.send(frame(DATA, PADDED, 1, b"\x03one" + bytes(3)), frame(DATA, PADDED | END_STREAM, 1, b"\x00two"))
    require(peer.expect_response(1).content == b"onetwo", "the content is not what was sent")


@check("RFC 9113 §6.1, §6.9.1", "padding counts in flow control and its credit comes back")
def _(port):
    peer = Peer(port)
    peer.headers(1, request("/", "POST"), end_stream=False)
    stream_window, connection_window = peer.peer_settings.get(INITIAL_WINDOW_SIZE, 65535), 65535
    for update in peer.frames:
        if update.type == WINDOW_UPDATE and update.stream == 0:
            connection_window += struct.unpack(">I", update.payload)[0]
    padded = frame(DATA, PADDED, 1, b"\xff" + bytes(1000) + bytes(255))
    cost = len(padded) - 9
    # Padding alone exceeds the first window of the stream.
    for _ in range(stream_window // 256 + 100):
        while min(stream_window, connection_window) < cost:
            got = peer.wait(lambda f: f.type in (WINDOW_UPDATE, GOAWAY, RST_STREAM), "WINDOW_UPDATE")
            require(got.type == WINDOW_UPDATE, f"got {got}")
            increment, = struct.unpack(">I", got.payload)
            if got.stream:
                stream_window += increment
            else:
                connection_window += increment
        peer.send(padded)
        stream_window -= cost
        connection_window -= cost
    peer.data(1, b"", end_stream=True)
    peer.expect_response(1)


@check("RFC 9113 §6.2", "padding and priority of HEADERS are dropped")
def _(port):
    peer = Peer(port)
    peer.headers(1, request(), extra_flags=PADDED | PRIORITY_FLAG, prefix=b"\x04" + bytes(4) + b"\x10", suffix=bytes(4))
    peer.expect_response(1)


@check("RFC 9113 §6.3", "PRIORITY of 4 octets is a stream error FRAME_SIZE_ERROR")
def _(port):
    peer = Peer(port)
    peer.headers(1, request("/echo", "POST"), end_stream=False)
    peer.send(frame(PRIORITY, 0, 1, bytes(4)))
    peer.expect_reset(1, FRAME_SIZE_ERROR)


@check("RFC 9113 §6.4", "RST_STREAM ends the stream, and nothing more is sent on it")
def _(port):
    peer = Peer(port, own=[(INITIAL_WINDOW_SIZE, 100)])
    peer.headers(1, request("/bytes/1000"))
    peer.wait(lambda f: f.type == DATA, "the first content")
    peer.send(frame(RST_STREAM, 0, 1, struct.pack(">I", CANCEL)), frame(WINDOW_UPDATE, 0, 1, struct.pack(">I", 1000)))
    peer.frames.clear()
    peer.expect_alive()
    require(not any(f.stream == 1 for f in peer.frames), "a frame of the stream that was reset")


@check("RFC 9113 §6.5.3", "each SETTINGS is acknowledged, in order")
def _(port):
    peer = Peer(port)
    peer.send(settings((INITIAL_WINDOW_SIZE, 10)), settings((INITIAL_WINDOW_SIZE, 20)), settings())
    for _ in range(3):
        peer.wait(lambda f: f.type == SETTINGS and f.flags & ACK, "an acknowledgement")


@check("RFC 9113 §6.5.3", "of a setting that comes twice in one frame the last value counts")
def _(port):
    peer = Peer(port, own=[(INITIAL_WINDOW_SIZE, 5), (INITIAL_WINDOW_SIZE, 7)])
    peer.headers(1, request())
    require(len(peer.wait(lambda f: f.type == DATA, "DATA").payload) == 7, "another value is in force")


@check("RFC 9113 §6.7", "PING is answered with the same octets and ACK")
def _(port):
    peer = Peer(port)
    peer.send(frame(PING, 0, 0, b"\x01\x02\x03\x04\x05\x06\x07\xff"))
    got = peer.wait(lambda f: f.type == PING, "the answer to PING")
    require(got.flags & ACK and got.payload == b"\x01\x02\x03\x04\x05\x06\x07\xff", f"got {got}")


@check("RFC 9113 §6.7", "a PING acknowledgement is not answered")
def _(port):
    peer = Peer(port)
    peer.send(frame(PING, ACK, 0, b"unasked!"))
    peer.expect_alive()
    require(not any(f.type == PING for f in peer.frames), "the acknowledgement was answered")


@check("RFC 9113 §6.8", "after GOAWAY of the client a request that is under way is completed")
def _(port):
    peer = Peer(port, own=[(INITIAL_WINDOW_SIZE, 0)])
    peer.headers(1, request())
    peer.send(frame(GOAWAY, 0, 0, struct.pack(">II", 0, NO_ERROR) + b"bye"))
    peer.send(frame(WINDOW_UPDATE, 0, 1, struct.pack(">I", 1024)))
    require(len(peer.expect_response(1).content) == 1024, "the content is not complete")


@check("RFC 9113 §6.9", "WINDOW_UPDATE of 0 on a stream is a stream error PROTOCOL_ERROR")
def _(port):
    peer = Peer(port)
    peer.headers(1, request("/echo", "POST"), end_stream=False)
    peer.send(frame(WINDOW_UPDATE, 0, 1, bytes(4)))
    peer.expect_reset(1, PROTOCOL_ERROR)


@check("RFC 9113 §6.9.1", "a stream window above 2^31-1 is a stream error FLOW_CONTROL_ERROR")
def _(port):
    peer = Peer(port)
    peer.headers(1, request("/echo", "POST"), end_stream=False)
    peer.send(frame(WINDOW_UPDATE, 0, 1, b"\x7f\xff\xff\xff") * 2)
    peer.expect_reset(1, FLOW_CONTROL_ERROR)


@check("RFC 9113 §6.9.1", "the reserved bit of WINDOW_UPDATE is ignored")
def _(port):
    peer = Peer(port, own=[(INITIAL_WINDOW_SIZE, 0)])
    peer.headers(1, request("/bytes/5"))
    peer.send(frame(WINDOW_UPDATE, 0, 1, struct.pack(">I", 0x80000005)))
    require(len(peer.expect_response(1).content) == 5, "the content is not complete")


@check("RFC 9113 §6.9.1", "the server sends no more than the stream window, to the octet")
def _(port):
    peer = Peer(port, own=[(INITIAL_WINDOW_SIZE, 1)])
    peer.headers(1, request("/bytes/5"))
    for _ in range(5):
        got = peer.wait(lambda f: f.type == DATA, "DATA")
        require(len(got.payload) == 1, f"got {got}")
        peer.send(frame(WINDOW_UPDATE, 0, 1, struct.pack(">I", 1)))


@check("RFC 9113 §6.9.1", "the server sends no more than the connection window, and goes on when it opens")
def _(port):
    peer = Peer(port, own=[(INITIAL_WINDOW_SIZE, 1 << 20)], window=0)
    peer.headers(1, request("/bytes/100000"))
    peer.wait(lambda f: f.type == HEADERS, "the response head")
    got = 0
    while got < 65535:
        got += len(peer.wait(lambda f: f.type == DATA, "DATA").payload)
    require(got == 65535, f"{got} octets")
    peer.expect_alive()
    require(not any(f.type == DATA for f in peer.frames), "DATA beyond the window")
    peer.send(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 100000)))
    while got < 100000:
        got += len(peer.wait(lambda f: f.type == DATA, "DATA").payload)


@check("RFC 9113 §6.9.2", "SETTINGS may make a window negative, and it has to be made up for")
def _(port):
    peer = Peer(port, own=[(INITIAL_WINDOW_SIZE, 10)])
    peer.headers(1, request("/bytes/30"))
    peer.wait(lambda f: f.type == DATA and len(f.payload) == 10, "10 octets")
    peer.send(settings((INITIAL_WINDOW_SIZE, 3)), frame(WINDOW_UPDATE, 0, 1, struct.pack(">I", 7)))
    peer.expect_alive()
    require(not any(f.type == DATA for f in peer.frames), "DATA while the window is 0")
    peer.send(frame(WINDOW_UPDATE, 0, 1, struct.pack(">I", 2)))
    got = peer.wait(lambda f: f.type == DATA, "DATA")
    require(len(got.payload) == 2, f"got {got}")


@check("RFC 9113 §6.9.2", "SETTINGS that enlarge the windows let streams that wait go on")
def _(port):
    peer = Peer(port, own=[(INITIAL_WINDOW_SIZE, 0)])
    peer.headers(1, request())
    peer.wait(lambda f: f.type == HEADERS, "the response head")
    peer.send(settings((INITIAL_WINDOW_SIZE, 2000)))
    require(len(peer.wait(lambda f: f.type == DATA, "DATA").payload) == 1024, "the content is not complete")


@check("RFC 9113 §6.9.1", "content beyond the server's stream window is a stream error FLOW_CONTROL_ERROR")
def _(port):
    peer = Peer(port)
    peer.headers(1, request("/hold", "POST"), end_stream=False)
    window = peer.peer_settings.get(INITIAL_WINDOW_SIZE, 65535)
    while window >= 0:
        size = min(16384, window + 1)
        peer.data(1, bytes(size))
        window -= size
    peer.expect_reset(1, FLOW_CONTROL_ERROR)


@check("RFC 9113 §6.9.1", "content beyond the server's connection window is a connection error FLOW_CONTROL_ERROR")
def _(port):
    peer = Peer(port)
    stream_window = peer.peer_settings.get(INITIAL_WINDOW_SIZE, 65535)
    window = 65535
    for update in peer.frames:
        if update.type == WINDOW_UPDATE and update.stream == 0:
            window += struct.unpack(">I", update.payload)[0]
    stream = 1
    while window >= 0:
        peer.headers(stream, request("/hold", "POST"), end_stream=False)
        left = stream_window
        while left > 0 and window >= 0:
            size = min(16384, left)
            peer.data(stream, bytes(size))
            left -= size
            window -= size
        stream += 2
    peer.expect_goaway(FLOW_CONTROL_ERROR)


@check("RFC 9113 §6.10", "a header block may come in many CONTINUATION frames, empty ones among them")
def _(port):
    raw = block(request("/fields", "GET", ("x-long", "v" * 300)))
    peer = Peer(port)
    pieces = [raw[i:i + 40] for i in range(0, len(raw), 40)]
    peer.send(frame(HEADERS, END_STREAM, 1, pieces[0]), frame(CONTINUATION, 0, 1),
              *[frame(CONTINUATION, 0, 1, piece) for piece in pieces[1:]], frame(CONTINUATION, END_HEADERS, 1))
    require(b"x-long: " + b"v" * 300 in peer.expect_response(1).content, "a field is missing")


@check("RFC 9113 §7", "unknown error codes in RST_STREAM and GOAWAY are taken")
def _(port):
    peer = Peer(port)
    peer.headers(1, request("/echo", "POST"), end_stream=False)
    peer.headers(3, request("/echo", "POST"), end_stream=False)
    peer.send(frame(RST_STREAM, 0, 1, struct.pack(">I", 0xFFFFFFFF)),
              frame(GOAWAY, 0, 0, struct.pack(">II", 0, 0xABCDEF)))
    peer.data(3, b"x", end_stream=True)
    peer.expect_response(3)
