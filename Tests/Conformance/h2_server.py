# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""A server of python h2: answers `/fields` with the request's fields as text, anything else with its content.

    h2_server.py PORT [--table-size OCTETS]
"""

import argparse
import socket
import threading

import h2.config
import h2.connection
import h2.events
import h2.settings


class Connection:
    def __init__(self, link, table_size):
        self.link = link
        configuration = h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        self.h2 = h2.connection.H2Connection(configuration)
        self.h2.initiate_connection()
        self.h2.update_settings({h2.settings.SettingCodes.HEADER_TABLE_SIZE: table_size})
        self.fields, self.content, self.outgoing = {}, {}, {}

    def serve(self):
        while True:
            self.link.sendall(self.h2.data_to_send())
            received = self.link.recv(65536)
            if not received:
                return
            for event in self.h2.receive_data(received):
                self.handle(event)
            self.send()

    def handle(self, event):
        if isinstance(event, h2.events.RequestReceived):
            self.fields[event.stream_id] = event.headers
            self.content[event.stream_id] = b""
        elif isinstance(event, h2.events.DataReceived):
            self.content[event.stream_id] += event.data
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            self.answer(event.stream_id)

    def answer(self, stream):
        fields = dict(self.fields.pop(stream))
        content = self.content.pop(stream)
        self.h2.send_headers(stream, [(":status", "200"), ("server", "python-h2"), ("x-stream", str(stream))])
        trailers = [("x-sum", str(len(content)))]
        if fields[":path"] == "/fields":
            content = "".join(f"{name}: {value}\n" for name, value in fields.items()).encode()
        self.outgoing[stream] = [content, trailers]

    def send(self):
        for stream in list(self.outgoing):
            content, trailers = self.outgoing[stream]
            while content:
                room = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size, len(content))
                if room == 0:
                    break
                self.h2.send_data(stream, content[:room])
                content = content[room:]
            self.outgoing[stream][0] = content
            if not content:
                self.h2.send_headers(stream, trailers, end_stream=True)
                del self.outgoing[stream]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--table-size", type=int, default=4096)
    arguments = parser.parse_args()
    listener = socket.create_server(("127.0.0.1", arguments.port))
    while True:
        link, _ = listener.accept()
        threading.Thread(target=Connection(link, arguments.table_size).serve, daemon=True).start()


main()
