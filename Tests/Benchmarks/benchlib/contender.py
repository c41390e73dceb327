# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""Contender files: contenders/NAME.ini and the configuration templates they name.

A value @name@ is replaced by a variable, in the file itself and in every template.
See README.md for the format.
"""

import configparser
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

from .certs import spiffe
from .procs import BenchError, Process

KINDS = ("tunnel", "relay", "waypoint", "hbone-waypoint")

# What every contender may use.  The runs happen in a network namespace of their
# own, so fixed ports do no harm.
VARS = {
    "backend_http": "8080",      # HTTP backend, "v1"
    "backend_v2": "8081",        # HTTP backend, "v2"
    "backend_bulk": "5201",      # iperf3 server
    "listen_http": "15001",      # where HTTP load enters the contender
    "listen_bulk": "15002",      # where iperf3 enters the contender
    "tunnel": "15008",           # mTLS port of the server side
    "tunnel_bulk": "15009",      # the same for peers whose tunnel names no target
    "waypoint": "15018",         # mTLS port of an HBONE waypoint
    "admin1": "19001", "admin2": "19002", "admin3": "19003",
    "next_hop": "@tunnel@",      # where a client side connects to ...
    "next_hop_id": "@spiffe_server@",  # ... and whom it must find there
    "spiffe_client": spiffe("client"),
    "spiffe_server": spiffe("server"),
    "spiffe_waypoint": spiffe("waypoint"),
    "cipher": "TLS_AES_128_GCM_SHA256",
}


def find_binary(name, given, here):
    """--bin, then $BENCH_BIN_NAME, then the harness's own .venv, then PATH."""
    if name in given:
        return str(Path(given[name]).resolve())
    env = os.environ.get("BENCH_BIN_" + name.upper().replace("-", "_"))
    if env:
        return str(Path(env).resolve())
    for pattern in (f".venv/lib/python3*/site-packages/{name}/_bin/{name}", f".venv/bin/{name}"):
        for hit in sorted(here.glob(pattern)):
            return str(hit)
    # system daemons live in sbin, which a user's PATH may lack
    path = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/usr/local/sbin:/sbin"
    return shutil.which(name, path=path)


class Contender:
    def __init__(self, path, here, binaries):
        self.name = path.stem
        self.here = here
        ini = configparser.ConfigParser(interpolation=None, inline_comment_prefixes=None)
        ini.optionxform = str
        ini.read(path)
        try:
            head = ini["contender"]
            self.kind = head["kind"].strip()
            self.title = head["title"].strip()
        except KeyError as e:
            raise BenchError(f"{path.name}: lacks {e}") from None
        if self.kind not in KINDS:
            raise BenchError(f"{path.name}: kind '{self.kind}' is none of {', '.join(KINDS)}")
        self.default = head.getboolean("default", fallback=True)
        self.once = head.getboolean("once", fallback=False)
        self.routing = head.get("checks", "") != "no-routing"
        self.tests = head.get("tests", "").split()
        self.files = head.get("files", "").split()
        self.probe = head.get("probe", "")
        self.version_command = head.get("version", "")
        self.processes = [(s.split(None, 1)[1], ini[s]) for s in ini.sections()
                          if s.startswith("process ")]
        self.missing = []
        self.vars = {**VARS, "here": str(here)}
        for name in head.get("binaries", "").split():
            found = find_binary(name, binaries, here)
            if found:
                self.vars[name] = found
            else:
                self.missing.append(name)
        if "vars" in ini:
            self.vars.update(ini["vars"])
        self._version = None

    def fill(self, text):
        """Replaces @name@, again and again, as values may hold further names."""
        for _ in range(5):
            def value(m):
                if m.group(1) not in self.vars:
                    raise BenchError(f"{self.name}: no variable @{m.group(1)}@")
                v = self.vars[m.group(1)]
                if v.startswith("!"):  # a shell command whose output is the value
                    r = subprocess.run(self.fill(v[1:]), shell=True, capture_output=True,
                                       text=True, timeout=20)
                    v = self.vars[m.group(1)] = r.stdout.strip()
                return v
            new = re.sub(r"@([\w-]+)@", value, text)
            if new == text:
                return text
            text = new
        raise BenchError(f"{self.name}: variables refer to each other without end")

    def port(self, name):
        return int(self.fill(f"@{name}@"))

    def version(self):
        if self._version is None:
            self._version = ""
            if self.version_command and not self.missing:
                r = subprocess.run(shlex.split(self.fill(self.version_command)),
                                   capture_output=True, text=True, timeout=20)
                lines = [x.strip() for x in (r.stdout + r.stderr).splitlines() if x.strip()]
                self._version = lines[0].split("version:")[-1].strip() if lines else ""
        return self._version

    def start(self, work, certs, user, cpus, patience=15):
        """Renders the templates into `work` and starts the processes in order."""
        self.vars.update(work=str(work), certs=str(certs), user=user)
        work.mkdir(parents=True, exist_ok=True)
        for name in self.files:
            text = (self.here / "contenders" / name).read_text()
            (work / Path(name).name).write_text(self.fill(text))
        running = []
        try:
            for name, section in self.processes:
                env = dict(x.split("=", 1) for x in shlex.split(self.fill(section.get("env", ""))))
                p = Process(name, shlex.split(self.fill(section["command"])),
                            work / f"{name}.log", cpus, env)
                running.append(p)
                p.wait_ready(self.fill(section["ready"]), patience)
        except BaseException:
            for p in running:
                p.stop()
            raise
        return running


def load_all(here, binaries):
    found = [Contender(p, here, binaries) for p in sorted((here / "contenders").glob("*.ini"))]
    return {c.name: c for c in found}
