# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""A process that runs beside the test, with its output in a file."""

import contextlib
import ctypes
import os
import signal
import subprocess

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_libc = ctypes.CDLL(None, use_errno=True)


def _die_with_parent():
    # A test runner that is killed outright cannot clean up: the kernel ends its children for it.
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """One child process; stop() is idempotent and never waits without a bound."""

    def __init__(self, argv, log, env=None):
        self.argv = [str(word) for word in argv]
        self.log = log
        with open(log, "ab") as output:
            self._child = subprocess.Popen(
                self.argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                env={**os.environ, **(env or {})}, preexec_fn=_die_with_parent)

    @property
    def pid(self):
        return self._child.pid

    @property
    def status(self):
        """The exit status, negative for a signal, or None while it runs."""
        return self._child.poll()

    def signal(self, number):
        if self.status is None:
            self._child.send_signal(number)

    @contextlib.contextmanager
    def stopped(self):
        """Stands still meanwhile, as a process does that gets no processor."""
        self.signal(signal.SIGSTOP)
        try:
            os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WNOWAIT)
            yield
        finally:
            self.signal(signal.SIGCONT)

    def wait(self, timeout=10):
        """Waits for the end and returns the exit status; raises subprocess.TimeoutExpired."""
        return self._child.wait(timeout)

    def stop(self, timeout=5):
        """Ends it: SIGTERM, and SIGKILL when that does not help."""
        self.signal(signal.SIGTERM)
        try:
            return self.wait(timeout)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self):
        self.signal(signal.SIGKILL)
        return self.wait()

    def text(self):
        """All it has printed so far."""
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()
