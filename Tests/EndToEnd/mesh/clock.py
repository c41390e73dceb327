# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""The wall clock of tunnels, to be put forward and back; nothing else on the machine sees it."""

import shutil
import struct
from pathlib import Path

from .command import run


class Clock:
    """One clock for several tunnels, created before they start."""

    def __init__(self, world):
        library = world.directory / "clock.so"
        run(shutil.which("cc") or shutil.which("clang"), "-O1", "-shared", "-fPIC", "-w",
            Path(__file__).with_suffix(".c"), "-o", library)
        self._file = world.directory / "clock"
        self.set(0)
        for tunnel in world.tunnels:
            tunnel.env = {**tunnel.env, "LD_PRELOAD": str(library), "CLOCK_FILE": str(self._file)}

    def set(self, seconds):
        """Puts the clock this many seconds before the machine's (negative: behind it)."""
        # In place: the tunnels have the file mapped.
        with open(self._file, "r+b" if self._file.exists() else "wb") as file:
            file.write(struct.pack("=q", seconds))
