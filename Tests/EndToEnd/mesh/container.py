# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""Our images, unpacked, and processes in them as a container runtime starts them.

Called as a program this file is that runtime: a mount namespace with the image as its root, which cannot be written but for
the volumes; /proc with a read-only /proc/sys; three devices; no capability but the ones that are named; no new privileges.
What it does not do: a seccomp filter, a PID namespace (the tunnel has the node's), pivot_root(2).
"""

import argparse
import ctypes
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"

# sched.h, sys/mount.h, linux/prctl.h
_CLONE_NEWNS = 0x00020000
_MS_RDONLY, _MS_REMOUNT, _MS_BIND, _MS_REC, _MS_PRIVATE, _MS_SLAVE = 0x1, 0x20, 0x1000, 0x4000, 1 << 18, 1 << 19
_PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 24, 38
# linux/capability.h
_CAPABILITIES = [
    "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP", "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO",
    "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME",
    "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG",
    "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF", "CHECKPOINT_RESTORE"]


def build(binaries, output, *names):
    """Builds images as `make images` does; {name: archive}."""
    subprocess.run([DEPLOY / "images" / "build", "--binaries", binaries, "--output", output, *names], check=True)
    return {path.stem: path for path in Path(output).glob("*.tar")}


class Image:
    """An archive, read as a runtime reads it, with its layers in a folder."""

    def __init__(self, archive, root):
        self.root = Path(root)
        with tarfile.open(archive) as layout:
            def blob(entry):
                return layout.extractfile("blobs/sha256/" + entry["digest"].removeprefix("sha256:"))

            manifest = json.load(blob(json.load(layout.extractfile("index.json"))["manifests"][0]))
            self.configuration = json.load(blob(manifest["config"]))["config"]
            for entry in manifest["layers"]:
                with tarfile.open(fileobj=blob(entry)) as layer:
                    layer.extractall(self.root)

    @staticmethod
    def volumes(pod, container, root):
        """What a container has of its node's folders, by its manifest; those stand in `root`, made where Kubernetes would.

        Network namespaces are where `ip netns` puts them.
        """
        folders = {volume["name"]: volume["hostPath"] for volume in pod["volumes"] if "hostPath" in volume}
        result = []
        for mount in container["volumeMounts"]:
            if folder := folders.get(mount["name"]):
                place = Path(folder["path"])
                if place != Path("/run/netns"):
                    place = Path(root) / place.relative_to("/")
                    if folder["type"] == "DirectoryOrCreate":
                        place.mkdir(parents=True, exist_ok=True)
                assert place.is_dir(), f"{place} is missing"
                result.append((place, mount["mountPath"], mount.get("mountPropagation", "None")))
        return result

    def command(self, container, *words, volumes=()):
        """Starts the container of a manifest with other words: its command, its security context, nothing else.

        `volumes` are folders that are there under the path that they have here, or (folder, path there, propagation).
        """
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"] and not context["allowPrivilegeEscalation"], context
        assert context["capabilities"]["drop"] == ["ALL"], context
        user = context.get("runAsUser", int(self.configuration["User"].split(":")[0]))
        mounts = [volume if isinstance(volume, tuple) else (volume, volume, "None") for volume in volumes]
        options = [word for mount in mounts for word in ("--volume", ":".join(map(str, mount)))]
        options += [word for variable in self.configuration["Env"] for word in ("--env", variable)]
        return [sys.executable, "-B", __file__, "--root", self.root, "--user", user,
                "--capabilities", ",".join(context["capabilities"].get("add", [])), *options, "--",
                *(container.get("command") or self.configuration["Entrypoint"]), *words]


# MARK: The runtime

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result):
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _mount(source, target, flags):
    _check(_libc.mount(os.fsencode(source), os.fsencode(target), None, ctypes.c_ulong(flags), None))


def _bind(source, target, is_writable=True):
    _mount(source, target, _MS_BIND | _MS_REC)
    if not is_writable:
        _mount("none", target, _MS_BIND | _MS_REMOUNT | _MS_RDONLY)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", type=Path)
    parser.add_argument("--user", type=int)
    parser.add_argument("--capabilities", default="")
    parser.add_argument("--volume", action="append", default=[])
    parser.add_argument("--env", action="append", default=[])
    parser.add_argument("words", nargs="+")
    options = parser.parse_args()
    kept = {name for name in options.capabilities.split(",") if name}
    assert kept <= set(_CAPABILITIES), kept

    _check(_libc.unshare(_CLONE_NEWNS))
    _mount("none", "/", _MS_REC | _MS_SLAVE)
    _bind(options.root, options.root)
    devices = [Path("/dev") / name for name in ("null", "random", "urandom")]
    mounts = [("/proc", Path("/proc"), "None")]
    for volume in options.volume:
        source, path, propagation = volume.split(":")
        mounts.append((source, Path(path), propagation))
    # Shorter paths first: a volume may stand in another.
    mounts.sort(key=lambda mount: len(mount[1].parts))
    for _, path, _ in mounts:
        (options.root / path.relative_to("/")).mkdir(parents=True, exist_ok=True)
    (options.root / "dev").mkdir(exist_ok=True)
    for path in devices:
        (options.root / path.relative_to("/")).touch()
        mounts.append((path, path, "None"))
    # The root first: what is mounted on it afterwards is not concerned.
    _mount("none", options.root, _MS_BIND | _MS_REMOUNT | _MS_RDONLY)
    for source, path, propagation in mounts:
        place = options.root / path.relative_to("/")
        _bind(source, place)
        if propagation != "HostToContainer":
            _mount("none", place, _MS_REC | _MS_PRIVATE)
    system = options.root / "proc/sys"
    _bind(system, system, is_writable=False)
    with open("/proc/sys/kernel/cap_last_cap", encoding="ascii") as file:
        last = int(file.read())
    os.chroot(options.root)
    os.chdir("/")

    for number in range(last + 1):
        if number >= len(_CAPABILITIES) or _CAPABILITIES[number] not in kept:
            _check(_libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0))
    if options.user != 0:
        os.setgroups([])
        os.setgid(options.user)
        os.setuid(options.user)
    _check(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    # What root may after this is what the bounding set holds (capabilities(7)).
    os.environ.update(variable.split("=", 1) for variable in options.env)
    os.execvp(options.words[0], options.words)


if __name__ == "__main__":
    main()
