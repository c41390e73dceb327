# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""Counts what a tunnel allocates and which system calls it makes, by a library preloaded into it."""

import mmap
import shutil
import struct
import time
from pathlib import Path
from typing import NamedTuple

from .command import run

_SOURCE = Path(__file__).with_name("counting.c")
_FORMAT = struct.Struct("6L")


class Counts(NamedTuple):
    allocations: int
    receives: int
    sends: int
    waits: int
    splices: int
    others: int

    @property
    def system_calls(self):
        return sum(self[1:])

    def since(self, earlier):
        return Counts(*(now - before for now, before in zip(self, earlier)))


class Counting:
    """Set up before the tunnel starts: Counting(tunnel). Each of its processes adds to the same counters."""

    def __init__(self, tunnel):
        library = tunnel.directory / "counting.so"
        compiler = shutil.which("cc") or shutil.which("clang")
        run(compiler, "-O2", "-shared", "-fPIC", "-w", _SOURCE, "-o", library, "-ldl")
        file = tunnel.directory / f"{tunnel.netns.name}.counts"
        file.write_bytes(bytes(mmap.PAGESIZE))
        tunnel.env = {**tunnel.env, "LD_PRELOAD": str(library), "COUNTING_FILE": str(file)}
        self._file = open(file, "rb")
        self._map = mmap.mmap(self._file.fileno(), mmap.PAGESIZE, prot=mmap.PROT_READ)

    def now(self):
        return Counts(*_FORMAT.unpack_from(self._map))

    def settled(self, quiet=0.3, within=5):
        """The counters once nothing has changed for a while."""
        end = time.monotonic() + within
        before, since = self.now(), time.monotonic()
        while time.monotonic() - since < quiet:
            assert time.monotonic() < end, "the tunnel does not come to rest"
            time.sleep(0.02)
            if (now := self.now()) != before:
                before, since = now, time.monotonic()
        return before
