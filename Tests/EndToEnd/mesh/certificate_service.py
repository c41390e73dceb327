# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""The CA service of a world: `ambit-tunnel identity serve` on a machine of its own, and tokens for the nodes."""

import json
import os

from .command import run
from .tunnel import binary
from .waiting import eventually

PORT = 15012


class CertificateService:
    """Starts, kills and restarts the service; `admit` makes tokens, `place` says which accounts have pods where."""

    def __init__(self, world, options=()):
        self.world = world
        self.host = world.host("ca")
        self.directory = world.directory / "ca-service"
        self.directory.mkdir()
        self.ca_directory = self.directory / "ca"
        self.tokens_file = self.directory / "tokens.yaml"
        self.roots = self.directory / "roots.pem"
        self.options = list(options)
        #: How the service's executable is called, without its words.
        self.program = [binary()]
        self.tokens, self.pods = [], []
        self.processes = []
        run(binary(), "identity", "init", "--ca-dir", self.ca_directory)
        self.publish_roots()
        self.write()

    @property
    def address(self):
        return f"{self.host.ip}:{PORT}"

    def publish_roots(self):
        """Gives clients the roots there are now."""
        shown = json.loads(run(binary(), "identity", "show", "--ca-dir", self.ca_directory, "-o", "json").stdout)
        assert shown, "a CA has certificates"
        texts = [(self.ca_directory / name).read_text() for name in ("ca.crt", "rotation.crt")
                 if (self.ca_directory / name).exists()]
        self.roots.write_text("".join(texts))

    def admit(self, token, account="ambit-tunnel", namespace="ambit-system", node="", pod="", audiences=("istio-ca",),
              expires="2099-01-01T00:00:00Z"):
        entry = {"token": token, "namespace": namespace, "serviceAccount": account, "node": node, "pod": pod,
                 "audiences": list(audiences), "expires": expires}
        self.tokens.append(entry)
        self.write()
        path = self.directory / f"{token}.token"
        path.write_text(token + "\n")
        return path

    def place(self, account, node, namespace="default"):
        self.pods.append({"namespace": namespace, "serviceAccount": account, "node": node})
        self.write()

    def write(self):
        new = self.tokens_file.with_suffix(".new")
        new.touch(mode=0o600)
        new.write_text(json.dumps({"tokens": self.tokens, "pods": self.pods}))
        new.rename(self.tokens_file)

    def tunnel_options(self, node):
        """What a node's tunnel is told, after its token was made."""
        token = self.admit(f"token-of-the-tunnel-on-{node.name}", node=node.name, pod=f"ambit-tunnel-{node.name}")
        return ["--ca-address", self.address, "--ca-root-cert", self.roots, "--ca-token", token]

    def start(self):
        address = self.address if ":" not in self.host.ip else f"[{self.host.ip}]:{PORT}"
        log = self.directory / f"serve-{len(self.processes) + 1}.log"
        process = self.host.netns.start(
            *self.program, "identity", "serve", "--ca-dir", self.ca_directory, *self.source,
            "--address", address, "--log-format", "json", *self.options, log=log)
        self.processes.append(process)
        self.world.closing(process.stop)
        eventually(lambda: "CA service is ready" in process.text() or process.status is not None, 10)
        assert process.status is None, process.text()
        return self

    @property
    def source(self):
        """Where the service learns of tokens and pods."""
        return ["--tokens", self.tokens_file]

    def kill(self):
        self.processes[-1].kill()

    def identity(self, *words):
        """Runs `ambit-tunnel identity WORDS` on the CA's folder."""
        return run(binary(), "identity", *words, "--ca-dir", self.ca_directory)

    def log(self):
        return "".join(process.text() for process in self.processes)

    def entries(self, **fields):
        found = []
        for line in self.log().splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if all(entry.get(key) == value for key, value in fields.items()):
                found.append(entry)
        return found


class ClusterCertificateService(CertificateService):
    """Asks an API server: `admit` makes tokens that it knows, and its pods say which accounts run where."""

    def __init__(self, world, server, options=()):
        self.server = server
        super().__init__(world, options)

    @property
    def source(self):
        return ["--kubernetes", "--kubeconfig", self.server.kubeconfig]

    def admit(self, token, account="ambit-tunnel", namespace="ambit-system", node="", pod="", audiences=("istio-ca",)):
        said = {"pod-name": pod, "node-name": node}
        extra = {f"authentication.kubernetes.io/{key}": [value] for key, value in said.items() if value}
        self.server.control("reviewable", **{token: {
            "audiences": list(audiences),
            "user": {"username": f"system:serviceaccount:{namespace}:{account}", "extra": extra}}})
        path = self.directory / f"{token}.token"
        path.write_text(token + "\n")
        return path


def has_grpcio():
    return os.access(grpc_python(), os.X_OK)


def grpc_python():
    """Python with grpcio and protobuf: `make deps-grpc`."""
    return os.environ.get("GRPC_PYTHON") or os.path.abspath(".build/grpcio/bin/python")
