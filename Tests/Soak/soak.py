# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""`make soak MINUTES=10`: mixed traffic over a mesh that changes, with a ledger at the end.

Three nodes. The tunnel of node1 is upgraded in order, that of node2 is killed outright, that of node3 lives through it
all. Policies come and go, pods come and go. Each connection attempt ends in the ledger: served, refused by a rule that
was in force, or failed by a misfortune that was injected just then. At the end processes, descriptors, threads, memory
and rules are back where they began.
"""

import os
import random
import shutil
import socket
import struct
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Tests" / "EndToEnd"))

from mesh.manifests import authorization_policy  # noqa: E402
from mesh.proc import usage  # noqa: E402
from mesh.serving import echo, exchange, receive_exactly  # noqa: E402
from mesh.waiting import NeverHappened, eventually  # noqa: E402
from mesh.world import World  # noqa: E402

from ledger import Ledger  # noqa: E402

#: Attempts per second by kind: bounded, so that a slow machine is not a busy one.
RATES = {"short": 20, "bulk": 1, "long": 1, "idle": 1, "aborted": 3, "policed": 5, "policed-long": 0.5, "service": 5}
#: How long a change of the configuration may need (docs/operations.md says a second; the machine may be busy).
APPLIES_WITHIN = 3.0
#: How long a killed tunnel's connections and its start may be felt.
KILL_FELT = 8.0
BULK = 4 << 20
#: Memory may stay so much above the first idle state: pages of buffers and tables that were once needed.
MEMORY_SLACK_KB = 24 << 10
OPTIONS = ["--pool-idle-timeout", "2s", "--svid-ttl", "2m", "--metric-lifetime", "30s"]


class Soak:
    def __init__(self, world, seconds, seed):
        self.world = world
        self.seconds = seconds
        self.random = random.Random(seed)
        self.ledger = Ledger()
        self.ended = threading.Event()
        self.problems = []
        self.threads = []
        self.deny = authorization_policy("flip", "default", "DENY", [{}], {"app": "policed"})
        #: (time of the last change, whether the policy is in force after it)
        self.policy = (0.0, False)
        self.upgrades = self.kills = self.churned = 0

    # The mesh

    def build(self):
        world = self.world
        world.namespace("default")
        self.nodes = [world.node(f"node{number}") for number in (1, 2, 3)]
        for node in self.nodes:
            node.tunnel.options += OPTIONS
        self.clients = [world.pod(f"client{number}", node) for number, node in enumerate(self.nodes, 1)]
        self.servers = [world.pod(f"server{number}", node) for number, node in enumerate(self.nodes, 1)]
        self.policed = world.pod("policed", self.nodes[2])
        for server in [*self.servers, self.policed]:
            server.serve(8080, echo)
        self.service = world.service("churned", {"app": "churned"}, {80: 8080})
        self.steady = world.pod("steady", self.nodes[2], labels={"app": "churned"})
        self.steady.serve(8080, echo)
        self.tunnels = {node.name: node.tunnel for node in self.nodes}
        world.start()
        self.pods = [*self.clients, *self.servers, self.policed, self.steady]
        for client in self.clients:
            for server in self.servers:
                with client.connect(server, 8080) as connection:
                    exchange(connection)
        self.before = {pod: pod.trace() for pod in self.pods}
        self.settle()
        self.at_first = {name: usage(tunnel) for name, tunnel in self.tunnels.items()}

    def settle(self):
        """Until the pools have let go of what is idle and nothing is open."""
        for tunnel in self.tunnels.values():
            eventually(lambda: tunnel.metrics().total("istio_tcp_sockets_open") == 0, within=40,
                       message=lambda: f"{tunnel.netns.name}: open connections")
            eventually(lambda: tunnel.metrics().total("ambit_pool_connections") == 0, within=20,
                       message=lambda: f"{tunnel.netns.name}: pooled connections")
        time.sleep(2)

    # Attempts: each ends in exactly one entry of the ledger

    def short(self, client, server, connection):
        exchange(connection, os.urandom(self.random.randint(1, 20_000)))
        return 20_000

    def bulk(self, client, server, connection):
        block = os.urandom(1 << 18)
        for _ in range(BULK // len(block)):
            exchange(connection, block)
        return 2 * BULK

    def long(self, client, server, connection):
        for _ in range(self.random.randint(5, 12)):
            exchange(connection, os.urandom(1000))
            self.ended.wait(1)
        return 10_000

    def idle(self, client, server, connection):
        exchange(connection)
        self.ended.wait(self.random.uniform(5, 15))
        exchange(connection)
        return 20

    def aborted(self, client, server, connection):
        connection.sendall(os.urandom(self.random.randint(1, 100_000)))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return 0

    def run_one(self, kind, client, server, body):
        begin = self.ledger.attempt(kind)
        touched = {client.node.name, *([server.node.name] if hasattr(server, "node") else []), server.name}
        try:
            with client.netns.connect(server.ip, 80 if kind == "service" else 8080, timeout=15) as connection:
                count = body(client, server, connection)
            self.ledger.served(kind, count)
        except (OSError, AssertionError) as error:
            self.ledger.failed(kind, begin, touched, error)

    def run_policed(self, kind):
        """Judged by the policy that is in force: refused while it is, served while it is not."""
        client, server = self.random.choice(self.clients), self.policed
        begin = self.ledger.attempt(kind)
        touched = {client.node.name, server.node.name}
        try:
            with client.netns.connect(server.ip, 8080, timeout=15) as connection:
                exchange(connection)
                if kind == "policed-long":
                    for _ in range(10):
                        self.ended.wait(0.5)
                        exchange(connection)
            if self.policy_was(True, begin):
                return self.ledger.failed(kind, begin, (), AssertionError("served against a policy"))
            self.ledger.served(kind, 20)
        except (OSError, AssertionError) as error:
            if self.policy_was(False, begin):
                self.ledger.failed(kind, begin, touched, error)
            else:
                self.ledger.refused(kind, "default/flip")

    def policy_was(self, in_force, begin):
        """Whether the policy was certainly (not) in force from `begin` until now."""
        changed, now_in_force = self.policy
        return now_in_force == in_force and begin > changed + APPLIES_WITHIN

    def attempt(self, kind):
        if kind.startswith("policed"):
            return self.run_policed(kind)
        client = self.random.choice(self.clients)
        if kind == "service":
            return self.run_one(kind, client, self.service, self.short)
        return self.run_one(kind, client, self.random.choice(self.servers), getattr(self, kind))

    # What keeps happening

    def every(self, seconds, action):
        """Runs an action again and again; a fault in it ends the soak."""
        def body():
            while not self.ended.wait(seconds * self.random.uniform(0.7, 1.3)):
                try:
                    action()
                except Exception as error:  # reported at the end, whatever it is
                    self.problems.append(f"{action.__name__}: {error!r}")
                    self.ended.set()

        thread = threading.Thread(target=body, daemon=True)
        self.threads.append(thread)
        thread.start()

    def spawn(self, kind):
        def begin():
            thread = threading.Thread(target=self.attempt, args=(kind,), daemon=True)
            thread.start()
            self.attempts.append(thread)
            if len(self.attempts) > 2000:
                self.attempts = [thread for thread in self.attempts if thread.is_alive()]
        begin.__name__ = kind
        return begin

    def flip_policy(self):
        _, in_force = self.policy
        self.policy = (time.monotonic(), not in_force)
        if in_force:
            self.world.folder.delete(self.deny)
        else:
            self.world.folder.apply(self.deny)

    def churn(self):
        """A pod joins the service and dies some seconds later, with all that it carries."""
        self.churned += 1
        name = f"guest{self.churned}"
        pod = self.world.pod(name, self.nodes[2], labels={"app": "churned"}, apply=False)
        pod.serve(8080, echo)
        pod.apply()
        self.ended.wait(self.random.uniform(2, 5))
        self.ledger.misfortune("pod died", 5, "churned")
        pod.remove()
        pod.close()
        pod.netns.delete()
        del self.world.pods[f"default/{name}"]

    def upgrade(self):
        """In order: nothing may fail."""
        self.upgrades += 1
        successor = self.world.successor(self.nodes[0])
        successor.options += OPTIONS
        successor.start()
        predecessor, self.tunnels["node1"] = self.tunnels["node1"], successor
        predecessor.terminate()
        assert predecessor.process.wait(40) == 0

    def kill(self):
        """Out of order: what it carries fails, and for a moment what comes new."""
        self.kills += 1
        tunnel = self.tunnels["node2"]
        self.ledger.misfortune("kill -9", KILL_FELT, "node2")
        tunnel.process.kill()
        self.ended.wait(self.random.uniform(0, 1))
        tunnel.start()

    # All of it

    def run(self):
        self.build()
        self.attempts = []
        for kind, rate in RATES.items():
            self.every(1 / rate, self.spawn(kind))
        self.every(6, self.flip_policy)
        self.every(5, self.churn)
        begin = time.monotonic()
        due = {self.upgrade: begin + 12, self.kill: begin + 20, self.progress: begin + 10}
        pauses = {self.upgrade: max(25, self.seconds / 10), self.kill: 25, self.progress: 10}
        # By this thread: a child of mesh.process dies with the thread that started it.
        while not self.ended.wait(0.5) and time.monotonic() - begin < self.seconds:
            for action, at in due.items():
                if at <= time.monotonic() and not self.ended.is_set():
                    action()
                    due[action] = time.monotonic() + pauses[action] * self.random.uniform(0.7, 1.3)
        self.ended.set()
        for thread in [*self.threads, *self.attempts]:
            thread.join(60)
        self.check()

    def progress(self):
        self.say(f"{sum(self.ledger.attempts.values())} attempts, {len(self.ledger.unexplained)} unexplained")

    def check(self):
        if self.policy[1]:
            self.world.folder.delete(self.deny)
        self.say(self.ledger.report())
        self.problems += [f"unexplained: {line}" for line in self.ledger.unexplained[:20]]
        self.problems += [f"{kind}: {attempts} attempts, {entries} entries"
                          for kind, (attempts, entries) in self.ledger.imbalance().items()]
        if self.upgrades == 0 or self.kills == 0 or self.churned == 0:
            self.problems.append("a misfortune never happened: the soak is too short")
        try:
            self.settle()
        except NeverHappened as error:
            self.problems.append(str(error))
            return
        self.say(f"upgrades {self.upgrades}, kills {self.kills}, pods {self.churned}\n"
                 f"{'tunnel':<8}{'descriptors':>20}{'threads':>12}{'resident KiB':>20}")
        for name, tunnel in self.tunnels.items():
            first, last = self.at_first[name], usage(tunnel)
            self.say(f"{name:<8}{first.descriptors:>9} → {last.descriptors:<8}{first.threads:>5} → {last.threads:<4}"
                     f"{first.resident_kilobytes:>9} → {last.resident_kilobytes}")
            if last.descriptors > first.descriptors + 2 or last.threads > first.threads:
                self.problems.append(f"{name}: descriptors or threads have grown")
            if last.resident_kilobytes > first.resident_kilobytes + MEMORY_SLACK_KB:
                self.problems.append(f"{name}: memory has grown")
            if "ambit_log_lines_dropped_total" in tunnel.metrics().text \
                    and tunnel.metrics().total("ambit_log_lines_dropped_total"):
                self.problems.append(f"{name}: log lines were dropped")
        survivor = self.tunnels["node3"].metrics()
        opened, closed = (survivor.total(f"istio_tcp_connections_{what}_total") for what in ("opened", "closed"))
        if opened != closed:
            self.problems.append(f"node3: {opened} connections opened, {closed} closed")
        for pod, trace in self.before.items():
            if pod.trace() != trace:
                self.problems.append(f"{pod.name}: rules, routes or listeners have changed:\n{trace}\n--- now:\n{pod.trace()}")

    @staticmethod
    def say(text):
        print(text, flush=True)


def main():
    seconds = float(sys.argv[1]) * 60
    seed = int(os.environ.get("SEED") or time.time_ns() % 1_000_000)
    directory = ROOT / ".build" / "soak"
    shutil.rmtree(directory, ignore_errors=True)
    print(f"soak: {seconds:.0f} s, SEED={seed}", flush=True)
    with World(directory, name="soak") as world:
        soak = Soak(world, seconds, seed)
        soak.run()
    for problem in soak.problems:
        print(f"soak: {problem}", file=sys.stderr)
    print("soak: failed; logs are in .build/soak" if soak.problems else "soak: everything is accounted for")
    return 1 if soak.problems else 0


if __name__ == "__main__":
    sys.exit(main())
