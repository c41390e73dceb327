# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""The load tools: wrk, iperf3 and hload (built from load/hload.c)."""

import http.client
import json
import os
import socket
import ssl
import subprocess
import threading

from .procs import BenchError, Process, wait_until, listening

HOST = "127.0.0.1"


class Load:
    def __init__(self, here, work, cpus):
        self.here, self.work, self.cpus = here, work, cpus
        self.hload = str(work / "hload")
        r = subprocess.run(["cc", "-O2", "-o", self.hload, str(here / "load" / "hload.c")],
                           capture_output=True, text=True)
        if r.returncode:
            raise BenchError("cannot build hload:\n" + r.stderr)

    def _pin(self):
        os.sched_setaffinity(0, self.cpus)

    def _run(self, argv, seconds):
        """Runs a load tool on the load CPUs; it never outlives `seconds` + 12 s."""
        try:
            r = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL,
                               timeout=seconds + 12, preexec_fn=self._pin)
        except subprocess.TimeoutExpired:
            raise BenchError(f"{os.path.basename(argv[0])} did not end in time") from None
        if r.returncode:
            raise BenchError(f"{' '.join(argv)}: exit {r.returncode}\n{r.stderr}{r.stdout}")
        return r.stdout

    def wrk(self, port, path, seconds, conns, close=False, mix=False):
        argv = ["wrk", "-t1", f"-c{conns}", f"-d{seconds}s", "--timeout", "5s",
                "-s", str(self.here / "load" / "wrk.lua")]
        if close:
            argv += ["-H", "Connection: close"]
        argv += [f"http://{HOST}:{port}{path}", "--"] + (["mix"] if mix else [])
        out = self._run(argv, seconds)
        line = [x for x in out.splitlines() if x.startswith("JSON ")]
        if not line:
            raise BenchError("wrk gave no result:\n" + out)
        r = json.loads(line[0][5:])
        if r["requests"] == 0:
            raise BenchError("wrk got no answer at all:\n" + out)
        return r

    def rate(self, port, path, rps, conns, seconds):
        return json.loads(self._run([self.hload, "rate", HOST, str(port), path, str(rps),
                                     str(conns), str(seconds)], seconds + 4))

    def memcpy(self):
        return json.loads(self._run([self.hload, "memcpy"], 10))

    def iperf(self, port, backend_port, seconds, streams=1, reverse=False, server_cpus=None):
        """Bytes that arrived, and the seconds it took."""
        server = Process("iperf3 server",
                         ["iperf3", "-s", "-1", "-B", HOST, "-p", str(backend_port)],
                         self.work / "iperf3.log", server_cpus or self.cpus)
        try:
            wait_until(lambda: listening(backend_port), 5, "iperf3 server", server.alive)
            argv = ["iperf3", "-c", HOST, "-p", str(port), "-t", str(seconds), "-J",
                    "-P", str(streams)] + (["-R"] if reverse else [])
            out = json.loads(self._run(argv, seconds))
        finally:
            server.stop()
        if "error" in out:
            raise BenchError("iperf3: " + out["error"])
        got = out["end"]["sum_received"]
        return {"bytes": got["bytes"], "seconds": got["seconds"]}


class Hold:
    """Idle connections, in steps: `with Hold(...) as h: h.upto(1000); h.upto(5000)`."""

    def __init__(self, load, port, path, steps):
        self.argv = [load.hload, "hold", HOST, str(port), path] + [str(s) for s in steps]
        self.load = load
        self.first = True

    def __enter__(self):
        self.p = subprocess.Popen(self.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True,
                                  preexec_fn=self.load._pin)
        return self

    def upto(self, n, seconds=30):
        if not self.first:
            self.p.stdin.write("\n")
            self.p.stdin.flush()
        self.first = False
        watchdog = threading.Timer(seconds, self.p.kill)
        watchdog.start()
        line = self.p.stdout.readline().strip()
        watchdog.cancel()
        if line != f"held {n}":
            self.p.kill()
            raise BenchError(f"could not hold {n} connections: {self.p.stderr.read().strip()}")

    def __exit__(self, *_):
        self.p.kill()
        self.p.wait()
        for pipe in (self.p.stdin, self.p.stdout, self.p.stderr):
            pipe.close()


def get(port, path="/1k", headers=None):
    """One request, for checks: (status, body length, x-backend)."""
    c = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        c.request("GET", path, headers={"Host": "bench", **(headers or {})})
        r = c.getresponse()
        return r.status, len(r.read()), r.headers.get("x-backend")
    except OSError as e:
        raise BenchError(f"GET {path} on port {port}: {e}") from None
    finally:
        c.close()


