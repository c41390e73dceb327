# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""Starting, watching and ending processes; what they use of CPU and memory."""

import ctypes
import os
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
_libc = ctypes.CDLL(None)


class BenchError(Exception):
    """A contender or a load tool did not do what it should; the text says what."""


def raise_nofile():
    import resource
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def listening(port):
    """Whether a TCP socket listens on this port, found without connecting to it."""
    want = f":{port:04X}"
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            rows = Path(table).read_text().splitlines()[1:]
        except FileNotFoundError:
            continue
        if any(f[1].endswith(want) and f[3] == "0A" for f in (r.split() for r in rows)):
            return True
    return False


def wait_until(condition, seconds, what, alive=lambda: True):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        if not alive():
            raise BenchError(f"{what}: the process ended")
        time.sleep(0.02)
    raise BenchError(f"{what}: not within {seconds} s")


class Process:
    """One started command and all it forks, in a session of its own."""

    def __init__(self, name, argv, log, cpus=None, env=None):
        self.name = name
        self.argv = argv
        self.log = Path(log)

        def before_exec():
            # End with the harness, whatever happens to it.
            _libc.prctl(1, signal.SIGTERM, 0, 0, 0)
            if cpus:
                os.sched_setaffinity(0, cpus)

        with open(self.log, "wb") as out:
            try:
                self.popen = subprocess.Popen(
                    self.argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                    env={**os.environ, **(env or {})}, start_new_session=True,
                    preexec_fn=before_exec)
            except OSError as e:
                raise BenchError(f"{name}: cannot start {self.argv[0]}: {e}") from e

    def alive(self):
        return self.popen.poll() is None

    def wait_ready(self, check, seconds=15):
        """check: 'listen PORT', 'http HOST:PORT/PATH' or 'exec COMMAND'."""
        how, _, what = check.strip().partition(" ")
        if how == "listen":
            test = lambda: listening(int(what))
        elif how == "http":
            def test():
                try:
                    with urllib.request.urlopen(f"http://{what}", timeout=1) as r:
                        return r.status == 200
                except (urllib.error.URLError, OSError):
                    return False
        elif how == "exec":
            test = lambda: subprocess.run(what, shell=True, capture_output=True,
                                          timeout=5).returncode == 0
        else:
            raise BenchError(f"{self.name}: ready check '{check}' is none I know")
        try:
            wait_until(test, seconds, f"{self.name}: {check}", self.alive)
        except BenchError as e:
            raise BenchError(f"{e}\n{self.tail()}") from None

    def tail(self, lines=15):
        text = self.log.read_text(errors="replace").splitlines()
        return "\n".join("    " + x for x in text[-lines:])

    def pids(self):
        """This process and the others of its session (nginx workers and the like)."""
        found = []
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    stat = Path(f"/proc/{entry}/stat").read_text()
                except (FileNotFoundError, ProcessLookupError):
                    continue
                # after the command name: state, ppid, pgrp, session
                if int(stat.rpartition(")")[2].split()[3]) == self.popen.pid:
                    found.append(int(entry))
        return found

    def cpu_seconds(self):
        """User and system time so far, of ended children too.

        /proc/PID/stat counts whole ticks (10 ms); the schedstat of its threads has
        the same time in ns, but not that of ended threads.  The larger is right."""
        total = 0.0
        for pid in self.pids():
            try:
                f = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                exact = sum(int((t / "schedstat").read_text().split()[0])
                            for t in Path(f"/proc/{pid}/task").iterdir())
            except (FileNotFoundError, ProcessLookupError):
                continue
            own, children = int(f[11]) + int(f[12]), int(f[13]) + int(f[14])
            total += max(own / TICK, exact / 1e9) + children / TICK
        return total

    def thread_seconds(self):
        """{thread: CPU time so far} of the threads there are."""
        found = {}
        for pid in self.pids():
            try:
                for task in Path(f"/proc/{pid}/task").iterdir():
                    found[task.name] = int((task / "schedstat").read_text().split()[0]) / 1e9
            except (FileNotFoundError, ProcessLookupError):
                continue
        return found

    def memory_kib(self):
        """Rss, Pss and Anonymous of the whole session, in KiB."""
        total = {"rss": 0, "pss": 0, "anon": 0}
        for pid in self.pids():
            try:
                text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            except OSError:
                continue
            for key, field in (("rss", "Rss"), ("pss", "Pss"), ("anon", "Anonymous")):
                m = re.search(rf"^{field}:\s+(\d+) kB", text, re.M)
                total[key] += int(m.group(1)) if m else 0
        return total

    def stop(self):
        """SIGTERM, then SIGKILL to the process group this class created."""
        for sig, seconds in ((signal.SIGTERM, 3), (signal.SIGKILL, 3)):
            if not self.alive():
                break
            try:
                os.killpg(self.popen.pid, sig)
                self.popen.wait(seconds)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                pass
        try:  # children that outlived their parent
            os.killpg(self.popen.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        if self.alive():
            raise BenchError(f"{self.name} does not end")


class CpuClock:
    """What the CPUs did since it was made: how busy they were, what of that was not
    our own doing, and what the hypervisor stole."""

    def __init__(self, processes=()):
        self.processes = processes
        self.begin = self.read()
        self.ours = self._ours()

    def _ours(self):
        """CPU seconds of this program, its ended children and the given processes."""
        own = os.times()
        return sum(own[:4]) + sum(p.cpu_seconds() for p in self.processes)

    @staticmethod
    def read():
        out = {}
        for line in Path("/proc/stat").read_text().splitlines():
            m = re.match(r"cpu(\d+) (.*)", line)
            if m:
                v = [int(x) for x in m.group(2).split()]
                out[int(m.group(1))] = (sum(v[:8]), v[3] + v[4], v[7])
        return out

    def since(self, cpus):
        now = self.read()
        delta = [[now[c][i] - self.begin[c][i] for i in range(3)] for c in cpus if c in now]
        total, idle, steal = (sum(d[i] for d in delta) for i in range(3))
        if not total:
            return {"busy": 0.0, "steal": 0.0, "foreign": 0.0}
        foreign = (total - idle) / TICK - (self._ours() - self.ours)
        return {"busy": round(1 - idle / total, 3), "steal": round(steal / total, 4),
                "foreign": round(max(0.0, foreign * TICK / total), 3)}
