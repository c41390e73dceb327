# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""`make demo`: a mesh of two nodes and six pods on this machine, step by step; then a waypoint and three pods more.

KEEP=1 leaves it running until Ctrl-C and prints what to try; IP=6 runs it over IPv6. Needs root, leaves nothing behind.
"""

import os
import re
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "EndToEnd"))

from mesh import yaml  # noqa: E402
from mesh.manifests import authorization_policy, peer_authentication  # noqa: E402
from mesh.tunnel import binary  # noqa: E402
from mesh.waiting import NeverHappened, eventually  # noqa: E402
from mesh.waypoint import binary as waypoint_binary  # noqa: E402
from mesh.world import World  # noqa: E402
from routing import Routing  # noqa: E402
from stage import CheckFailed, Stage, quote  # noqa: E402

#: The transfer: a GB of 10^9 bytes.
TRANSFER_BYTES = 1_000_000_000
PYTHON = "/usr/bin/python3"


class Demo(Routing):
    """The world of the demo and its steps, in the order of `steps`."""

    def __init__(self, stage, world):
        self.stage = stage
        self.world = world

    # The cast

    def build(self):
        world = self.world
        world.namespace("shop", ambient=False)
        world.namespace("legacy", ambient=False)
        self.node1, self.node2 = world.node("node1"), world.node("node2")
        self.frontend = world.pod("frontend", self.node1, "shop")
        self.catalog = world.pod("catalog", self.node1, "shop")
        self.orders = world.pod("orders", self.node2, "shop")
        self.reports = world.pod("reports", self.node2, "shop")
        self.batch = world.pod("batch", self.node1, "legacy")
        self.archive = world.pod("archive", self.node2, "legacy")
        self.service = world.service("orders", namespace="shop")
        self.files = world.directory / "files"
        self.files.mkdir()
        for pod in self.catalog, self.orders, self.archive:
            self.serve(pod)
        world.start()
        for pod in self.catalog, self.orders, self.archive:
            self.wait_serving(pod)

    def serve(self, pod, *options):
        """Starts the web server in a pod."""
        self.world.run_in(pod.netns, PYTHON, "-B", HERE / "http_server.py", "--name", pod.name, "--folder", self.files,
                          *options, name=f"http-{pod.name}")

    @staticmethod
    def wait_serving(pod):
        eventually(lambda: pod.netns.connect(pod.ip, 8080).close() is None)

    # Small words

    @staticmethod
    def url(target, port=8080, path="/"):
        return f"http://[{target.ip}]:{port}{path}" if ":" in target.ip else f"http://{target.ip}:{port}{path}"

    def curl(self, pod, target, port=8080, path="/"):
        """Runs and shows a request; returns curl's status and what it printed."""
        return self.stage.run(quote("ip", "netns", "exec", pod.netns.name, "curl", "-sS", "-g", "-m", "5",
                                    self.url(target, port, path)))

    def apply(self, value):
        """Writes a manifest, shown as a user would write it."""
        name = self.world.folder.file_name(value)
        self.stage.say(f"# {self.world.folder.path / name}")
        for line in yaml.dump(value).splitlines():
            self.stage.say(f"  {line}")
        self.world.folder.apply(value)
        # "Changes in the folder apply within a second."
        time.sleep(1)

    def remove(self, value):
        self.stage.run(quote("rm", self.world.folder.path / self.world.folder.file_name(value)))
        time.sleep(1)

    def answers(self, pod, target, port=8080):
        status, output = self.curl(pod, target, port)
        return status == 0 and "hello from" in output

    # The steps

    def show_world(self):
        """Two nodes, six pods, one tunnel per node; nobody is in the mesh yet"""
        self.stage.run(f"ip netns list | grep {self.world.prefix} | sort")
        for tunnel in self.world.tunnels:
            _, output = self.stage.run(quote("ip", "netns", "exec", tunnel.netns.name, "curl", "-sS",
                                             "http://127.0.0.1:15021/healthz/ready") + "; echo")
            self.stage.check("ready" in output, f"the tunnel of {tunnel.node.name} is ready")

    def plaintext(self):
        """Before the label: everyone on the way can read along"""
        capture = self.world.capture()
        self.stage.check(self.answers(self.frontend, self.orders), "frontend reaches orders")
        capture.stop()
        _, output = self.stage.run(f"tcpdump -nqr {capture.path} -A 2>/dev/null | grep -aoE 'GET / HTTP.*|hello from.*'")
        self.stage.check("GET / HTTP/1.1" in output and "hello from orders" in output,
                         "request and answer are readable between the nodes")
        self.stage.check(not self.frontend.is_captured(), "no rule is in the pod")

    def label(self):
        """The label: one line, no restart"""
        server_pids = self.orders.netns.pids()
        self.apply({"apiVersion": "v1", "kind": "Namespace",
                    "metadata": {"name": "shop", "labels": {"istio.io/dataplane-mode": "ambient"}}})
        self.orders.wait_captured()
        self.frontend.wait_captured()
        _, output = self.stage.run(f"ip netns exec {self.frontend.netns.name} nft list table inet ambit", show=12)
        self.stage.check("15001" in output, "frontend's traffic is redirected inside its own namespace")
        self.stage.check(self.orders.netns.pids() == server_pids, "the applications are the same processes as before")

    def encrypted(self):
        """The same request again: now what crosses the wire is TLS 1.3"""
        capture = self.world.capture()
        status, output = self.curl(self.frontend, self.orders)
        self.stage.check(status == 0 and f"I see you at {self.frontend.ip}" in output,
                         "orders answers, and still sees frontend's own address")
        capture.stop()
        self.stage.run(f"tcpdump -nqr {capture.path} 2>/dev/null", show=6)
        _, output = self.stage.run(f"grep -acE 'GET /|hello from' {capture.path}")
        self.stage.check(output.strip() == "0", "neither request nor answer is readable between the nodes")
        ports = {port for segment in capture.segments() for port in (segment.source_port, segment.destination_port)}
        self.stage.check(15008 in ports and 8080 not in ports, "all of it went to port 15008 (HBONE)")

    def identities(self):
        """The access log: who called whom, proven by certificates"""
        tunnel = self.node2.tunnel
        tunnel.wait_access(direction="inbound", src__identity=self.frontend.spiffe_id)
        _, output = self.stage.run(f"grep -a '\"inbound\"' {tunnel.process.log} | tail -n 1")
        self.stage.check(self.frontend.spiffe_id in output and self.orders.spiffe_id in output,
                         "both SPIFFE identities are in it")

    def service_address(self):
        """By the service's address, and from outside the mesh"""
        self.stage.check(self.answers(self.frontend, self.service, 80), "frontend reaches orders by virtual address")
        self.stage.check(self.answers(self.batch, self.orders), "legacy/batch, not in the mesh, still reaches orders")
        self.stage.check(self.answers(self.frontend, self.archive), "frontend reaches legacy/archive in plaintext")

    def deny(self):
        """A DENY policy takes effect live"""
        self.stage.check(self.answers(self.reports, self.orders), "reports reaches orders before")
        policy = authorization_policy("no-reports", "shop", "DENY", [
            {"from": [{"source": {"principals": [self.reports.principal]}}]}], {"app": "orders"})
        self.apply(policy)
        self.stage.check(not self.answers(self.reports, self.orders), "reports is refused")
        self.stage.check(self.answers(self.frontend, self.orders), "frontend is not")
        _, output = self.stage.run(f"grep -a no-reports {self.node2.tunnel.process.log} | tail -n 1")
        self.stage.check("shop/no-reports" in output, "the log names the policy that refused")
        self.remove(policy)
        self.stage.check(self.answers(self.reports, self.orders), "reports is back when the file is gone")

    def allow(self):
        """An ALLOW policy refuses everyone it does not name"""
        policy = authorization_policy("only-frontend", "shop", "ALLOW", [
            {"from": [{"source": {"principals": [self.frontend.principal]}}],
             "to": [{"operation": {"ports": ["8080"]}}]}], {"app": "orders"})
        self.apply(policy)
        self.stage.check(self.answers(self.frontend, self.orders), "frontend may")
        self.stage.check(not self.answers(self.reports, self.orders), "reports may not")
        self.stage.check(not self.answers(self.batch, self.orders), "legacy/batch, without identity, may not")
        self.remove(policy)

    def strict(self):
        """STRICT: nothing without an identity"""
        policy = peer_authentication("default", "shop", "STRICT")
        self.apply(policy)
        self.stage.check(not self.answers(self.batch, self.orders), "legacy/batch, not in the mesh, is refused")
        self.stage.check(self.answers(self.frontend, self.orders), "frontend is served")
        self.remove(policy)

    def transfer(self):
        """1 GB between two nodes, encrypted, and the connection while it runs"""
        file = self.files / "big"
        self.stage.run(f"openssl rand -out {file} {TRANSFER_BYTES}")
        _, sent = self.stage.run(f"sha256sum < {file}")
        download = (f"ip netns exec {self.frontend.netns.name} curl -sSg -m 60 "
                    "-w '%{stderr}%{size_download} bytes at %{speed_download} bytes/s\\n' "
                    f"{self.url(self.orders, path='/big')} | sha256sum")
        slow = self.world.run_in(self.frontend.netns, "curl", "-sSg", "-o", "/dev/null",
                                 self.url(self.orders, path="/slow"), name="slow")
        eventually(lambda: self.orders.ip in self.node1.tunnel.ask("connections").stdout)
        _, table = self.stage.run(quote("ip", "netns", "exec", self.node1.netns.name, binary(), "connections"), show=12)
        self.stage.check("frontend" in table and self.orders.ip in table, "the table shows an open connection")
        _, output = self.stage.run(download)
        self.stage.check(sent.split()[0] in output, "the SHA-256 is the same at the other end")
        rate = float(re.search(r"at ([\d.]+) bytes/s", output)[1])
        self.stage.say(f"that is {rate / 1e6:,.0f} MB/s, {rate * 8 / 1e9:.1f} Gbit/s")
        slow.wait()
        file.unlink()

    def metrics(self):
        """The metrics, under Istio's names"""
        shorten = (r's/\{.*source_workload="([^"]*)".*destination_workload="([^"]*)".*policy="([^"]*)".*\}'
                   r'/ \1 -> \2 \3:/')
        _, output = self.stage.run(
            f"ip netns exec {self.node2.netns.name} curl -sS http://127.0.0.1:15020/metrics | "
            f"grep -E '^istio_tcp_(connections_opened|sent_bytes)_total' | sed -E '{shorten}'", show=10)
        metrics = self.node2.tunnel.metrics()
        total = metrics.total("istio_tcp_sent_bytes_total", source_workload="frontend", destination_workload="orders",
                              connection_security_policy="mutual_tls")
        self.stage.check("istio_tcp_connections_opened_total" in output and total >= TRANSFER_BYTES,
                         f"frontend has received {total:,.0f} bytes from orders by mutual TLS")
        self.stage.run(quote("ip", "netns", "exec", self.node1.netns.name, binary(), "workloads"), show=12)

    def leave(self):
        """The label goes, and with it every trace"""
        self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
        self.frontend.wait_captured(False)
        _, output = self.stage.run(f"ip netns exec {self.frontend.netns.name} nft list ruleset; "
                                   f"ip netns exec {self.frontend.netns.name} ip rule show | grep 0x111")
        self.stage.check(output == "", "no rule is left in the pod")
        self.stage.check(self.answers(self.frontend, self.orders), "and it works as before the mesh")

    steps = (show_world, plaintext, label, encrypted, identities, service_address, deny, allow, strict, transfer,
             metrics, *Routing.routing_steps, leave)

    def run(self, keep):
        for step in self.steps:
            if keep and step is Demo.give_waypoint_up:
                break  # whoever stays wants the mesh and the waypoint
            self.stage.heading(step.__doc__)
            step(self)

    def suggest(self):
        enter = f"ip netns exec {self.world.prefix}"
        print(f"""
The mesh stays up until Ctrl-C. In another terminal, as root:

  {enter}-shop-frontend curl -g {self.url(self.orders)}
  {enter}-shop-frontend curl -g {self.url(self.reviews, 80)}
  {waypoint_binary()} routes --config {self.world.folder.path} -n shop --host reviews --path /
  {enter}-fabric tcpdump -ni br0 -A tcp
  {enter}-node1 {binary()} connections
  {enter}-node1 {binary()} workloads -o json
  {enter}-node2 curl -s http://127.0.0.1:15020/metrics
  tail -f {self.node2.tunnel.process.log}
  ls {self.world.folder.path}      # edit a manifest: it applies within a second
""", flush=True)


