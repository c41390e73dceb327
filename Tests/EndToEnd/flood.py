# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""Many small HTTP/1.1 requests, each with a number of its own, as fast as one process goes.

flood.py serve PORT FAILING            answers 503 to every FAILING-th request, else 200 with the path
flood.py ask HOST PORT COUNT CONNECTIONS FILE   writes the status of request N at 2·N of FILE
"""

import array
import re
import selectors
import signal
import socket
import sys

_HEAD = re.compile(rb"HTTP/1\.1 (\d{3})[^\r]*\r\n(?:.*\r\n)*?content-length: (\d+)\r\n", re.IGNORECASE)


class Server:
    """Answers what it gets; prints how many requests that were when it is ended."""

    def __init__(self, port, failing):
        self.failing = failing
        self.count = 0
        self.selector = selectors.DefaultSelector()
        family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET
        self.listener = socket.create_server(("", port), family=family, backlog=512,
                                             dualstack_ipv6=family == socket.AF_INET6)
        self.selector.register(self.listener, selectors.EVENT_READ)

    def run(self):
        rests = {}
        while True:
            for key, _ in self.selector.select():
                connection = key.fileobj
                if connection is self.listener:
                    accepted, _ = connection.accept()
                    accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self.selector.register(accepted, selectors.EVENT_READ)
                    rests[accepted] = b""
                    continue
                try:
                    data = connection.recv(65536)
                    *heads, rests[connection] = (rests[connection] + data).split(b"\r\n\r\n")
                    if heads and heads[0].startswith(b"PRI "):
                        # Somebody asks whether this is HTTP/2.
                        connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
                        data = b""
                    elif heads:
                        connection.sendall(b"".join(map(self.answer, heads)))
                except OSError:
                    data = b""
                if not data:
                    del rests[connection]
                    self.selector.unregister(connection)
                    connection.close()

    def answer(self, head):
        self.count += 1
        if self.count % self.failing == 0:
            return b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
        path = head.split(b" ", 2)[1]
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(path), path)


class Asker:
    """Keeps `connections` requests under way; every 500th request of a connection is its last."""

    def __init__(self, host, port, count, connections):
        self.target = (host, port)
        self.statuses = array.array("H", bytes(2 * count))
        self.count = count
        self.next = 0
        self.selector = selectors.DefaultSelector()
        self.problems = []
        for _ in range(min(connections, count)):
            self.open()

    def open(self):
        connection = socket.create_connection(self.target, timeout=60)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.selector.register(connection, selectors.EVENT_READ, [None, b"", 0])
        self.ask(connection, self.selector.get_key(connection).data)

    def ask(self, connection, state):
        if self.next == self.count:
            return self.close(connection)
        state[0], state[1], state[2] = self.next, b"", state[2] + 1
        self.next += 1
        connection.sendall(b"GET /n/%d HTTP/1.1\r\nHost: flood\r\n\r\n" % state[0])

    def close(self, connection):
        self.selector.unregister(connection)
        connection.close()

    def run(self):
        while self.selector.get_map():
            ready = self.selector.select(60)
            if not ready:
                self.problems.append("nothing came for 60 s")
                break
            for key, _ in ready:
                self.read(key.fileobj, key.data)

    def read(self, connection, state):
        try:
            data = connection.recv(65536)
        except OSError as error:
            data = b""
            self.problems.append(f"request {state[0]}: {error!r}")
        state[1] += data
        head, separator, body = state[1].partition(b"\r\n\r\n")
        found = separator and _HEAD.match(head + b"\r\n")
        if found and len(body) >= int(found[2]):
            self.statuses[state[0]] = int(found[1])
            if len(body) > int(found[2]):
                self.problems.append(f"request {state[0]}: more than one answer: {state[1]!r}")
            if found[1] == b"200" and body != b"/n/%d" % state[0]:
                self.problems.append(f"request {state[0]}: the answer of another: {state[1]!r}")
            if state[2] < 500 and b"\r\nconnection: close" not in head.lower():
                return self.ask(connection, state)
        elif data:
            return None
        else:
            self.problems.append(f"request {state[0]}: no answer: {state[1]!r}")
        self.close(connection)
        if self.next < self.count:
            self.open()
        return None


def main():
    if sys.argv[1] == "serve":
        server = Server(int(sys.argv[2]), int(sys.argv[3]))
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        try:
            server.run()
        finally:
            print(server.count, flush=True)
    else:
        host, port, count, connections, path = sys.argv[2:]
        asker = Asker(host, int(port), int(count), int(connections))
        asker.run()
        with open(path, "wb") as file:
            asker.statuses.tofile(file)
        print("\n".join(asker.problems[:20]))
        sys.exit(1 if asker.problems else 0)


if __name__ == "__main__":
    main()
