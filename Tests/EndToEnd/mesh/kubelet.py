# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""A node's first process and its kubelet, as far as probes need them: processes of their own, in a control group of their own."""

import os
import subprocess
import sys
from pathlib import Path

from .netns import _setns
from .process import _die_with_parent
from .waiting import eventually

#: Connects where it is told and says what came back for what it sent.
PROGRAM = """
import socket, sys
open("/proc/self/comm", "w").write(sys.argv[1])
print("ready", flush=True)
for line in sys.stdin:
    address, port = line.split()
    try:
        with socket.create_connection((address, int(port)), timeout=30) as connection:
            connection.sendall(b"probe")
            print(connection.recv(5).decode() or "nothing", flush=True)
    except OSError as error:
        print(type(error).__name__, flush=True)
"""


def hierarchy():
    """Where the unified hierarchy is mounted; these tests are the proof that probes work, so that it must be."""
    with open("/proc/mounts", encoding="ascii") as file:
        found = [line.split()[1] for line in file if line.split()[2] == "cgroup2"]
    assert found, "no cgroup2 is mounted: mount -t cgroup2 none /sys/fs/cgroup/unified"
    return Path(found[0])


class Daemon:
    """A process of a node: in its network namespace, but in nobody's mount namespace, and in a control group."""

    def __init__(self, netns, group, name):
        def prepare():
            _die_with_parent()
            with open(netns.path, "rb") as file:
                _setns(file.fileno())
            if group:
                (group / "cgroup.procs").write_text("0")

        self._child = subprocess.Popen([sys.executable, "-c", PROGRAM, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       text=True, preexec_fn=prepare)
        assert self._child.stdout.readline() == "ready\n"

    @property
    def pid(self):
        return self._child.pid

    def probe(self, address, port):
        """What an echo server answers to `probe`, or the name of the error."""
        print(address, port, file=self._child.stdin, flush=True)
        return self._child.stdout.readline().strip()

    def stop(self):
        self._child.kill()
        self._child.communicate()


class Kubelet:
    """`kubelet` on a node, as tunnels find it; `probe` is what it does. stop() leaves nothing of it."""

    def __init__(self, world, node, name="kubelet"):
        self.node, self.name = node, name
        self.processes = world.folder.processes.path
        self.parent = hierarchy() / f"{world.prefix}.slice"
        self.group = self.parent / "kubelet.service"
        self.parent.mkdir()
        world.closing(self.remove)
        self.first = Daemon(node.netns, None, "init")
        (self.processes / "1").symlink_to(f"/proc/{self.first.pid}")
        self.start()

    def start(self):
        self.group.mkdir()
        self.daemon = Daemon(self.node.netns, self.group, self.name)
        (self.processes / str(self.daemon.pid)).symlink_to(f"/proc/{self.daemon.pid}")

    def stop(self):
        """As a service manager does: the group goes with its processes."""
        (self.processes / str(self.daemon.pid)).unlink()
        self.daemon.stop()
        self._remove(self.group)

    def remove(self):
        if self.group.exists():
            self.stop()
        self.first.stop()
        self._remove(self.parent)

    @staticmethod
    def _remove(group):
        # The kernel lets go of a process some time after its end.
        def is_gone():
            os.rmdir(group)
            return True

        eventually(is_gone, 10)

    def probe(self, address, port=8080):
        return self.daemon.probe(address, port)
