# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""A network namespace: running commands and opening sockets inside it."""

import contextlib
import ctypes
import fcntl
import os
import socket
import struct

from .command import run
from .process import Process

_CLONE_NEWNET = 0x40000000  # linux/sched.h
_SIOCSIFFLAGS, _IFF_UP = 0x8914, 1  # linux/sockios.h, linux/if.h
_libc = ctypes.CDLL(None, use_errno=True)

#: Bounds every socket operation of a test: a hang is a failure, not a wait.
SOCKET_TIMEOUT = 10.0


def _setns(fd):
    if _libc.setns(fd, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), "setns")


class NetworkNamespace:
    """A named network namespace with loopback up; delete() ends what still runs in it."""

    def __init__(self, name):
        self.name = name
        self.path = f"/run/netns/{name}"
        self._exists = False
        run("ip", "netns", "add", name)
        self._exists = True
        self.ip("link", "set", "lo", "up")

    @classmethod
    def bare(cls, name):
        """One that `add_all` makes, with nothing in it but loopback."""
        made = cls.__new__(cls)
        made.name, made.path, made._exists = name, f"/run/netns/{name}", False
        return made

    @staticmethod
    def add_all(bare):
        """Makes many at the cost of one process."""
        bare = list(bare)
        run("ip", "-batch", "-", input="".join(f"netns add {one.name}\n" for one in bare))
        for one in bare:
            with one.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
                fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", _IFF_UP))

    @staticmethod
    def delete_all(bare):
        run("ip", "-force", "-batch", "-", input="".join(f"netns delete {one.name}\n" for one in bare), check=False)

    def ip(self, *arguments, **options):
        """`ip` inside the namespace, without the cost of entering it."""
        return run("ip", "-n", self.name, *arguments, **options)

    def run(self, *argv, **options):
        return run("ip", "netns", "exec", self.name, *argv, **options)

    def start(self, *argv, log, env=None):
        return Process(["ip", "netns", "exec", self.name, *argv], log, env)

    @contextlib.contextmanager
    def entered(self):
        """Moves the calling thread into the namespace; sockets opened meanwhile stay there for good."""
        with open("/proc/thread-self/ns/net", "rb") as own, open(self.path, "rb") as other:
            _setns(other.fileno())
            try:
                yield
            finally:
                _setns(own.fileno())

    def sysctl(self, key, value):
        with self.entered(), open("/proc/sys/" + key.replace(".", "/"), "w", encoding="ascii") as file:
            file.write(str(value))

    def socket(self, family, kind=socket.SOCK_STREAM):
        with self.entered():
            opened = socket.socket(family, kind)
        opened.settimeout(SOCKET_TIMEOUT)
        return opened

    def connect(self, address, port, source=None, mark=0, timeout=SOCKET_TIMEOUT):
        """A TCP connection made from inside the namespace."""
        connection = self.socket(family_of(address))
        connection.settimeout(timeout)
        try:
            if mark:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
            if source:
                connection.bind((source, 0))
            connection.connect((address, port))
        except BaseException:
            connection.close()
            raise
        return connection

    def listen(self, port, address=None, backlog=128):
        """A listening TCP socket inside the namespace; without an address it takes IPv4 and IPv6."""
        family = family_of(address) if address else self._wildcard_family()
        listener = self.socket(family)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1 if address else 0)
        listener.bind((address or ("::" if family == socket.AF_INET6 else "0.0.0.0"), port))
        listener.listen(backlog)
        return listener

    def _wildcard_family(self):
        with self.entered(), open("/proc/sys/net/ipv6/conf/all/disable_ipv6", encoding="ascii") as file:
            return socket.AF_INET if file.read().strip() == "1" else socket.AF_INET6

    def pids(self):
        return [int(word) for word in run("ip", "netns", "pids", self.name).stdout.split()]

    def delete(self):
        """Removes the namespace, and with it its interfaces, rules and routes."""
        if self._exists:
            self._exists = False
            run("ip", "netns", "delete", self.name)


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET
