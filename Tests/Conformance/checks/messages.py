# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""RFC 9113 §8: HTTP messages, CONNECT, malformed requests."""

import struct

from peer import *
from registry import check, require


def malformed(rule, sentence, fields, *, data=None):
    """Registers a check that a request is a stream error PROTOCOL_ERROR and the connection lives on."""
    @check(rule, f"{sentence} is a stream error PROTOCOL_ERROR")
    def _(port):
        peer = Peer(port)
        peer.headers(1, fields, end_stream=data is None)
        for payload in data or []:
            peer.data(1, payload, end_stream=payload is data[-1])
        peer.expect_reset(1, PROTOCOL_ERROR)
        peer.headers(3, request())
        peer.expect_response(3)


def without(name):
    return [field for field in request() if field[0] != name]


@check("RFC 9113 §8.1", "a request is answered by HEADERS and DATA, the last one with END_STREAM")
def _(port):
    peer = Peer(port)
    peer.headers(1, request())
    response = peer.expect_response(1)
    require(response["content-length"] == "1024" and len(response.content) == 1024, "the content is not complete")


@check("RFC 9113 §8.1", "content and trailers of a request are taken")
def _(port):
    peer = Peer(port)
    peer.headers(1, request("/echo", "POST", ("te", "trailers"), ("trailer", "x-sum")), end_stream=False)
    peer.data(1, b"content")
    peer.headers(1, [("x-sum", "1")])
    require(peer.expect_response(1).content == b"content", "the content is not what was sent")


@check("RFC 9113 §8.1", "trailers of a response come in HEADERS with END_STREAM")
def _(port):
    peer = Peer(port)
    peer.headers(1, request("/trailers"))
    require(("grpc-status", "0") in peer.expect_response(1).trailers, "the trailers are missing")


@check("RFC 9113 §8.1", "informational responses come in front of the final one")
def _(port):
    peer = Peer(port)
    peer.headers(1, request("/early"))
    response = peer.expect_response(1)
    require([fields[0][1] for fields in response.informational] == ["103"], "103 is missing")


@check("RFC 9113 §8.1", "the response to HEAD has no DATA")
def _(port):
    peer = Peer(port)
    peer.headers(1, request("/", "HEAD"))
    require(peer.expect_response(1).content == b"", "there is content")


@check("RFC 9113 §8.1", "trailers without END_STREAM are a stream error PROTOCOL_ERROR")
def _(port):
    peer = Peer(port)
    peer.headers(1, request("/echo", "POST"), end_stream=False)
    peer.headers(1, [("x-sum", "1")], end_stream=False)
    peer.expect_reset(1, PROTOCOL_ERROR)


@check("RFC 9113 §8.1", "a pseudo-header field in trailers is a stream error PROTOCOL_ERROR")
def _(port):
    peer = Peer(port)
    peer.headers(1, request("/echo", "POST"), end_stream=False)
    peer.headers(1, [(":method", "GET")])
    peer.expect_reset(1, PROTOCOL_ERROR)


for name in ("connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade"):
    malformed("RFC 9113 §8.2.2", f"{name}", request("/", "GET", (name, "close")))
malformed("RFC 9113 §8.2.2", "te with something else than trailers", request("/", "GET", ("te", "trailers, deflate")))

malformed("RFC 9113 §8.2.1", "a field name in upper case", request("/", "GET", ("X-Upper", "a")))
for what, name in [
    ("a space", "a b"), ("a control character", "a\x01"), ("DEL", "a\x7f"), ("octets above 0x7f", "a\x80"),
    ("a colon within", "a:b"), ("nothing", ""),
]:
    malformed("RFC 9113 §8.2.1", f"a field name with {what}", request("/", "GET", (name.encode("latin-1"), "a")))
for what, value in [("NUL", "a\0b"), ("CR", "a\rb"), ("LF", "a\nb"), ("a space in front", " a"), ("a tab behind", "a\t")]:
    malformed("RFC 9113 §8.2.1", f"a field value with {what}", request("/", "GET", ("x", value)))


@check("RFC 9113 §8.2.1", "obs-text in a field value is taken")
def _(port):
    peer = Peer(port)
    peer.headers(1, request("/fields", "GET", ("x", b"caf\xe9 \xff")))
    require(b"x: caf\xe9 \xff\n" in peer.expect_response(1).content, "the value was changed")


@check("RFC 9113 §8.2.2", "te: trailers is taken")
def _(port):
    peer = Peer(port)
    peer.headers(1, request("/", "GET", ("te", "trailers")))
    peer.expect_response(1)


@check("RFC 9113 §8.2.3", "cookie may come in several fields")
def _(port):
    peer = Peer(port)
    peer.headers(1, request("/fields", "GET", ("cookie", "a=b"), ("cookie", "c=d")))
    content = peer.expect_response(1).content
    require(b"a=b" in content and b"c=d" in content, "a crumb is missing")


