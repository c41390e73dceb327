# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""Identities: issued as files, served over gRPC, renewed, rotated and revoked while traffic runs."""

import base64
import json
import os
import signal
import stat
import threading
import time

import pytest
from mesh import kubernetes, manifests
from mesh.certificate_service import CertificateService, ClusterCertificateService, grpc_python, has_grpcio
from mesh.command import run
from mesh.serving import exchange
from mesh.topology import client_and_server
from mesh.tunnel import binary
from mesh.waiting import eventually

HERE = os.path.dirname(__file__)
#: How long traffic runs during the rotation; `make test-rotation` asks for the two minutes of the issue.
ROTATION_SECONDS = int(os.environ.get("AMBIT_ROTATION_SECONDS", "30"))


def openssl(*words, check=True, **options):
    return run("openssl", *words, check=check, **options)


def identity(*words, check=True):
    return run(binary(), "identity", *words, check=check)


# Issued as files


@pytest.fixture
def ca(tmp_path):
    identity("init", "--ca-dir", tmp_path / "ca")
    return tmp_path / "ca"


def issue(ca, out, *words):
    identity("issue", "--ca-dir", ca, "--namespace", "default", "--service-account", "web", "--out", out, *words)
    return out


def test_openssl_verifies_an_issued_certificate_and_reads_what_an_svid_has(ca, tmp_path):
    out = issue(ca, tmp_path / "web")
    assert "OK" in openssl("verify", "-x509_strict", "-CAfile", out / "bundle.pem", out / "svid.pem").stdout
    text = openssl("x509", "-in", out / "svid.pem", "-noout", "-text").stdout
    assert "X509v3 Subject Alternative Name: critical" in text
    assert text.count("URI:") == 1 and "URI:spiffe://cluster.local/ns/default/sa/web" in text
    assert "CA:FALSE" in text and "Digital Signature" in text and "Certificate Sign" not in text
    assert "TLS Web Server Authentication, TLS Web Client Authentication" in text
    assert "prime256v1" in text
    assert stat.S_IMODE((out / "svid.key").stat().st_mode) == 0o600
    assert stat.S_IMODE((ca / "ca.key").stat().st_mode) == 0o600


def test_an_intermediate_of_another_root_is_adopted_and_its_chain_verifies(tmp_path):
    root, intermediate = tmp_path / "root", tmp_path / "int"
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{root}.key", "-out", f"{root}.pem",
            "-subj", "/O=Company", "-days", "30", "-addext", "basicConstraints=critical,CA:TRUE",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384", "-nodes",
            "-keyout", f"{intermediate}.key", "-out", f"{intermediate}.csr", "-subj", "/O=Mesh")
    extensions = tmp_path / "ext"
    extensions.write_text("basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n"
                          "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n")
    openssl("x509", "-req", "-in", f"{intermediate}.csr", "-CA", f"{root}.pem", "-CAkey", f"{root}.key",
            "-days", "20", "-extfile", extensions, "-out", f"{intermediate}.pem")
    os.chmod(f"{intermediate}.key", 0o644)
    words = ["init", "--ca-dir", tmp_path / "ca", "--certificate", f"{intermediate}.pem", "--key",
             f"{intermediate}.key", "--roots", f"{root}.pem"]
    refused = identity(*words, check=False)
    assert refused.returncode == 1 and "mode 0644" in refused.stderr and "chmod 0600" in refused.stderr
    os.chmod(f"{intermediate}.key", 0o600)
    identity(*words)
    out = issue(tmp_path / "ca", tmp_path / "web")
    openssl("verify", "-CAfile", out / "bundle.pem", "-untrusted", out / "svid.pem", out / "svid.pem")
    assert (out / "svid.pem").read_text().count("BEGIN CERTIFICATE") == 2


def test_show_tells_people_and_programs_what_a_certificate_is(ca, tmp_path):
    out = issue(ca, tmp_path / "web", "--svid-ttl", "1h")
    shown = json.loads(identity("show", "--file", out / "svid.pem", "-o", "json").stdout)
    assert [row["uris"] for row in shown] == [["spiffe://cluster.local/ns/default/sa/web"]]
    assert shown[0]["authority"] is False and shown[0]["key"] == "EC P-256" and shown[0]["defect"] == ""
    serial = openssl("x509", "-in", out / "svid.pem", "-noout", "-serial").stdout.strip().split("=")[1]
    assert shown[0]["serialNumber"] == serial
    assert "leaf, EC P-256" in identity("show", "--file", out / "svid.pem").stdout
    authority = json.loads(identity("show", "--ca-dir", ca, "-o", "json").stdout)
    assert [row["authority"] for row in authority] == [True]