def check_answers(port):
    for path, size in (("/1k", 1024), ("/64k", 65536)):
        status, length, _ = get(port, path)
        if (status, length) != (200, size):
            raise BenchError(f"GET {path} gave status {status} and {length} bytes")


def check_routing(port):
    """The header match must always win, the split must be near 90/10."""
    if any(get(port, headers={"x-user": "canary"})[2] != "v2" for _ in range(20)):
        raise BenchError("x-user: canary did not always reach v2")
    tries = 400
    v2 = sum(get(port)[2] == "v2" for _ in range(tries))
    if not 0.04 * tries <= v2 <= 0.18 * tries:
        raise BenchError(f"the 90/10 split sent {v2} of {tries} requests to v2")
    return round(v2 / tries, 3)


def probe_tls(port, certs, alpn):
    """What an mTLS port negotiates, and whom it turns away."""

    def handshake(cert, version=None):
        ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        ctx.check_hostname = False
        ctx.load_verify_locations(certs / "ca.crt")
        if cert:
            ctx.load_cert_chain(certs / f"{cert}.crt", certs / f"{cert}.key")
        if version:
            ctx.maximum_version = version
        if alpn:
            ctx.set_alpn_protocols([alpn])
        with socket.create_connection((HOST, port), timeout=3) as raw:
            with ctx.wrap_socket(raw) as s:
                got = {"tls": s.version(), "cipher": s.cipher()[0],
                       "alpn": s.selected_alpn_protocol()}
                # In TLS 1.3 the refusal of a client certificate comes after the
                # handshake.  An HTTP/2 server speaks first; any other stays quiet.
                s.settimeout(0.5)
                try:
                    if s.recv(1) == b"":
                        raise ConnectionError("closed")
                except socket.timeout:
                    pass
                return got

    def refused(*args):
        try:
            handshake(*args)
            return False
        except OSError:  # ssl.SSLError is one
            return True

    result = handshake("client")
    result["refuses"] = {
        "no certificate": refused(None),
        "other CA": refused("forged"),
        "other trust domain": refused("foreign"),
        "TLS 1.2": refused("client", ssl.TLSVersion.TLSv1_2),
    }
    return result


SUITES = {0x1301: "TLS_AES_128_GCM_SHA256", 0x1302: "TLS_AES_256_GCM_SHA384",
          0x1303: "TLS_CHACHA20_POLY1305_SHA256"}
GROUPS = {23: "P-256", 24: "P-384", 25: "P-521", 29: "X25519", 4588: "X25519MLKEM768",
          4587: "SecP256r1MLKEM768"}


class Wire:
    """Watches loopback while a contender's two sides talk to each other: what they
    negotiate, and that no answer of the backend crosses the tunnel in the clear."""

    def __init__(self, port):
        self.port = port
        try:
            self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        except PermissionError:  # only with --no-netns
            self.sock = None
            return
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self.sock.bind(("lo", 0))
        self.sock.setblocking(False)

    def result(self):
        if not self.sock:
            return None
        found = {"cipher": None, "group": None, "cleartext": False, "bytes": 0}
        with self.sock:
            while True:
                try:
                    frame = self.sock.recv(1 << 17)
                except BlockingIOError:
                    return found
                ip = frame[14:]
                if frame[12:14] != b"\x08\x00" or ip[9] != 6:
                    continue
                tcp = ip[(ip[0] & 15) * 4:]
                ports = [int.from_bytes(tcp[i:i + 2], "big") for i in (0, 2)]
                if self.port not in ports:
                    continue
                data = tcp[(tcp[12] >> 4) * 4:]
                found["bytes"] += len(data)
                if b"HTTP/1.1" in data or b"x-backend" in data:
                    found["cleartext"] = True
                if ports[0] == self.port and data[:1] == b"\x16" and data[5:6] == b"\x02":
                    self._server_hello(data[9:], found)

    @staticmethod
    def _server_hello(body, found):
        at = 2 + 32
        at += 1 + body[at]
        number = int.from_bytes(body[at:at + 2], "big")
        found["cipher"] = SUITES.get(number, hex(number))
        at += 3
        end = at + 2 + int.from_bytes(body[at:at + 2], "big")
        at += 2
        while at + 4 <= min(end, len(body)):
            kind, length = (int.from_bytes(body[at + i:at + i + 2], "big") for i in (0, 2))
            if kind == 51:
                number = int.from_bytes(body[at + 4:at + 6], "big")
                found["group"] = GROUPS.get(number, str(number))
            at += 4 + length
