# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""A small web server for the demo: `GET /` tells who answers whom, `/count` how often; `GET /NAME` sends a file of its folder."""

import argparse
import http.server
import os
import socket
import socketserver
import threading
import time


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body are two writes: the second would wait for the acknowledgement of the first.
    disable_nagle_algorithm = True

    def do_GET(self):
        path = self.path.partition("?")[0]
        if path == "/count":
            self.text(200, f"{self.server.count} requests for / so far\n")
        elif path == "/":
            if self.server.fails():
                return self.text(503, f"hello from {self.server.name}, not today\n")
            self.text(200, f"hello from {self.server.name}, I see you at {self.client()}\n")
        elif path == "/slow":
            time.sleep(3)
            self.text(200, f"{self.server.name} took its time\n")
        else:
            self.file(os.path.join(self.server.folder, os.path.basename(path)))

    def text(self, status, body):
        self.head(status, len(body), "text/plain")
        self.wfile.write(body.encode())

    def file(self, path):
        try:
            content = open(path, "rb")
        except OSError:
            return self.text(404, "no such file\n")
        with content:
            size = os.fstat(content.fileno()).st_size
            self.head(200, size, "application/octet-stream")
            at = 0
            while at < size:
                at += os.sendfile(self.connection.fileno(), content.fileno(), at, min(size - at, 1 << 22))

    def head(self, status, length, kind):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.flush()

    def client(self):
        return self.client_address[0].removeprefix("::ffff:")

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, name, folder, port, failing):
        self.name, self.folder, self.failing = name, folder, failing
        self.count = 0
        self.lock = threading.Lock()
        self.address_family = socket.AF_INET6 if has_ipv6() else socket.AF_INET
        super().__init__(("::" if has_ipv6() else "0.0.0.0", port), Handler)

    def fails(self):
        """Counts a request; whether it is one of those to be refused."""
        with self.lock:
            self.count += 1
            return self.failing and self.count % self.failing == 0

    def server_bind(self):
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        # Not HTTPServer's: it asks DNS for this machine's name, which no name server answers in a pod's namespace.
        socketserver.TCPServer.server_bind(self)


def has_ipv6():
    with open("/proc/sys/net/ipv6/conf/all/disable_ipv6", encoding="ascii") as file:
        return file.read().strip() == "0"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True)
    parser.add_argument("--folder", default=".")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--failing", type=int, default=0, help="answer 503 to every request of this number")
    arguments = parser.parse_args()
    Server(arguments.name, arguments.folder, arguments.port, arguments.failing).serve_forever()
