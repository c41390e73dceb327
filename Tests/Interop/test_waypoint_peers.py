# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""A waypoint among other people's programs: Envoy in front of it, nginx behind it, WebSockets through it."""

import json
import os
import shutil
from pathlib import Path

import envoy
import pytest
from mesh.topology import client_and_server
from mesh.waiting import eventually
from mesh.waypoint import Echo, Waypoint, http_service

PYTHON = os.environ.get("GRPC_PYTHON")
CALLS = str(Path(__file__).with_name("websocket_calls.py"))
LISTEN = 9000


class Mesh:
    def __init__(self, world, **service):
        self.world = world
        self.client, self.server = client_and_server(world, start=False)
        self.waypoint = Waypoint(world)
        self.service = http_service(world, "server", **service)

    def start(self):
        self.world.start()
        self.waypoint.start()
        return self

    def wait_listening(self, port=8080):
        eventually(lambda: self.server.netns.run("ss", "-Hltn", "sport", "=", f":{port}", check=False).stdout.strip(),
                   10, message=f"a server listens on {port}")


def test_envoy_as_hbone_client_in_front(world):
    """Envoy opens a CONNECT to the service at the waypoint, as ztunnel would; routes hold for its identity's requests."""
    mesh = Mesh(world)
    Echo(mesh.server)
    world.folder.apply({"apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
                        "metadata": {"name": "server", "namespace": "default"},
                        "spec": {"hosts": ["server"], "http": [
                            {"match": [{"uri": {"prefix": "/old"}, "sourceNamespace": "default"}],
                             "rewrite": {"uri": "/new"}, "route": [{"destination": {"host": "server"}}]},
                            {"route": [{"destination": {"host": "server"}}]}]}})
    mesh.start()
    peer = world.pod("envoy", world.node("foreign", tunnel=False))
    envoy.start(world, peer, "client.yaml", LISTEN, world.authority().issue(peer.spiffe_id), listen=LISTEN,
                authority=f"{mesh.service.ip}:80", server=mesh.waypoint.pod.ip, peer_id=mesh.waypoint.pod.spiffe_id)
    url = f"http://127.0.0.1:{LISTEN}"
    answer = json.loads(peer.curl(f"{url}/old/x").stdout)
    assert answer["path"].startswith("/new")
    assert json.loads(peer.curl("--http2-prior-knowledge", "--data-binary", "x" * 100_000, url).stdout)["body"] == 100_000
    load = peer.netns.run("h2load", "-n", "2000", "-c", "10", "-m", "10", url, check=False).stdout
    assert "2000 succeeded" in load
    assert mesh.waypoint.metrics().total("istio_requests_total", source_principal=peer.spiffe_id,
                                         response_code="200") == 2002


@pytest.mark.skipif(not shutil.which("nginx", path="/usr/sbin:/usr/bin"), reason="no nginx: make deps-bench installs it")
def test_nginx_behind(world, tmp_path):
    mesh = Mesh(world)
    (tmp_path / "file").write_bytes(os.urandom(3_000_000))
    (tmp_path / "file").chmod(0o644)
    tmp_path.chmod(0o755)
    (tmp_path / "nginx.conf").write_text(f"""
        daemon off; user root; pid {tmp_path}/pid; error_log stderr;
        events {{}}
        http {{
            access_log off; client_max_body_size 0; client_body_temp_path {tmp_path}/body; keepalive_requests 20;
            gzip on; gzip_min_length 1; gzip_types *;
            server {{
                listen 8080; root {tmp_path};
                location /say {{ return 200 "nginx has got $request_method $host\\n"; }}
                location /gone {{ return 301 /say; }}
                location /refused {{ return 444; }}
            }}
        }}""", encoding="utf-8")
    world.run_in(mesh.server.netns, shutil.which("nginx", path="/usr/sbin:/usr/bin"), "-c", tmp_path / "nginx.conf",
                 name="nginx")
    mesh.wait_listening()
    mesh.start()
    url = f"http://{mesh.service.ip}"
    client = mesh.client
    assert "nginx has got GET shop" in client.curl("-H", "Host: shop", f"{url}/say").stdout
    assert client.curl("-o", "/dev/null", "-w", "%{http_code}", f"{url}/gone").stdout == "301"
    # nginx closes without an answer: 503, once the retries of the default are spent.
    assert client.curl("-o", "/dev/null", "-w", "%{http_code}", f"{url}/refused").stdout == "503"
    sums = {client.netns.run("sh", "-c", f"curl -s {flags} {url}/file | sha256sum").stdout
            for flags in ("", "--http2-prior-knowledge", "--compressed", "--compressed --http2-prior-knowledge")}
    assert len(sums) == 1
    # Ranges, HEAD and "not modified" have no content or less of it.
    assert client.curl("-r", "10-19", "-o", "/dev/null", "-w", "%{http_code} %{size_download}", f"{url}/file").stdout == "206 10"
    assert "Content-Length: 3000000" in client.curl("-I", f"{url}/file").stdout.title()
    # nginx closes each connection after 20 requests, which nobody may see.
    load = client.netns.run("h2load", "-n", "2000", "-c", "8", "-m", "8", f"{url}/say", check=False).stdout
    assert "2000 2xx" in load
    load = client.netns.run("h2load", "--h1", "-n", "1000", "-c", "8", f"{url}/say", check=False).stdout
    assert "1000 2xx" in load


@pytest.mark.skipif(not PYTHON, reason="GRPC_PYTHON names no Python with websockets: make interop installs one")
@pytest.mark.parametrize("port_name", ["http", "x"])
def test_websockets(world, port_name):
    mesh = Mesh(world, port_name=port_name)
    world.run_in(mesh.server.netns, PYTHON, CALLS, "serve", "8080", name="websocket-server")
    mesh.wait_listening()
    mesh.start()
    done = mesh.client.netns.run(PYTHON, CALLS, "call", f"ws://{mesh.service.ip}:80/chat", check=False)
    assert done.returncode == 0, done.stderr