@pytest.mark.parametrize("words, message", [
    (["init"], "File exists"), (["rotate", "switch"], "no rotation is going on"),
    (["rotate", "finish"], "no rotation is going on"),
    (["issue", "--namespace", "a", "--service-account", "b", "--out", "/proc/none"], "No such file"),
    (["issue", "--namespace", "a", "--service-account", "b", "--out", "/dev/full/x"], "Not a directory"),
], ids=lambda value: "-".join(value[:2]) if isinstance(value, list) else None)
def test_what_cannot_be_done_is_said_in_one_line(ca, words, message):
    refused = identity(*words, "--ca-dir", ca, check=False)
    assert refused.returncode == 1 and message in refused.stderr and refused.stderr.count("\n") == 1


def test_a_ca_key_that_others_can_read_is_refused(ca, tmp_path):
    (ca / "ca.key").chmod(0o640)
    refused = identity("issue", "--ca-dir", ca, "--namespace", "a", "--service-account", "b", "--out", tmp_path / "x",
                       check=False)
    assert refused.returncode == 1 and "ca.key has mode 0640" in refused.stderr


def test_a_full_disk_is_named_and_leaves_no_half_of_a_ca_or_an_identity(ca, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=4k", "none", small)
    try:
        (small / "ballast").write_bytes(b"x" * 4096)
        for words in (["init", "--ca-dir", small / "ca"],
                      ["issue", "--ca-dir", ca, "--namespace", "a", "--service-account", "b", "--out", small / "out"]):
            refused = identity(*words, check=False)
            assert refused.returncode == 1 and refused.stderr.count("\n") == 1, refused.stderr
            assert "cannot write" in refused.stderr and "No space left on device" in refused.stderr, refused.stderr
        (small / "ballast").unlink()
        run("mount", "-o", "remount,size=64k", small)
        identity("init", "--ca-dir", small / "ca")
        issue(small / "ca", small / "out")
        openssl("verify", "-CAfile", small / "out" / "bundle.pem", small / "out" / "svid.pem")
    finally:
        run("umount", small)


# Served over gRPC


NODE, WEB_ON_NODE = "token-of-the-tunnel-on-node1", "spiffe://cluster.local/ns/default/sa/web"


@pytest.fixture
def service(world):
    service = CertificateService(world)
    service.admit(NODE, node="node1", pod="ambit-tunnel-1")
    service.admit("token-of-a-pod-of-its-own-1", account="web", namespace="default", node="node1", pod="web-1")
    service.admit("token-that-has-expired-long-ago", node="node1", expires="2020-01-01T00:00:00Z")
    service.admit("token-for-another-audience", node="node1", audiences=["vault"])
    service.admit("token-that-is-bound-to-no-node")
    service.place("web", "node1")
    service.place("db", "node2")
    return service.start()


def csr(tmp_path, uri=WEB_ON_NODE, *more):
    key, request = tmp_path / "request.key", tmp_path / "request.csr"
    names = ",".join(f"URI:{name}" for name in ([uri] if isinstance(uri, str) else uri) if name)
    openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
            "-out", request, "-subj", "/", *(["-addext", f"subjectAltName=critical,{names}"] if names else []), *more)
    return request.read_text()


def ask(service, token=NODE, **fields):
    asked = {"address": service.address, "roots": str(service.roots), **fields}
    if token is not None:
        asked["metadata"] = {"authorization": f"Bearer {token}", **asked.get("metadata", {})}
    done = service.host.netns.run(grpc_python(), os.path.join(HERE, "grpc_client.py"), json.dumps(asked), check=True)
    return json.loads(done.stdout)


needs_grpcio = pytest.mark.skipif(not has_grpcio(), reason="python with grpcio is not there: make deps-grpc")


@needs_grpcio
def test_grpcio_gets_a_certificate_that_openssl_verifies(service, tmp_path):
    answer = ask(service, csr=csr(tmp_path), impersonate=WEB_ON_NODE, validity=600)
    assert answer["code"] == "OK", answer
    leaf, roots = answer["chain"][0], answer["chain"][-1]
    (tmp_path / "leaf.pem").write_text(leaf)
    (tmp_path / "roots.pem").write_text(roots)
    openssl("verify", "-CAfile", tmp_path / "roots.pem", tmp_path / "leaf.pem")
    assert WEB_ON_NODE in openssl("x509", "-in", tmp_path / "leaf.pem", "-noout", "-text").stdout
    audit = eventually(lambda: service.entries(message="certificate issued"), 5)[0]
    assert audit["identity"] == WEB_ON_NODE and audit["node"] == "node1" and audit["pod"] == "ambit-tunnel-1"
    serial = openssl("x509", "-in", tmp_path / "leaf.pem", "-noout", "-serial").stdout.strip().split("=")[1]
    assert audit["serial"] == serial
    own = ask(service, token="token-of-a-pod-of-its-own-1", csr=csr(tmp_path))
    assert own["code"] == "OK", own
    assert NODE not in service.log(), "tokens are not logged"


