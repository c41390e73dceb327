# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""System calls that fail when a test says so."""

import contextlib
from pathlib import Path

from .command import run


class EpollFault:
    """Makes epoll_ctl refuse the sockets of one tunnel; created before the tunnel starts."""

    def __init__(self, tunnel):
        library = tunnel.directory / "faults.so"
        run("clang", "-shared", "-fPIC", "-O1", "-o", library, Path(__file__).with_suffix(".c"))
        self._switch = tunnel.directory / f"{tunnel.netns.name}.epoll-fault"
        tunnel.env.update({"LD_PRELOAD": str(library), "AMBIT_FAULT_EPOLL": str(self._switch)})

    @contextlib.contextmanager
    def active(self):
        self._switch.touch()
        try:
            yield
        finally:
            self._switch.unlink()