def main():
    if os.geteuid() != 0:
        sys.exit("demo: network namespaces need root: sudo make demo")
    keep, families = os.environ.get("KEEP") == "1", (6,) if os.environ.get("IP") == "6" else (4,)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.default_int_handler)
    folder = tempfile.mkdtemp(prefix="ambit-demo-")
    stage, status = Stage(), 1
    try:
        with World(Path(folder) / "world", families, name="demo") as world:
            demo = Demo(stage, world)
            try:
                demo.build()
                demo.run(keep)
                status = 0
                print(f"\ndemo: {stage.checks} checks passed", flush=True)
                if keep:
                    demo.suggest()
                    signal.pause()
            except (CheckFailed, NeverHappened, RuntimeError, OSError) as error:
                print(f"\ndemo: failed after {stage.checks} checks: {error}", file=sys.stderr)
                for tunnel in world.tunnels:
                    if tunnel.processes:
                        print(f"--- the end of the log of {tunnel.node.name}\n{tunnel.log()[-3000:]}", file=sys.stderr)
                if demo.proxy:
                    print(f"--- the end of the log of the waypoint\n{demo.proxy.text()[-3000:]}", file=sys.stderr)
    except KeyboardInterrupt:
        print("\ndemo: interrupted; everything is removed", file=sys.stderr)
        status = 0 if keep and status == 0 else 130
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(status)


if __name__ == "__main__":
    main()
