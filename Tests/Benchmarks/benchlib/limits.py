# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""What the CPU and the kernel can do at best: the frame for every result."""

import subprocess
from pathlib import Path

from .load import Load
from .procs import BenchError, CpuClock, Process


def cpu_model():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown"


def _openssl_speed(cpu, *args):
    """The fields of openssl's machine-readable result line."""
    r = subprocess.run(["taskset", "-c", str(cpu), "openssl", "speed", "-mr", "-seconds", "1",
                        *args], capture_output=True, text=True, timeout=60)
    return [x.split(":") for x in r.stdout.splitlines() if x.startswith("+F")]


def measure(load: Load, cpus_load, cpus_proxy, certs, here, work, seconds=5):
    """Yields (what, value, unit)."""
    cpu, speed = min(cpus_proxy), {}
    yield "openssl", subprocess.run(["openssl", "version"], capture_output=True,
                                    text=True).stdout.split()[1], ""
    for cipher in ("aes-128-gcm", "aes-256-gcm", "chacha20-poly1305"):
        for how in ((), ("-decrypt",)):
            for size in (16384, 1024):
                f = _openssl_speed(cpu, *how, "-bytes", str(size), "-evp", cipher)
                word = "decrypt" if how else "encrypt"
                rate = float(f[0][3]) / 1e9
                if (cipher, size) == ("aes-128-gcm", 16384):
                    speed[word] = rate
                yield f"{cipher} {word}, {size} B blocks", rate, "GB/s"
    f = _openssl_speed(cpu, "ecdsap256")
    yield "ECDSA P-256 sign", float(f[0][3]), "/s"
    yield "ECDSA P-256 verify", float(f[0][4]), "/s"
    yield "X25519 (derive)", float(_openssl_speed(cpu, "ecdhx25519")[0][3]), "/s"
    yield "ECDH P-256 (derive)", float(_openssl_speed(cpu, "ecdhp256")[0][3]), "/s"

    copy = load.memcpy()
    yield "memcpy, 64 KiB in cache", copy["cache_gb_s"], "GB/s"
    yield "memcpy, 256 MiB", copy["memory_gb_s"], "GB/s"

    def relay(port, **kw):
        """GB/s, and CPU-s per GB on the proxy CPUs."""
        clock = CpuClock()
        r = load.iperf(port, 5201, seconds, **kw)
        gb = r["bytes"] / 1e9
        busy = clock.since(cpus_proxy)["busy"] * len(cpus_proxy)
        return gb / r["seconds"], busy * r["seconds"] / gb

    yield "loopback TCP, iperf3, both ends on one CPU", relay(5201)[0], "GB/s"
    yield ("loopback TCP, iperf3, a CPU for each end", relay(5201, server_cpus=cpus_proxy)[0],
           "GB/s")

    floor = work / "floor"
    r = subprocess.run(["cc", "-O2", "-o", str(floor), str(here / "load" / "floor.c"),
                        "-lssl", "-lcrypto"], capture_output=True, text=True)
    if r.returncode:
        yield "tunnel floor", "left out, it needs libssl-dev", ""
        return

    def pki(name):
        return [str(certs / f"{name}.crt"), str(certs / f"{name}.key"), str(certs / "ca.crt")]

    costs = {}
    for what, sides in (
            ("one plain relay", [["plain", "15001", "5201"]]),
            ("two plain relays", [["plain", "15001", "15008"], ["plain", "15008", "5201"]]),
            ("mTLS tunnel, both sides", [["client", "15001", "15008", *pki("client")],
                                         ["server", "15008", "5201", *pki("server")]])):
        running = []
        try:
            for i, argv in enumerate(sides):
                p = Process(f"floor{i}", [str(floor), *argv], work / f"floor{i}.log", cpus_proxy)
                running.append(p)
                p.wait_ready(f"listen {argv[1]}")
            rate, costs[what] = relay(15001)
            yield f"minimal C: {what}", rate, "GB/s"
            yield f"minimal C: {what}, CPU", costs[what], "CPU-s per GB"
        except BenchError as e:
            yield f"minimal C: {what}", str(e).splitlines()[0], ""
        finally:
            for p in running:
                p.stop()
    if "two plain relays" in costs:
        best = costs["two plain relays"] + 1 / speed["encrypt"] + 1 / speed["decrypt"]
        yield "two plain relays + AES-128-GCM, both sides, one CPU", 1 / best, "GB/s"


def show(rows):
    print(f"CPU: {cpu_model()}")
    for what, value, unit in rows:
        text = value if isinstance(value, str) else f"{value:,.2f}" if value < 1000 \
            else f"{value:,.0f}"
        print(f"{what:52} {text:>12} {unit}", flush=True)