REFUSALS = [
    ("no token", dict(token=None), "UNAUTHENTICATED", "no bearer token"),
    ("unknown token", dict(token="token-that-nobody-has-made"), "UNAUTHENTICATED", "token is not valid"),
    ("expired token", dict(token="token-that-has-expired-long-ago"), "UNAUTHENTICATED", "expired"),
    ("wrong audience", dict(token="token-for-another-audience"), "UNAUTHENTICATED", "another audience"),
    ("no node", dict(token="token-that-is-bound-to-no-node"), "PERMISSION_DENIED", "not bound to a pod on a node"),
    ("another node's account", dict(uri=WEB_ON_NODE.replace("web", "db")), "PERMISSION_DENIED", "caller's node"),
    ("no node account", dict(token="token-of-a-pod-of-its-own-1", uri=WEB_ON_NODE.replace("web", "db")),
     "PERMISSION_DENIED", "own service account only"),
    ("another trust domain", dict(uri="spiffe://other.example/ns/default/sa/web"), "PERMISSION_DENIED", "trust domain"),
    ("other request", dict(csr_uri=WEB_ON_NODE.replace("web", "admin")), "PERMISSION_DENIED", "another identity"),
    ("two URI names", dict(csr_uri=[WEB_ON_NODE, WEB_ON_NODE + "2"]), "INVALID_ARGUMENT", "several URI names"),
    ("no URI name", dict(csr_uri=""), "INVALID_ARGUMENT", "no SPIFFE ID"),
    ("a CA", dict(csr_more=["-addext", "basicConstraints=CA:TRUE"]), "INVALID_ARGUMENT", "CA certificate"),
    ("no request", dict(fields=dict(csr="")), "INVALID_ARGUMENT", "malformed"),
    ("no protobuf", dict(fields=dict(raw="0aff")), "INVALID_ARGUMENT", "truncated"),
    ("compressed", dict(fields=dict(gzip=True)), "UNIMPLEMENTED", "compress"),
    ("too large", dict(fields=dict(padding=80_000)), "RESOURCE_EXHAUSTED", "too large"),
    ("unknown method", dict(fields=dict(method="Other")), "UNIMPLEMENTED", "unknown method"),
]


@needs_grpcio
def test_each_refusal_has_its_status_and_its_line(service, tmp_path):
    for name, change, code, text in REFUSALS:
        uri = change.get("uri", WEB_ON_NODE)
        request = csr(tmp_path, change.get("csr_uri", uri), *change.get("csr_more", []))
        answer = ask(service, token=change.get("token", NODE),
                     **{"csr": request, "impersonate": uri, **change.get("fields", {})})
        assert (answer["code"], text in answer["details"]) == (code, True), (name, answer)
    refused = eventually(lambda: service.entries(message="certificate refused"), 5)
    assert len({entry["error"] for entry in refused}) >= 12
    assert not service.entries(message="certificate issued")


def test_strangers_to_the_service_are_told_apart_in_its_log(service):
    host, address = service.host.netns, service.address
    plain = host.run("curl", "-s", "-m", "5", f"http://{address}/", check=False)
    assert plain.returncode != 0
    old = host.run("openssl", "s_client", "-connect", address, "-tls1_2", check=False, input="")
    assert old.returncode != 0
    no_h2 = host.run("openssl", "s_client", "-connect", address, "-alpn", "http/1.1", check=False, input="")
    assert no_h2.returncode != 0
    web = host.run("curl", "-s", "-m", "5", "--http2", "--cacert", service.roots, "-o", "/dev/null", "-w",
                   "%{http_code}", f"https://{address}/", check=False)
    assert web.stdout == "405", web.stderr
    errors = eventually(lambda: (lambda found: found if len(found) >= 3 else None)(
        [entry["error"] for entry in service.entries(message="connection failed")]), 5)
    for text in ("does not speak TLS", "TLS 1.3", "HTTP/2"):
        assert any(text in error for error in errors), (text, errors)


