# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""What runs in the pods of `make test-kubernetes`: a server, a client and a capture. Answers are one line of JSON.

    ambit-test serve VERSION [PORT]            answers each request with its version, pod and the headers it got
    ambit-test call URL [--seconds N | --count N] [--every SECONDS] [--header NAME=VALUE] [--body TEXT] [--fresh]
    ambit-test capture PORT TEXT --seconds N   packets of all interfaces until SIGTERM: to or from PORT, and with TEXT
    ambit-test files ROOT                      which files of the mesh there are on the node that is mounted at ROOT
    ambit-test sleep
"""

import argparse
import collections
import http.client
import http.server
import json
import os
import select
import signal
import socket
import sys
import threading
import time
import urllib.parse

ETH_P_ALL = 3  # linux/if_ether.h


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    version = ""
    # Header and body leave together; apart, the second would wait 40 ms for the acknowledgement of the first.
    wbufsize = -1

    def answer(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        text = json.dumps({"version": self.version, "pod": os.environ.get("HOSTNAME", ""), "path": self.path,
                           "headers": {name.lower(): value for name, value in self.headers.items()},
                           "octets": len(body)}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def serve(options):
    Handler.version = options.version
    server = Server(("", options.port), Handler)

    def end(*_):
        # Who has asked gets an answer, and who asks while the next server starts; the pod's grace period is 10 s.
        time.sleep(8)
        os._exit(0)

    signal.signal(signal.SIGTERM, end)
    print("ready", flush=True)
    server.serve_forever()


def ask(connection, path, options):
    headers = dict(pair.split("=", 1) for pair in options.header)
    body = options.body.encode() if options.body else None
    connection.request("POST" if body else "GET", path, body, headers)
    response = connection.getresponse()
    text = response.read()
    try:
        version = json.loads(text).get("version", "")
    except (ValueError, AttributeError):
        version = ""
    return response.status, version, response.will_close


def is_over(connection):
    """Whether the server has ended an idle connection: what pools of clients ask before they use one again."""
    return connection.sock is not None and bool(select.select([connection.sock], [], [], 0)[0])


def call(options):
    place = urllib.parse.urlsplit(options.url)
    outcomes, versions, errors = collections.Counter(), collections.Counter(), collections.Counter()
    until = time.monotonic() + options.seconds if options.seconds else float("inf")
    connection, done = None, 0
    if options.seconds:
        print(json.dumps({"calling": True}), flush=True)
    while time.monotonic() < until and (options.seconds or done < options.count):
        done += 1
        try:
            if connection is not None and is_over(connection):
                connection.close()
                connection = None
            if connection is None:
                connection = http.client.HTTPConnection(place.hostname, place.port or 80, timeout=10)
            status, version, is_last = ask(connection, place.path or "/", options)
            outcomes[str(status)] += 1
            versions[version] += status == 200
            if options.fresh or is_last:
                connection.close()
                connection = None
        except (OSError, http.client.HTTPException) as error:
            outcomes["failed"] += 1
            errors[f"{type(error).__name__}: {error}"] += 1
            connection.close()
            connection = None
        time.sleep(options.every)
    print(json.dumps({"count": done, "outcomes": outcomes, "versions": +versions, "errors": errors}), flush=True)


def capture(options):
    """Counts frames by their raw octets: what is encrypted does not hold the text."""
    tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    tap.settimeout(0.2)
    text, port = options.text.encode(), options.port.to_bytes(2, "big")
    print(json.dumps({"listening": True}), flush=True)
    seen = {"frames": 0, "port": 0, "text": 0}
    until = time.monotonic() + options.seconds
    told = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: told.set())
    while time.monotonic() < until and not told.is_set():
        try:
            frame = tap.recv(65_536)
        except TimeoutError:
            continue
        seen["frames"] += 1
        seen["text"] += text in frame
        # The ports of TCP behind IPv4 without options or IPv6, with or without a tunnel of the network around: anywhere.
        seen["port"] += port in frame[:150]
    print(json.dumps(seen), flush=True)


def files(options):
    found = []
    for folder in ("opt/cni/bin", "var/lib/rancher/k3s/data/cni", "run/ambit", "var/lib/ambit"):
        place = os.path.join(options.root, folder)
        for directory, names, plain in os.walk(place):
            found += [os.path.join(directory, name) for name in names + plain if "ambit" in os.path.join(directory, name)]
    for folder in ("etc/cni/net.d", "var/lib/rancher/k3s/agent/etc/cni/net.d"):
        place = os.path.join(options.root, folder)
        for name in os.listdir(place) if os.path.isdir(place) else ():
            path = os.path.join(place, name)
            if os.path.isfile(path):
                with open(path, encoding="utf-8", errors="replace") as file:
                    found += [path] * ("ambit-cni" in file.read())
    print(json.dumps({"files": sorted(found)}), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    made = commands.add_parser("serve")
    made.add_argument("version")
    made.add_argument("port", type=int, nargs="?", default=8080)
    made = commands.add_parser("call")
    made.add_argument("url")
    made.add_argument("--seconds", type=float, default=0)
    made.add_argument("--count", type=int, default=1)
    made.add_argument("--every", type=float, default=0.02)
    made.add_argument("--header", action="append", default=[])
    made.add_argument("--body", default="")
    made.add_argument("--fresh", action="store_true")
    made = commands.add_parser("capture")
    made.add_argument("port", type=int)
    made.add_argument("text")
    made.add_argument("--seconds", type=float, required=True)
    commands.add_parser("files").add_argument("root")
    commands.add_parser("sleep")
    options = parser.parse_args()
    if options.command == "sleep":
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        while True:
            signal.pause()
    {"serve": serve, "call": call, "capture": capture, "files": files}[options.command](options)


if __name__ == "__main__":
    main()
