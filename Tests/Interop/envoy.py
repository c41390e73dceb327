# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""One Envoy process in a pod's namespace."""

import os
import string
from pathlib import Path

from mesh.waiting import eventually

HERE = Path(__file__).resolve().parent


def binary():
    path = os.environ.get("ENVOY", "")
    if not os.access(path, os.X_OK):
        raise FileNotFoundError("no Envoy: run `make interop`, which installs it, or name one in ENVOY")
    return path


def start(world, pod, template, port, svid, **variables):
    """Runs Envoy with a template's configuration and waits until it listens on a port; returns its process."""
    ipv6 = 4 not in world.families
    text = string.Template((HERE / template).read_text(encoding="utf-8")).substitute(
        variables, certificate=svid.certificate, key=svid.key, roots=svid.roots,
        loopback="::1" if ipv6 else "127.0.0.1", wildcard="::" if ipv6 else "0.0.0.0")
    path = world.directory / f"{pod.name}-{template}"
    path.write_text(text, encoding="utf-8")
    process = world.run_in(pod.netns, binary(), "-c", path, "--concurrency", "1", "--disable-hot-restart",
                           "-l", "warning", name=f"envoy-{pod.name}")

    def listens():
        if process.status is not None:
            raise RuntimeError(f"Envoy ended with {process.status}:\n{process.text()}")
        return f":{port} " in pod.netns.run("ss", "-Hltn").stdout

    eventually(listens, within=20)
    return process