def test_strangers_to_a_pod_are_told_apart_in_the_log(world):
    client, server = client_and_server(world)
    server.serve(8080)
    server.wait_captured()
    outside, tunnel = world.host("outside").netns, server.node.tunnel
    target = f"{server.ip}:15008"
    own, other = world.authority(), world.other_authority()
    member = client.spiffe_id

    def s_client(*words, svid=None):
        given = ["-cert", svid.certificate, "-key", svid.key] if svid else []
        outside.run("openssl", "s_client", "-connect", target, "-alpn", "h2", *given, *words, check=False, input="")

    s_client()
    s_client("-tls1_2", svid=own.issue(member))
    s_client("-alpn", "http/1.1", svid=own.issue(member))
    s_client(svid=other.issue(member))
    s_client(svid=own.issue(member, days=-1))
    s_client(svid=own.issue())
    s_client(svid=own.issue(member, member + "2"))
    s_client(svid=own.issue("spiffe://other.example/ns/default/sa/client"))
    s_client(svid=own.issue(member, usage="serverAuth"))
    outside.run("curl", "-s", "-m", "5", f"http://{target}/", check=False)
    texts = ["sent no certificate", "does not speak TLS 1.3", "no ALPN h2", "not in our trust bundle", "has expired",
             "no SPIFFE ID", "several URI names", "another trust domain", "extended key usage", "does not speak TLS"]
    for text in texts:
        eventually(lambda text=text: text in tunnel.log(), 5, message=lambda text=text: f"{text} in {tunnel.log()}")


# Taken by tunnels


def mesh_with_service(world, *options):
    service = CertificateService(world, options=["--svid-ttl", "10s"] if "short" in options else [])
    client, server = client_and_server(world, start=False)
    for tunnel in world.tunnels:
        tunnel.options += service.tunnel_options(tunnel.node)
        if "short" in options:
            tunnel.options += ["--svid-ttl", "10s", "--pool-idle-timeout", "50ms"]
    service.place("client", "node1")
    service.place("server", "node2")
    server.serve(8080)
    return service, client, server


def test_tunnels_take_certificates_from_the_service_and_outlive_it(world):
    service, client, server = mesh_with_service(world)
    service.start()
    world.start()
    client.wait_captured()
    server.wait_captured()
    with client.connect(server, 8080) as connection:
        exchange(connection)
        service.kill()
        exchange(connection)
    with client.connect(server, 8080) as connection:
        exchange(connection)
    late = world.pod("late", world.nodes["node1"])
    service.place("late", "node1")
    late.wait_captured(within=10)
    late.assert_refused(server, 8080)
    assert "pod has no certificate yet" in world.nodes["node1"].tunnel.log()
    service.start()
    eventually(lambda: not late.is_refused(server, 8080), 15, message="the late pod is served when the CA is back")


def test_a_pod_that_the_service_does_not_know_on_the_node_gets_no_certificate(world):
    service, client, server = mesh_with_service(world)
    service.pods = [pod for pod in service.pods if pod["serviceAccount"] != "client"]
    service.write()
    service.start()
    world.start()
    client.wait_captured(within=10)
    client.assert_refused(server, 8080)
    eventually(lambda: "no pod with this identity runs on the caller's node" in world.nodes["node1"].tunnel.log(), 5)


class Traffic:
    """New connections without pause from a pod, and one from another that stays open; counts what fails."""

    def __init__(self, client, steady, server):
        self.client, self.server = client, server
        self.requests, self.failures = 0, []
        self.ended = threading.Event()
        self.long = steady.connect(server, 8080)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.ended.is_set():
            try:
                with self.client.connect(self.server, 8080) as connection:
                    exchange(connection)
                exchange(self.long)
            except (OSError, AssertionError) as error:
                self.failures.append((time.time(), repr(error)))
            self.requests += 1
            # Longer than the pool keeps a connection, so that there is a handshake for each request.
            self.ended.wait(0.15)

    def stop(self):
        self.ended.set()
        self.thread.join(10)
        self.long.close()


