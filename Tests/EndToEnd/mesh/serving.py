# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""Small applications: one thread per connection, in the test's own process."""

import socket
import struct
import threading


class Server:
    """Calls handler(connection) for each accepted connection; `peers` records who came."""

    def __init__(self, listener, handler):
        self.listener = listener
        self.handler = handler
        self.peers = []
        self._connections = set()
        self._lock = threading.Lock()
        # Blocking: close() ends the accept.
        listener.settimeout(None)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self):
        while True:
            try:
                connection, peer = self.listener.accept()
            except OSError:
                return
            connection.settimeout(60)
            with self._lock:
                self.peers.append(plain(peer[0]))
                self._connections.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            self.handler(connection)
        except OSError:
            pass  # the client's business: tests look at what the client saw
        finally:
            with self._lock:
                self._connections.discard(connection)
            connection.close()

    def close(self):
        with self._lock:
            connections = list(self._connections)
        for sock in [self.listener, *connections]:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            sock.close()


def echo(connection):
    """Sends back what comes, and FIN for FIN."""
    while data := connection.recv(65536):
        connection.sendall(data)


def discard(connection):
    while connection.recv(65536):
        pass


def say(text):
    """A handler that says who it is, then echoes."""
    def handler(connection):
        connection.sendall(text.encode() + b"\n")
        echo(connection)
    return handler


def peer_address(connection):
    """Tells the client under which address it is seen."""
    connection.sendall(plain(connection.getpeername()[0]).encode() + b"\n")


def reset(connection):
    """Closes with RST instead of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def plain(address):
    """An IPv4 address without its IPv6 mapping, an IPv6 one without its zone."""
    return address.removeprefix("::ffff:").partition("%")[0]


def receive_all(connection):
    """Everything up to the peer's FIN."""
    data = bytearray()
    while part := connection.recv(1 << 18):
        data += part
    return bytes(data)


def receive_exactly(connection, count):
    data = bytearray()
    while len(data) < count:
        part = connection.recv(min(count - len(data), 1 << 18))
        assert part, f"the peer ended after {len(data)} of {count} bytes"
        data += part
    return bytes(data)


def receive_line(connection):
    data = bytearray()
    while not data.endswith(b"\n"):
        part = connection.recv(1)
        assert part, f"the peer ended after {bytes(data)!r}"
        data += part
    return data.decode().rstrip("\n")


def exchange(connection, data=b"hello mesh"):
    """Sends to an echo server and asserts that the same comes back."""
    connection.sendall(data)
    answer = receive_exactly(connection, len(data))
    assert answer == data
    return answer


def assert_refused(connection):
    """The connection ends, by FIN or RST, without a byte having come."""
    try:
        data = connection.recv(1)
        assert data == b"", f"answered {data!r}"
    except ConnectionResetError:
        pass


def is_open(connection, quiet=0.3):
    """Whether an idle connection still stands: neither FIN nor RST within `quiet` seconds."""
    before = connection.gettimeout()
    connection.settimeout(quiet)
    try:
        return connection.recv(1, socket.MSG_PEEK) != b""
    except TimeoutError:
        return True
    except ConnectionResetError:
        return False
    finally:
        connection.settimeout(before)


def wait_closed(connection, within):
    """Waits for FIN or RST on an idle connection and returns which."""
    before = connection.gettimeout()
    connection.settimeout(within)
    try:
        data = connection.recv(1)
        assert data == b"", f"answered {data!r}"
        return "FIN"
    except ConnectionResetError:
        return "RST"
    finally:
        connection.settimeout(before)
