# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""Our client core against real servers: nghttpd, nginx, python h2."""

import pathlib
import sys
import tempfile

from programs import client, find, free_port, nginx, pattern, running
from registry import check, require

H2_SERVER = pathlib.Path(__file__).parent.parent / "h2_server.py"


def nghttpd(folder, *options):
    port = free_port()
    return port, running([find("nghttpd"), "--no-tls", "-d", folder, *options, str(port)], port)


@check("nghttpd", "our client has 200 requests answered side by side, and 10 MiB in one")
def _(_):
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "small").write_bytes(pattern(1000))
        pathlib.Path(folder, "large").write_bytes(pattern(10 << 20))
        port, server = nghttpd(folder, "-m", "7")
        with server:
            content, text = client("http2", port, 200, "/small")
            require(content == pattern(1000) * 200, f"{len(content)} octets")
            require(text.count("status 200") == 200, text[-300:])
            content, _ = client("http2", port, 1, "/large")
            require(content == pattern(10 << 20), f"{len(content)} octets")


@check("nghttpd", "our uploads come back unchanged, in its small window and with its padding")
def _(_):
    with tempfile.TemporaryDirectory() as folder:
        port, server = nghttpd(folder, "--echo-upload", "-b", "200", "-w", "14", "-W", "14")
        with server:
            content, _ = client("http2", port, 10, "/", 300_000)
            require(content == pattern(300_000) * 10, f"{len(content)} octets")


@check("nghttpd", "trailers are understood")
def _(_):
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "small").write_bytes(pattern(1000))
        port, server = nghttpd(folder, "--trailer", "x-sum: 17")
        with server:
            _, text = client("http2", port, 1, "/small")
            require("trailer x-sum: 17" in text, text)


@check("nghttpd", "200 header blocks that we encode are decoded by libnghttp2, with tables of 4096 and of 100 octets")
def _(_):
    for size in ("4096", "100"):
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "small").write_bytes(b"")
            port = free_port()
            with running([find("nghttpd"), "--no-tls", "-v", "-d", folder, "--header-table-size", size, str(port)],
                         port) as log:
                _, text = client("http2", port, 200, "/small", "send-fields")
                require(text.count("status 200") == 200, text[-300:])
                log.seek(0)
                seen = log.read().decode(errors="replace")
                for line in text.splitlines():
                    if line.startswith("sent "):
                        require(line.removeprefix("sent ") in seen, f"{line} is not what nghttpd saw")


def h2_server(*options):
    port = free_port()
    return port, running([sys.executable, "-B", H2_SERVER, str(port), *options], port)


@check("python h2", "our client has 300 requests answered, each with fields of its own, which hpack decodes as sent")
def _(_):
    for size in ("4096", "0", "300"):
        port, server = h2_server("--table-size", size)
        with server:
            client("http2", port, 300, "/fields", "fields")


@check("python h2", "our uploads come back unchanged, and trailers are understood")
def _(_):
    port, server = h2_server()
    with server:
        content, text = client("http2", port, 5, "/echo", 200_000)
        require(content == pattern(200_000) * 5, f"{len(content)} octets")
        require(text.count("trailer x-sum: 200000") == 5, text[-300:])


@check("nginx", "our client has files of 1 kB and 3 MB sent, 100 of the small side by side")
def _(_):
    with nginx("listen 127.0.0.1:$port http2; http2_max_concurrent_streams 10;") as port:
        content, _ = client("http2", port, 100, "/small")
        require(content == pattern(1000) * 100, f"{len(content)} octets")
        content, _ = client("http2", port, 3, "/large")
        require(content == pattern(3_000_000) * 3, f"{len(content)} octets")
