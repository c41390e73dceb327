# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""The HTTP/1 cores against real counterparts: curl and python http.client as clients, python http.server and nginx as
servers; and what RFC 9112 asks of a server that only sockets show."""

import http.client
import os
import random
import socket
import subprocess
import sys

from programs import client, find, free_port, nginx, our_server, pattern, running
from registry import check, require


def curl(*arguments, data=None):
    done = subprocess.run([find("curl"), "-s", *arguments], input=data, capture_output=True, timeout=60)
    require(done.returncode == 0, f"curl ended with {done.returncode}: {done.stderr[-300:]!r}")
    return done.stdout


@check("curl --http1.1", "GET, HEAD, 204, 304 and chunked content, all over one connection")
def _(_):
    with our_server("http1") as port:
        base = f"http://127.0.0.1:{port}"
        out = curl("-w", "%{http_version} %{num_connects};", f"{base}/bytes/10", f"{base}/chunked/10", f"{base}/status/204",
                   f"{base}/status/304", f"{base}/bytes/3")
        require(out == b"abcdefghij1.1 1;abcdefghij1.1 0;1.1 0;1.1 0;abc1.1 0;", f"got {out[:200]!r}")
        out = curl("-I", f"{base}/bytes/77")
        require(out.startswith(b"HTTP/1.1 200") and b"content-length: 77" in out, f"got {out[:200]!r}")


@check("curl --http1.1", "an upload with Expect: 100-continue, and a chunked one, come back unchanged")
def _(_):
    data = random.Random(2).randbytes(2 << 20)
    with our_server("http1") as port:
        for extra in (["-H", "Expect: 100-continue"], ["-H", "Transfer-Encoding: chunked"]):
            out = curl("--http1.1", *extra, "--data-binary", "@-", f"http://127.0.0.1:{port}/echo", data=data)
            require(out == data, f"{len(out)} octets came back")


@check("curl --http1.0", "the connection ends behind content of unknown length")
def _(_):
    with our_server("http1") as port:
        out = curl("--http1.0", "-D", "-", f"http://127.0.0.1:{port}/chunked/100")
        require(out.endswith(pattern(100)) and b"chunked" not in out, f"got {out[:300]!r}")


@check("curl --http2", "the offer to upgrade to h2c (RFC 7540 §3.2, taken out by RFC 9113 §3.1) is ignored: answered in HTTP/1.1")
def _(_):
    with our_server("http1") as port:
        out = curl("--http2", "-w", " %{http_version} %{http_code}", f"http://127.0.0.1:{port}/bytes/10")
        require(out == b"abcdefghij 1.1 200", f"got {out[:80]!r}")


@check("python http.client", "200 requests over one connection, with content, fields and trailers")
def _(_):
    with our_server("http1") as port:
        link = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        source = None
        for index in range(200):
            path = ("/echo", "/fields", "/trailers", "/bytes/5000")[index % 4]
            body = b"x" * index if path == "/echo" else None
            link.request("POST" if body is not None else "GET", path, body=body, headers={"X-Index": str(index)})
            if source is None:
                source = link.sock.getsockname()
            require(link.sock.getsockname() == source, "the connection was closed")
            response = link.getresponse()
            content = response.read()
            require(response.status == 200, f"{path}: {response.status}")
            if path == "/echo":
                require(content == body, f"{len(content)} of {index} octets")
            if path == "/fields":
                require(f"x-index: {index}\n".encode() in content, f"got {content!r}")


@check("RFC 9112 §9.3.2", "twenty requests sent at once are answered in their order")
def _(_):
    with our_server("http1") as port, socket.create_connection(("127.0.0.1", port), timeout=10) as link:
        link.sendall(b"".join(b"GET /bytes/%d HTTP/1.1\r\nHost: a\r\n\r\n" % (index + 1) for index in range(20))
                     + b"GET /close HTTP/1.1\r\nHost: a\r\n\r\n")
        out = b""
        while chunk := link.recv(65536):
            out += chunk
        position = 0
        for index in range(20):
            at = out.find(b"content-length: %d\r\n" % (index + 1), position)
            require(at >= position, f"answer {index} is missing or in the wrong place")
            position = at
        require(b"connection: close" in out[position:], "the last answer does not say that it is the last")


REFUSED = [
    ("RFC 9112 §6.1", "Content-Length beside Transfer-Encoding", 400,
     b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("RFC 9112 §6.3", "two Content-Length fields", 400,
     b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"),
    ("RFC 9112 §2.2", "a bare LF behind a field", 400, b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n"),
    ("RFC 9112 §5.1", "white space before the colon", 400, b"GET / HTTP/1.1\r\nHost : a\r\n\r\n"),
    ("RFC 9112 §5.2", "obs-fold", 400, b"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n"),
    ("RFC 9112 §3.2", "no Host", 400, b"GET / HTTP/1.1\r\n\r\n"),
    ("RFC 9112 §6.1", "a transfer coding that we do not know", 501,
     b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    ("RFC 9110 §15.6.6", "HTTP/2.0 as version", 505, b"GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
    ("RFC 9112 §3", "a target of 10 000 octets", 414, b"GET /" + b"a" * 10_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("RFC 6585 §5", "more than 100 fields", 431, b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 101 + b"\r\n"),
]

for rule, sentence, status, raw in REFUSED:
    @check(rule, f"HTTP/1: {sentence} is answered {status}, and the connection is closed")
    def _(_, status=status, raw=raw):
        with our_server("http1") as port, socket.create_connection(("127.0.0.1", port), timeout=10) as link:
            link.sendall(raw + b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
            out = b""
            try:
                while chunk := link.recv(65536):
                    out += chunk
            except ConnectionResetError:
                pass
            require(out.startswith(b"HTTP/1.1 %d " % status), f"got {out[:100]!r}")
            require(out.count(b"HTTP/1.1 ") == 1, "what followed was answered")


@check("python http.server", "our client has 20 answers, each until the server closes or with its length")
def _(_):
    port = free_port()
    folder = os.path.dirname(os.path.abspath(__file__))
    for protocol in ("HTTP/1.0", "HTTP/1.1"):
        # In HTTP/1.0 without keep-alive one answer is all there is.
        count = 1 if protocol == "HTTP/1.0" else 20
        with running([sys.executable, "-B", "-m", "http.server", "-b", "127.0.0.1", "-p", protocol, "-d", folder, str(port)],
                     port):
            content, text = client("http1", port, count, "/http1.py")
            with open(__file__, "rb") as file:
                require(content == file.read() * count, f"{len(content)} octets")


@check("nginx", "our HTTP/1 client has files of 1 kB and 3 MB sent over one connection")
def _(_):
    with nginx("listen 127.0.0.1:$port;") as port:
        content, _ = client("http1", port, 100, "/small")
        require(content == pattern(1000) * 100, f"{len(content)} octets")
        content, _ = client("http1", port, 3, "/large")
        require(content == pattern(3_000_000) * 3, f"{len(content)} octets")
