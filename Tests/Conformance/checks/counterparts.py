# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""Real implementations against the server: nghttp, h2load, curl, python h2 and hpack."""

import random
import shutil
import socket
import subprocess
import tempfile

import h2.config
import h2.connection
import h2.events
import hpack

from peer import *
from registry import check, require


def run(*command, data=None):
    name = shutil.which(command[0])
    require(name, f"{command[0]} is not installed (nghttp2-client, curl)")
    done = subprocess.run([name, *command[1:]], input=data, capture_output=True, timeout=60)
    require(done.returncode == 0, f"{command[0]} ended with {done.returncode}: {done.stderr[-300:]!r}")
    return done.stdout


def url(port, path):
    return f"http://127.0.0.1:{port}{path}"


@check("curl", "GET, with prior knowledge")
def _(port):
    out = run("curl", "-s", "--http2-prior-knowledge", "-w", " %{http_version} %{http_code}", url(port, "/bytes/10"))
    require(out == b"abcdefghij 2 200", f"got {out[:80]!r}")


@check("curl", "an upload of 20 MiB comes back unchanged")
def _(port):
    data = random.Random(1).randbytes(20 << 20)
    out = run("curl", "-s", "--http2-prior-knowledge", "--data-binary", "@-", url(port, "/echo"), data=data)
    require(out == data, f"{len(out)} octets came back, or others")


@check("curl", "HEAD")
def _(port):
    out = run("curl", "-s", "-I", "--http2-prior-knowledge", url(port, "/"))
    require(out.startswith(b"HTTP/2 200"), f"got {out[:80]!r}")


@check("curl", "a response of many fields, of all representations, in several frames")
def _(port):
    out = run("curl", "-s", "-D", "-", "-o", "/dev/null", "--http2-prior-knowledge", url(port, "/headers"))
    require(out.count(b"x-field-") == 60, f"{out.count(b'x-field-')} fields")


@check("nghttp", "GET, trailers and 103")
def _(port):
    out = run("nghttp", "-nv", url(port, "/trailers"), url(port, "/early"))
    require(b"grpc-status: 0" in out and b":status: 103" in out, "trailers or 103 are missing")
    require(b"error" not in out.lower().replace(b"error_code=no_error", b""), "nghttp reports an error")


@check("nghttp", "a download of 10 MiB in a window of 64 KiB")
def _(port):
    out = run("nghttp", "-w", "16", "-W", "16", url(port, "/bytes/10485760"))
    require(len(out) == 10485760, f"{len(out)} octets")


@check("nghttp", "an upload, padded")
def _(port):
    out = run("nghttp", "-b", "200", "-d", "-", url(port, "/echo"), data=bytes(300000))
    require(out == bytes(300000), f"{len(out)} octets")


@check("h2load", "50000 requests over 20 connections of 50 streams each, all answered")
def _(port):
    out = run("h2load", "-n", "50000", "-c", "20", "-m", "50", url(port, "/bytes/100"))
    require(b"50000 succeeded, 0 failed, 0 errored, 0 timeout" in out, out.decode()[-600:])


@check("h2load", "uploads of 1 MiB over streams side by side")
def _(port):
    with open("/proc/self/exe", "rb") as exe:
        data = exe.read(1 << 20)
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        out = run("h2load", "-n", "100", "-c", "2", "-m", "10", "-d", file.name, url(port, "/echo"))
    require(b"100 succeeded, 0 failed, 0 errored, 0 timeout" in out, out.decode()[-600:])


@check("python h2", "a hundred requests side by side, each with content and trailers, all answered")
def _(port):
    link = socket.create_connection(("127.0.0.1", port), timeout=10)
    client = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
    client.initiate_connection()
    content = {}
    streams = 100
    for index in range(streams):
        stream = client.get_next_available_stream_id()
        client.send_headers(stream, request("/echo", "POST", ("x-index", str(index))))
        client.send_data(stream, b"content %d" % index)
        client.send_headers(stream, [("x-sum", "1")], end_stream=True)
        content[stream] = b""
    ended = 0
    while ended < streams:
        link.sendall(client.data_to_send())
        received = link.recv(65536)
        require(received, "the server closed")
        for event in client.receive_data(received):
            if isinstance(event, h2.events.DataReceived):
                content[event.stream_id] += event.data
                client.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            if isinstance(event, h2.events.StreamEnded):
                ended += 1
            require(not isinstance(event, (h2.events.StreamReset, h2.events.ConnectionTerminated)), f"got {event}")
    require(sorted(content.values()) == sorted(b"content %d" % index for index in range(streams)), "content is mixed up")


@check("python hpack", "500 header blocks that hpack encodes, with tables of changing size, are decoded by us")
def _(port):
    source = random.Random(7541)
    names = [f"x-{index}" for index in range(30)] + ["accept", "user-agent", "cookie", "cache-control"]
    values = ["", "a", "no-cache", "gzip, deflate"] + ["v%d" % index * source.randrange(1, 40) for index in range(40)]
    peer = Peer(port)
    encoder = hpack.Encoder()
    for index in range(500):
        if index % 50 == 49:
            encoder.header_table_size = source.choice([0, 100, 1000, 4096])
        sent = [(source.choice(names), source.choice(values)) for _ in range(source.randrange(12))]
        stream = 2 * index + 1
        peer.headers(stream, encoder.encode(request("/fields") + sent, huffman=source.random() < 0.7))
        content = peer.expect_response(stream).content.decode()
        expected = "".join(f"{name}: {value}\n" for name, value in request("/fields") + sent)
        require(content == expected, f"block {index}: sent {expected!r}, the server has {content!r}")
        peer.frames.clear()