def test_root_rotation_short_lives_and_a_dead_ca_lose_no_request(world, request):
    signal.alarm(2 * ROTATION_SECONDS + 90)
    service, client, server = mesh_with_service(world, "short")
    # Its long connection must not carry the others' requests, or there would be no new handshakes.
    steady = world.pod("steady", world.nodes["node1"])
    service.place("steady", "node1")
    service.start()
    world.start()
    for pod in (client, steady, server):
        pod.wait_captured()
    traffic = Traffic(client, steady, server)
    step = ROTATION_SECONDS / 6
    serials = set()

    def wait(seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            rows = json.loads(client.node.tunnel.ask("certificates", "-o", "json").stdout)
            serials.update(row["serialNumber"] for row in rows)
            time.sleep(0.5)

    for number, (phase, published) in enumerate([("start", True), ("switch", False), ("finish", True)]):
        service.identity("rotate", phase)
        service.publish_roots()
        wait(max(step, 10.5))
        service.kill()
        wait(2)
        service.start()
        wait(max(0, step - 2))
    traffic.stop()
    assert traffic.failures == [], (traffic.requests, traffic.failures[:5])
    assert traffic.requests > ROTATION_SECONDS
    opened = client.node.tunnel.metrics().total("ambit_pool_connections_opened_total")
    assert opened > 0.8 * traffic.requests, "nearly each request was a handshake"
    assert len(serials) >= 4, serials
    assert len(json.loads(service.identity("show", "-o", "json").stdout)) == 1


def test_the_api_server_reviews_tokens_and_says_which_pods_run_where(world):
    server = kubernetes.cluster(world)
    service = ClusterCertificateService(world, server)
    world.namespace("default")
    nodes = [kubernetes.node(world, name) for name in ("node1", "node2")]
    client, peer = world.pod("client", nodes[0]), world.pod("server", nodes[1])
    for tunnel in world.tunnels:
        tunnel.options += service.tunnel_options(tunnel.node)
    service.start()
    world.start()
    peer.serve(8080)
    for pod in (client, peer):
        pod.wait_captured()
    with client.connect(peer, 8080) as connection:
        exchange(connection)
    audit = eventually(lambda: service.entries(message="certificate issued", identity=client.spiffe_id), 5)[0]
    assert (audit["caller"], audit["node"]) == ("ambit-system/ambit-tunnel", "node1")
    assert "token-of-the-tunnel" not in service.log()

    # A pod that appears is known to the service as soon as to its node.
    late = world.pod("late", nodes[0])
    late.wait_captured()
    with late.connect(peer, 8080) as connection:
        exchange(connection)

    # Without the API server no token can be reviewed: nobody gets a certificate, and everybody keeps the one there is.
    server.kill()
    eventually(lambda: service.entries(message="API server cannot be asked; certificates are refused meanwhile"), 10)
    with client.connect(peer, 8080) as connection:
        exchange(connection)
    server.start()
    eventually(lambda: service.entries(message="API server answers again"), 30)


def test_of_two_services_one_publishes_the_roots_through_a_rotation_and_the_other_goes_on_when_it_ends(world):
    server = kubernetes.cluster(world)
    server.request("/api/v1/namespaces", manifests.namespace("ambit-system"))
    service = ClusterCertificateService(world, server, options=["--publish-roots", "ambit-system/ambit-ca-root"])
    path = "/api/v1/namespaces/ambit-system/configmaps/ambit-ca-root"

    def published():
        return server.request(path).get("data", {}).get("root-cert.pem", "")

    def writes():
        return [line.split()[0] for line in server.requests() if "/configmaps" in line and not line.startswith("GET")]

    first = service.start().processes[-1]
    eventually(lambda: published() == service.roots.read_text(), 30)
    second = service.host.netns.start(
        *service.program, "identity", "serve", "--ca-dir", service.ca_directory, *service.source, "--log-format", "json",
        "--address", f"{service.host.ip}:15013", *service.options, log=service.directory / "second.log")
    world.closing(second.stop)
    eventually(lambda: "CA service is ready" in second.text(), 30)
    service.identity("rotate", "start")
    eventually(lambda: published().count("BEGIN CERTIFICATE") == 2, 30)
    assert writes() == ["POST", "PATCH"]

    first.signal(signal.SIGTERM)
    assert first.wait() == 0
    eventually(lambda: "leads now" in second.text(), 30)
    service.identity("rotate", "switch")
    service.identity("rotate", "finish")
    eventually(lambda: published() == (service.ca_directory / "ca.crt").read_text(), 30)

    # What is somebody else's is left alone.
    server.kubectl("-n", "ambit-system", "label", "configmap", "ambit-ca-root", "app.kubernetes.io/managed-by-")
    service.identity("rotate", "start")
    eventually(lambda: "is left alone" in second.text(), 30)
    assert published() == (service.ca_directory / "ca.crt").read_text()


class SecretVolume:
    """Plays the kubelet for a Secret: its entries as files of a folder, replaced all at once when it changes."""

    def __init__(self, server, namespace, name, path):
        self.server, self.address, self.path = server, f"/api/v1/namespaces/{namespace}/secrets/{name}", path
        self.version = ""
        self.ended = threading.Event()
        path.mkdir()
        self.update()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.ended.wait(0.5):
            self.update()

    def read(self):
        """The Secret's entries; nothing when it is gone."""
        value = self.server.request(self.address)
        return {name: base64.b64decode(text) for name, text in value.get("data", {}).items()}, \
            value["metadata"].get("resourceVersion", "")

    def update(self):
        entries, version = self.read()
        if version == self.version or not entries:
            return
        self.version = version
        place = self.path / f"..{version}"
        place.mkdir()
        for name, text in entries.items():
            (place / name).touch(mode=0o400)
            (place / name).write_bytes(text)
        (self.path / "..data_tmp").symlink_to(place.name)
        (self.path / "..data_tmp").rename(self.path / "..data")
        for name in entries:
            if not (self.path / name).is_symlink():
                (self.path / name).symlink_to(f"..data/{name}")
        for link in self.path.iterdir():
            if not link.name.startswith("..") and link.name not in entries:
                link.unlink()

    def stop(self):
        self.ended.set()
        self.thread.join(10)


def test_services_rotate_the_root_in_the_secret_though_their_leader_ends_and_outlive_its_loss(world):
    signal.alarm(180)
    server = kubernetes.cluster(world)
    server.request("/api/v1/namespaces", manifests.namespace("ambit-system"))
    service = ClusterCertificateService(world, server, options=[
        "--svid-ttl", "8s", "--rotation-margin", "1s", "--publish-roots", "ambit-system/ambit-ca-root", "--ca-secret", "ambit-ca"])
    old = (service.ca_directory / "ca.crt").read_text()
    server.request("/api/v1/namespaces/ambit-system/secrets", {
        "metadata": {"name": "ambit-ca", "annotations": {"ambit.dev/rotate": "now"}},
        "stringData": {name: (service.ca_directory / name).read_text() for name in ("ca.crt", "ca.key")}})
    volume = SecretVolume(server, "ambit-system", "ambit-ca", service.directory / "volume")
    world.closing(volume.stop)
    service.ca_directory = volume.path

    # What a pod's tunnels mount, the ConfigMap as a file.
    def roots():
        return server.request("/api/v1/namespaces/ambit-system/configmaps/ambit-ca-root").get("data", {}).get("root-cert.pem", "")

    world.namespace("default")
    nodes = [kubernetes.node(world, name) for name in ("node1", "node2")]
    client, steady = world.pod("client", nodes[0]), world.pod("steady", nodes[0])
    peer = world.pod("server", nodes[1])
    for tunnel in world.tunnels:
        tunnel.options += [*service.tunnel_options(tunnel.node), "--svid-ttl", "8s", "--pool-idle-timeout", "50ms"]
    service.start()
    other = service.host.netns.start(
        *service.program, "identity", "serve", "--ca-dir", volume.path, *service.source, "--log-format", "json", "--address",
        f"{service.host.ip}:15013", "--metrics-port", "15024", *service.options, log=service.directory / "other.log")
    world.closing(other.stop)
    world.start()
    peer.serve(8080)
    for pod in (client, steady, peer):
        pod.wait_captured()
    traffic = Traffic(client, steady, peer)

    def end_leader():
        """Ends the one that leads; the one that tunnels ask begins again."""
        lease = server.request("/apis/coordination.k8s.io/v1/namespaces/ambit-system/leases/ambit-identity")
        holder = lease["spec"]["holderIdentity"]
        if any("leads now" in line and holder in line for line in other.text().splitlines()):
            other.signal(signal.SIGTERM)
            assert other.wait() == 0
            return
        service.processes[-1].signal(signal.SIGTERM)
        assert service.processes[-1].wait() == 0
        service.start()

    def entries():
        return set(volume.read()[0])

    def follow(done, within=60):
        """Waits, and keeps what tunnels mount as the ConfigMap says."""
        def look():
            text = roots()
            if text and text != service.roots.read_text():
                draft = service.roots.with_suffix(".new")
                draft.write_text(text)
                draft.rename(service.roots)
            return done()
        return eventually(look, within)

    follow(lambda: "next.key" in entries() and roots().count("BEGIN CERTIFICATE") == 2)
    follow(lambda: "the change has arrived" in service.log() + other.text())
    # Whoever leads ends; the next one goes on from what the Secret says.
    end_leader()
    follow(lambda: entries() == {"ca.crt", "ca.key", "rotation.crt"})
    follow(lambda: entries() == {"ca.crt", "ca.key"} and roots().count("BEGIN CERTIFICATE") == 1)
    new = roots()
    assert new != old and new.encode() == volume.read()[0]["ca.crt"]

    # The Secret is lost: nobody makes another, and what is in memory serves.
    server.request(volume.address, method="DELETE")
    end_leader()
    follow(lambda: "is gone: what is in memory serves" in service.log() + other.text())
    before = traffic.requests
    issued = len(service.entries(message="certificate issued"))
    eventually(lambda: traffic.requests > before + 5 and len(service.entries(message="certificate issued")) > issued + 3, 60)
    assert server.request(volume.address)["code"] == 404
    traffic.stop()
    assert traffic.failures == [], (traffic.requests, traffic.failures[:5])
    opened = client.node.tunnel.metrics().total("ambit_pool_connections_opened_total")
    assert opened > 0.8 * traffic.requests, "nearly each request was a handshake"


def test_the_roots_are_a_cluster_trust_bundle_from_when_there_is_the_kind_and_another_ones_is_left_alone(world):
    server = kubernetes.cluster(world)
    server.request("/api/v1/namespaces", manifests.namespace("ambit-system"))
    service = ClusterCertificateService(world, server, options=[
        "--publish-roots", "ambit-system/ambit-ca-root", "--publish-trust-bundle", "ambit.dev:identity:roots"])
    collection = "/apis/certificates.k8s.io/v1alpha1/clustertrustbundles"
    path = f"{collection}/ambit.dev:identity:roots"

    def published():
        return server.request(path).get("spec", {})

    # The kind is not there: the ConfigMap is written, and nothing is amiss.
    service.start()
    eventually(lambda: service.entries(message="roots published", object="ConfigMap ambit-system/ambit-ca-root"), 30)
    assert not service.entries(level="error")
    server.control("settings", clusterTrustBundles=["v1alpha1"])
    service.identity("rotate", "start")
    eventually(lambda: published().get("trustBundle", "").count("BEGIN CERTIFICATE") == 2, 30)
    assert published()["signerName"] == "ambit.dev/identity"
    labels = server.request(path)["metadata"]["labels"]
    assert labels == {"app.kubernetes.io/managed-by": "ambit-identity", "app.kubernetes.io/part-of": "ambit"}
    # Such a server refuses a name that does not begin with the signer.
    refused = server.request(collection, {"metadata": {"name": "x"}, "spec": published()})
    assert refused["code"] == 422 and "ambit.dev:identity:" in refused["message"]

    # Another manager takes the field: what it says stands.
    theirs = published()["trustBundle"].split("-----END CERTIFICATE-----\n")[0] + "-----END CERTIFICATE-----\n"
    value = {"apiVersion": "certificates.k8s.io/v1alpha1", "kind": "ClusterTrustBundle",
             "metadata": {"name": "ambit.dev:identity:roots"}, "spec": {"trustBundle": theirs, "signerName": "ambit.dev/identity"}}
    server.kubectl("apply", "--server-side", "--force-conflicts", "--field-manager=other", "--validate=false", "-f", "-",
                   input=json.dumps(value))
    service.identity("rotate", "switch")
    service.identity("rotate", "finish")
    eventually(lambda: "ClusterTrustBundle ambit.dev:identity:roots has other roots than the CA, and is left alone"
               in service.log(), 30)
    assert published()["trustBundle"] == theirs


def test_a_key_that_is_deleted_under_the_service_is_named_and_certificates_go_on(world):
    server = kubernetes.cluster(world)
    service = ClusterCertificateService(world, server)
    world.namespace("default")
    node = kubernetes.node(world, "node1")
    node.tunnel.options += service.tunnel_options(node)
    service.start()
    world.start()
    for file in ("ca.key", "ca.crt"):
        (service.ca_directory / file).unlink()
    eventually(lambda: service.entries(message="CA directory cannot be read; the last good state serves"), 10)
    pod = world.pod("pod", node)
    pod.wait_captured()
    eventually(lambda: service.entries(message="certificate issued", identity=pod.spiffe_id), 10)


@needs_grpcio
def test_a_token_that_the_api_server_does_not_vouch_for_gets_nothing(world, tmp_path):
    server = kubernetes.cluster(world)
    service = ClusterCertificateService(world, server)
    world.namespace("default")
    kubernetes.node(world, "node1")
    world.folder.apply(manifests.pod("web-1", "default", "node1", ["10.77.1.9"], "web"),
                       manifests.pod("ambit-tunnel-2", "ambit-system", "node1", ["10.77.1.10"], "ambit-tunnel"))
    node, older = "token-of-the-tunnel-of-node1", "token-that-tells-its-pod-only"
    service.admit(node, node="node1", pod="ambit-tunnel-1")
    service.admit(older, pod="ambit-tunnel-2")
    service.admit("token-of-another-node", node="node2", pod="ambit-tunnel-3")
    service.admit("token-for-the-api-server", node="node1", audiences=["api"])
    service.admit("token-without-a-pod")
    service.start()
    request = dict(csr=csr(tmp_path), impersonate=WEB_ON_NODE)
    for token in (node, older):
        eventually(lambda token=token: ask(service, token, **request)["code"] == "OK", 10)
    for token, code, text in (("token-of-another-node", "PERMISSION_DENIED", "caller's node"),
                              ("token-without-a-pod", "PERMISSION_DENIED", "not bound to a pod on a node"),
                              ("token-for-the-api-server", "UNAUTHENTICATED", "not valid"),
                              ("token-that-nobody-has-made", "UNAUTHENTICATED", "not valid")):
        answer = ask(service, token, **request)
        assert (answer["code"], text in answer["details"]) == (code, True), (token, answer)
    # A kept connection that the API server ends between two reviews costs nobody a certificate.
    server.control("goaway")
    assert ask(service, node, **request)["code"] == "OK"
    # A pod that is gone takes the right to its certificate along.
    world.folder.delete(manifests.pod("web-1", "default", "node1", ["10.77.1.9"], "web"))
    eventually(lambda: ask(service, node, **request)["code"] == "PERMISSION_DENIED", 5)
    # Who may not ask for reviews refuses everybody, and says what is missing.
    server.fault("POST /apis/authentication.k8s.io", times=-1, status=403)
    assert ask(service, node, **request)["code"] == "UNAVAILABLE"
    assert any("TokenReview" in entry.get("error", "") for entry in service.entries(level="error"))


def test_a_ca_that_is_away_while_certificates_fall_due_costs_no_request(world):
    # Lives of 30 s fall due at 15 s. The CA is away from the 5th to the 20th second and is found again before the 30th:
    # the pauses between attempts double from half a second.
    service = CertificateService(world, options=["--svid-ttl", "30s"])
    client, server = client_and_server(world, start=False)
    for tunnel in world.tunnels:
        tunnel.options += service.tunnel_options(tunnel.node) + ["--svid-ttl", "30s", "--pool-idle-timeout", "50ms"]
    steady = world.pod("steady", world.nodes["node1"])
    for account, node in (("client", "node1"), ("steady", "node1"), ("server", "node2")):
        service.place(account, node)
    server.serve(8080)
    service.start()
    world.start()
    for pod in (client, steady, server):
        pod.wait_captured()

    def ends():
        rows = json.loads(client.node.tunnel.ask("certificates", "-o", "json").stdout)
        return {row["serialNumber"] for row in rows}

    first = ends()
    traffic = Traffic(client, steady, server)
    traffic.ended.wait(5)
    service.kill()
    traffic.ended.wait(15)
    assert ends() == first, "nothing was renewed while the CA was away"
    service.start()
    eventually(lambda: not ends() & first, 15, message="all are renewed when the CA is back")
    traffic.ended.wait(12)
    traffic.stop()
    assert traffic.failures == [], (traffic.requests, traffic.failures[:5])


# Revoked


def crl(ca, directory, *revoked):
    """A CRL of the CA that revokes the certificates of these files, and is put in place as a whole."""
    database, conf = directory / "index.txt", directory / "crl.conf"
    database.write_text("")
    conf.write_text(f"[ca]\ndefault_ca = own\n[own]\ndatabase = {database}\ncertificate = {ca}/ca.crt\n"
                    f"private_key = {ca}/ca.key\ndefault_md = sha256\ndefault_crl_days = 1\n")
    for certificate in revoked:
        openssl("ca", "-config", conf, "-revoke", certificate)
    new = directory / "crl.new"
    openssl("ca", "-config", conf, "-gencrl", "-out", new)
    new.rename(directory / "crl.pem")
    return directory / "crl.pem"


def test_a_revoked_peer_is_refused_and_cut_off_within_a_second(world):
    from mesh import hbone
    directory = world.directory / "revocation"
    directory.mkdir()
    identity("init", "--ca-dir", world.ca_directory)
    path = crl(world.ca_directory, directory)
    client, server = client_and_server(world, start=False)
    for tunnel in world.tunnels:
        tunnel.options += ["--crl", path]
    world.start()
    server.serve(8080)
    server.wait_captured()
    outside = world.host("raw")
    authority = world.authority()
    bad, good = authority.issue(client.spiffe_id), authority.issue(client.spiffe_id)
    first, second = (hbone.dial(outside, server, svid) for svid in (bad, good))
    streams = [connection.request(f"{server.ip}:8080") for connection in (first, second)]
    for stream in streams:
        exchange(stream.socket)
    crl(world.ca_directory, directory, bad.certificate)
    begin = time.monotonic()
    streams[0].socket.settimeout(3)
    try:
        assert streams[0].socket.recv(1) == b""
    except OSError:
        pass
    assert time.monotonic() - begin < 1.5
    exchange(streams[1].socket)
    with pytest.raises((OSError, AssertionError, EOFError)):
        again = hbone.dial(outside, server, bad)
        exchange(again.request(f"{server.ip}:8080").socket)
    exchange(hbone.dial(outside, server, good).request(f"{server.ip}:8080").socket)
    tunnel = server.node.tunnel
    eventually(lambda: "certificate is revoked" in tunnel.log(), 5)
    path.write_text("no CRL")
    eventually(lambda: "revocation is in doubt" in tunnel.log(), 10)
    with pytest.raises((OSError, AssertionError, EOFError)):
        exchange(hbone.dial(outside, server, good).request(f"{server.ip}:8080").socket)
    exchange(streams[1].socket)
