# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""Proxies between our client and our server, so that each talks to a foreign core: nginx, and Envoy where there is one."""

import contextlib
import json
import os
import pathlib
import tempfile

from programs import client, free_port, nginx, our_server, pattern, running
from registry import check, require


@check("nginx", "as a gRPC proxy, an HTTP/2 client of ours: 300 requests with fields of their own, downloads, uploads")
def _(port):
    with nginx("listen 127.0.0.1:$port http2; http2_max_field_size 16k; "
               f"location / {{ grpc_pass grpc://127.0.0.1:{port}; grpc_set_header Authorization $http_authorization; }}"
               ) as front:
        client("http2", front, 300, "/fields", "fields")
        content, _ = client("http2", front, 20, "/bytes/1000000")
        require(content == pattern(1_000_000) * 20, f"{len(content)} octets")
        content, _ = client("http2", front, 5, "/echo", 300_000)
        require(content == pattern(300_000) * 5, f"{len(content)} octets")
        _, text = client("http2", front, 1, "/trailers")
        require("trailer grpc-status: 0" in text, text)


@check("nginx", "in front of our HTTP/1 server, keep-alive: 300 requests with fields of their own, downloads, uploads")
def _(_):
    with our_server("http1") as back:
        with nginx("listen 127.0.0.1:$port http2; large_client_header_buffers 8 16k; location / { "
                   f"proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection ''; }} }} "
                   f"upstream up {{ server 127.0.0.1:{back}; keepalive 4; ") as front:
            client("http2", front, 300, "/fields", "fields")
            content, _ = client("http2", front, 10, "/chunked/1000000")
            require(content == pattern(1_000_000) * 10, f"{len(content)} octets")
            content, _ = client("http2", front, 5, "/echo", 300_000)
            require(content == pattern(300_000) * 5, f"{len(content)} octets")


@check("nginx", "between our HTTP/1 client and our HTTP/1 server: fields, downloads, chunked uploads, as 1.0 and as 1.1")
def _(_):
    with our_server("http1") as back:
        for version in ("1.0", "1.1"):
            with nginx(f"listen 127.0.0.1:$port; location / {{ proxy_pass http://127.0.0.1:{back}; "
                       f"proxy_http_version {version}; }}") as front:
                client("http1", front, 100, "/fields", "fields")
                content, _ = client("http1", front, 10, "/chunked/200000")
                require(content == pattern(200_000) * 10, f"{len(content)} octets")
                content, _ = client("http1", front, 5, "/echo", 300_000)
                require(content == pattern(300_000) * 5, f"{len(content)} octets")


ENVOY = os.environ.get("ENVOY", "")
OPTIONS = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
NETWORK = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"


@contextlib.contextmanager
def envoy(back, back_protocol):
    """Envoy that takes HTTP/1 and HTTP/2 and passes both on to `back`; yields its port."""
    port = free_port()

    def address(number):
        return {"socket_address": {"address": "127.0.0.1", "port_value": number}}

    upstream = {"http2": {"http2_protocol_options": {}}, "http1": {"http_protocol_options": {"enable_trailers": True}}}
    configuration = {"static_resources": {
        "listeners": [{"name": "front", "address": address(port), "filter_chains": [{"filters": [{
            "name": "http", "typed_config": {
                "@type": NETWORK, "stat_prefix": "front", "codec_type": "AUTO",
                "http_protocol_options": {"enable_trailers": True},
                "http_filters": [{"name": "router", "typed_config": {"@type": ROUTER}}],
                "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [
                    {"match": {"prefix": "/"}, "route": {"cluster": "back"}}]}]}}}]}]}],
        "clusters": [{"name": "back", "type": "STATIC", "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": OPTIONS, "explicit_http_config": upstream[back_protocol]}},
            "load_assignment": {"cluster_name": "back", "endpoints": [{"lb_endpoints": [
                {"endpoint": {"address": address(back)}}]}]}}]}}
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "envoy.json")
        path.write_text(json.dumps(configuration))
        command = [ENVOY, "-c", str(path), "--concurrency", "1", "--disable-hot-restart", "-l", "warning"]
        with running(command, port):
            yield port


def through(front, protocol):
    client(protocol, front, 300, "/fields", "fields")
    content, _ = client(protocol, front, 20, "/bytes/1000000")
    require(content == pattern(1_000_000) * 20, f"{len(content)} octets")
    # Envoy closes an HTTP/1 connection whose response began before it had read the whole request, so each has its own.
    for count in [5] if protocol == "http2" else [1] * 5:
        content, _ = client(protocol, front, count, "/echo", 300_000)
        require(content == pattern(300_000) * count, f"{len(content)} octets")


if os.access(ENVOY, os.X_OK):
    @check("Envoy", "between our HTTP/2 client and our HTTP/2 server: fields, downloads, uploads, trailers, 103")
    def _(port):
        with envoy(port, "http2") as front:
            through(front, "http2")
            _, text = client("http2", front, 1, "/trailers")
            require("trailer grpc-status: 0" in text, text)
            _, text = client("http2", front, 1, "/early")
            require("status 200" in text, text)

    @check("Envoy", "between our HTTP/1 client and our HTTP/1 server: fields, downloads, chunked uploads, trailers")
    def _(_):
        with our_server("http1") as back, envoy(back, "http1") as front:
            through(front, "http1")
            _, text = client("http1", front, 1, "/trailers")
            require("trailer x-checksum: 1234" in text, text)

    @check("Envoy", "from HTTP/1 to HTTP/2 and back: our cores see what they sent each other")
    def _(port):
        with envoy(port, "http2") as front:
            through(front, "http1")
        with our_server("http1") as back, envoy(back, "http1") as front:
            through(front, "http2")
