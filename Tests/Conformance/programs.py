# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""Programs that checks start beside the server under test: our client, our HTTP/1 server, other people's servers."""

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from registry import require

# The test server; the test client lies beside it.
SERVER = None


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def find(name):
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    require(path, f"{name} is not installed")
    return path


def client(protocol, port, count, path, what=None):
    """Runs our client; returns what came back as content, and status, fields and trailers as text."""
    command = [SERVER.with_name("conformance-client"), protocol, str(port), str(count), path]
    done = subprocess.run(command + ([str(what)] if what is not None else []), capture_output=True, timeout=90)
    text = done.stderr.decode(errors="replace")
    said = [line for line in text.splitlines() if line.startswith("conformance-client: ")]
    require(done.returncode == 0, f"the client ended with {done.returncode}: {said[:3]}")
    return done.stdout, text


def pattern(count):
    """What our programs send as content."""
    return (b"abcdefghijklmnopqrstuvwxyz" * (count // 26 + 1))[:count]


@contextlib.contextmanager
def running(command, port, **options):
    """A server that listens on `port` while the body runs."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True, **options)
        try:
            deadline = time.monotonic() + 20
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                    break
                if process.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    require(False, f"{command[0]} does not listen: {log.read()[-600:]!r}")
                time.sleep(0.05)
            yield log
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextlib.contextmanager
def our_server(protocol):
    """Another test server of ours; yields its port."""
    process = subprocess.Popen([SERVER, "0", *([protocol] if protocol == "http1" else [])], stdout=subprocess.PIPE, text=True)
    try:
        yield int(process.stdout.readline().split()[-1])
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def nginx(server):
    """nginx with one server block; $port in it is where it listens. Yields the port."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder, "www")
        root.mkdir()
        (root / "small").write_bytes(pattern(1000))
        (root / "large").write_bytes(pattern(3_000_000))
        os.chmod(folder, 0o755)
        configuration = pathlib.Path(folder, "nginx.conf")
        paths = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in
                        ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        configuration.write_text(
            f"daemon off; master_process off; pid {folder}/pid; error_log stderr; worker_rlimit_nofile 4096;\n"
            f"events {{ worker_connections 1024; }}\n"
            f"http {{ access_log off; {paths} client_max_body_size 0; keepalive_requests 100000;\n"
            f"server {{ root {root}; {server.replace('$port', str(port))} }} }}\n")
        command = [find("nginx"), "-e", "stderr", "-p", folder, "-c", str(configuration)]
        with running(command, port):
            yield port
