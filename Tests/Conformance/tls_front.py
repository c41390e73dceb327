# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""TLS in front of the conformance server, for suites that want h2 by ALPN.

    tls_front.py PORT SERVER

Starts SERVER on a free port and passes the plaintext of every connection on to it. The certificate is made on the spot for
localhost; clients are asked for none.
"""

import pathlib
import selectors
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading


def make_context():
    with tempfile.TemporaryDirectory() as folder:
        key, certificate = pathlib.Path(folder, "key.pem"), pathlib.Path(folder, "certificate.pem")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
             "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-days", "30",
             "-keyout", key, "-out", certificate], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["h2"])
    return context


def relay(client, server):
    """Passes bytes both ways until one side ends; what the server wrote last still goes out."""
    with client, server, selectors.DefaultSelector() as selector:
        selector.register(client, selectors.EVENT_READ)
        selector.register(server, selectors.EVENT_READ)
        while True:
            ready = {key.fileobj for key, _ in selector.select()}
            for source, target in ((client, server), (server, client)):
                if source not in ready:
                    continue
                while True:
                    chunk = source.recv(65536)
                    if not chunk:
                        return
                    target.sendall(chunk)
                    if source is server or not client.pending():
                        break


def serve(context, connection, port):
    try:
        client = context.wrap_socket(connection, server_side=True)
        if client.selected_alpn_protocol() == "h2":
            relay(client, socket.create_connection(("127.0.0.1", port)))
    except OSError:
        pass
    finally:
        connection.close()


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    context = make_context()
    backend = subprocess.Popen([sys.argv[2], "0"], stdout=subprocess.PIPE, text=True)
    port = int(backend.stdout.readline().split()[-1])
    listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
    print(f"listening on {listener.getsockname()[1]}", flush=True)
    try:
        while True:
            connection, _ = listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=serve, args=(context, connection, port), daemon=True).start()
    except KeyboardInterrupt:
        pass
    finally:
        backend.terminate()


main()