malformed("RFC 9113 §8.3", "an unknown pseudo-header field", [*request(), (":unknown", "x")])
malformed("RFC 9113 §8.3", ":status in a request", [*request(), (":status", "200")])
malformed("RFC 9113 §8.3", "a pseudo-header field behind a regular one",
          [*without(":path"), ("x", "y"), (":path", "/")])
for name in (":method", ":scheme", ":path", ":authority"):
    malformed("RFC 9113 §8.3", f"{name} twice", [*request(), (name, dict(request())[name])])
for name in (":method", ":scheme", ":path"):
    malformed("RFC 9113 §8.3.1", f"a request without {name}", without(name))
malformed("RFC 9113 §8.3.1", "an empty :path", [*without(":path"), (":path", "")])
malformed("RFC 9113 §8.3.1", "a :path that begins with no slash", [*without(":path"), (":path", "relative")])
malformed("RFC 9113 §8.3.1", "a :path of * in GET", [*without(":path"), (":path", "*")])
malformed("RFC 9113 §8.3.1", "user information in :authority", [*without(":authority"), (":authority", "user@host")])
malformed("RFC 9113 §8.3.1", "a host that differs from :authority", request("/", "GET", ("host", "other")))
malformed("RFC 9110 §9.1", "a :method that is no token", [*without(":method"), (":method", "G T")])


@check("RFC 9113 §8.3.1", ":authority may be absent when there is host")
def _(port):
    peer = Peer(port)
    peer.headers(1, [*without(":authority"), ("host", "localhost")])
    peer.expect_response(1)


@check("RFC 9113 §8.3.1", "OPTIONS * is taken")
def _(port):
    peer = Peer(port)
    peer.headers(1, request("*", "OPTIONS"))
    peer.expect_response(1)


def length(value, method="POST"):
    return request("/", method, ("content-length", value))


malformed("RFC 9113 §8.1.1", "less content than content-length", length("5"), data=[b"1234"])
malformed("RFC 9113 §8.1.1", "more content than content-length", length("5"), data=[b"123", b"456"])
malformed("RFC 9113 §8.1.1", "no content at all in spite of content-length", length("5"))
malformed("RFC 9113 §8.1.1", "a content-length that is no number", length("5x"), data=[b"12345"])
malformed("RFC 9113 §8.1.1", "a content-length with a sign", length("+5"), data=[b"12345"])
malformed("RFC 9113 §8.1.1", "a content-length of 2^64", length(str(1 << 64)), data=[b""])
malformed("RFC 9110 §8.6", "two content-length that differ",
          request("/", "POST", ("content-length", "5"), ("content-length", "6")), data=[b"12345"])


@check("RFC 9113 §8.1.1", "content-length that the content agrees with is taken")
def _(port):
    peer = Peer(port)
    peer.headers(1, length("5"), end_stream=False)
    peer.data(1, b"12")
    peer.data(1, b"345", end_stream=True)
    peer.expect_response(1)
    peer.headers(3, length("0"))
    peer.expect_response(3)


@check("RFC 9113 §8.1.1", "content-length and trailers: the length is held at the trailers too")
def _(port):
    peer = Peer(port)
    peer.headers(1, length("5"), end_stream=False)
    peer.data(1, b"1234")
    peer.headers(1, [("x-sum", "1")])
    peer.expect_reset(1, PROTOCOL_ERROR)


def connect(*extra):
    return [(":method", "CONNECT"), *extra]


malformed("RFC 9113 §8.5", "CONNECT with :path and :scheme",
          connect((":scheme", "http"), (":path", "/"), (":authority", "a:1")))
malformed("RFC 9113 §8.5", "CONNECT without :authority", connect())


@check("RFC 9113 §8.5", "CONNECT opens a tunnel, each side ends its own direction")
def _(port):
    peer = Peer(port)
    peer.headers(1, connect((":authority", "localhost:80")), end_stream=False)
    peer.wait(lambda f: f.type == HEADERS and not f.flags & END_STREAM, "the head of the response")
    for text in (b"one", b"two"):
        peer.data(1, text)
        require(peer.wait(lambda f: f.type == DATA, "DATA").payload == text, "other octets came back")
    peer.data(1, b"", end_stream=True)
    peer.wait(lambda f: f.stream == 1 and f.type == DATA and f.flags & END_STREAM, "END_STREAM")


@check("RFC 8441 §4", "extended CONNECT with :protocol is taken where the setting offers it")
def _(port):
    peer = Peer(port)
    require(peer.peer_settings.get(ENABLE_CONNECT_PROTOCOL) == 1, "it is not offered")
    peer.headers(1, connect((":protocol", "websocket"), (":scheme", "http"), (":path", "/"), (":authority", "a")),
                 end_stream=False)
    peer.wait(lambda f: f.type == HEADERS and not f.flags & END_STREAM, "the head of the response")
    peer.data(1, b"text", end_stream=True)
    require(peer.wait(lambda f: f.type == DATA, "DATA").payload == b"text", "other octets came back")


malformed("RFC 8441 §4", ":protocol in a GET", [*request(), (":protocol", "websocket")])
malformed("RFC 8441 §4", "extended CONNECT without :scheme and :path",
          connect((":protocol", "websocket"), (":authority", "a")))
