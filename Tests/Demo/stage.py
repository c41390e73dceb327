# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""How the demo talks: headings, commands with their output, and checks that are counted."""

import os
import shlex
import subprocess
import sys

_COLOUR = sys.stdout.isatty() and "NO_COLOR" not in os.environ


def _paint(code, text):
    return f"\x1b[{code}m{text}\x1b[0m" if _COLOUR else text


class CheckFailed(Exception):
    """A check of the demo did not hold; the text says which."""


class Stage:
    """Counts what it has shown; every command is printed as it can be typed again."""

    def __init__(self):
        self.steps = 0
        self.checks = 0

    def heading(self, text):
        self.steps += 1
        print(f"\n{_paint('1', f'{self.steps}. {text}')}", flush=True)

    def say(self, text):
        print(f"   {text}", flush=True)

    def run(self, command, show=None, timeout=60):
        """Runs a shell command, prints it and (at most `show` lines of) its output, and returns (status, output)."""
        print(_paint("36", f"   $ {command}"), flush=True)
        result = subprocess.run(["/bin/bash", "-c", command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, timeout=timeout, check=False)
        output = result.stdout.decode(errors="replace").rstrip("\n")
        lines = output.splitlines()
        for line in lines[:show]:
            print(f"     {line}", flush=True)
        if show is not None and len(lines) > show:
            print(f"     … {len(lines) - show} more lines")
        return result.returncode, output

    def check(self, holds, text):
        if not holds:
            print(_paint("31", f"   FAILED: {text}"), flush=True)
            raise CheckFailed(text)
        self.checks += 1
        print(_paint("32", f"   ok: {text}"), flush=True)


def quote(*words):
    return shlex.join(str(word) for word in words)
