# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 over TLS in front of the API: `python3 -m mesh.apiserver --port 6443 --directory DIR`."""

import argparse
import asyncio
import json
import os
import ssl
import sys

import h2.config
import h2.connection
import h2.events
import h2.exceptions
from hyperframe.frame import GoAwayFrame

from .api import Api, Watch
from .resources import MESH_DEFINITIONS
from .store import Refused, Store

BOOKMARK_SECONDS = 1.0


class Stream:
    def __init__(self, headers):
        self.headers = headers
        self.body = bytearray()
        self.output = bytearray()
        self.ended = False
        self.task = None


class Connection(asyncio.Protocol):
    """One client: requests in, answers out as the windows allow."""

    def __init__(self, api):
        self.api = api
        self.http = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        self.streams = {}

    def connection_made(self, transport):
        self.transport = transport
        self.api.connections.add(self)
        self.http.initiate_connection()
        self.flush()

    def connection_lost(self, _):
        self.api.connections.discard(self)
        for stream in self.streams.values():
            if stream.task:
                stream.task.cancel()
        self.streams.clear()

    def go_away(self):
        """GOAWAY, as an API server sends now and then to spread its clients; streams that are open go on."""
        self.flush()
        frame = GoAwayFrame(stream_id=0, last_stream_id=self.http.highest_inbound_stream_id)
        self.transport.write(frame.serialize())

    def flush(self):
        data = self.http.data_to_send()
        if data:
            self.transport.write(data)

    def data_received(self, data):
        try:
            events = self.http.receive_data(data)
        except h2.exceptions.ProtocolError:
            self.flush()
            return self.transport.close()
        for event in events:
            if isinstance(event, h2.events.RequestReceived):
                self.streams[event.stream_id] = Stream(dict(event.headers))
            elif isinstance(event, h2.events.DataReceived):
                self.http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                if event.stream_id in self.streams:
                    self.streams[event.stream_id].body += event.data
            elif isinstance(event, h2.events.StreamEnded):
                if event.stream_id in self.streams:
                    stream = self.streams[event.stream_id]
                    stream.task = asyncio.ensure_future(self.answer(event.stream_id, stream))
            elif isinstance(event, h2.events.StreamReset):
                stream = self.streams.pop(event.stream_id, None)
                if stream and stream.task:
                    stream.task.cancel()
            elif isinstance(event, h2.events.ConnectionTerminated):
                self.transport.close()
        self.pump()

    def pump(self):
        for number, stream in list(self.streams.items()):
            try:
                while stream.output:
                    room = min(self.http.local_flow_control_window(number), self.http.max_outbound_frame_size)
                    if room <= 0:
                        break
                    self.http.send_data(number, bytes(stream.output[:room]))
                    del stream.output[:room]
                if stream.ended and not stream.output:
                    self.http.end_stream(number)
                    del self.streams[number]
            except h2.exceptions.ProtocolError:
                self.streams.pop(number, None)
        self.flush()

    async def answer(self, number, stream):
        method, target = stream.headers[":method"], stream.headers[":path"]
        token = stream.headers.get("authorization", "").removeprefix("Bearer ")
        peer = self.transport.get_extra_info("peercert") or {}
        names = dict(pair for row in peer.get("subject", ()) for pair in row)
        self.api.requests.append(f"{method} {target}")
        fault = None if target.startswith("/test/") else self.api.fault(method, target)
        try:
            if fault and await self.spoil(number, stream, fault):
                return
            user = self.api.authenticate(token, names.get("commonName"))
            result = self.api.handle(method, target, stream.headers, bytes(stream.body), user)
        except Refused as refused:
            return self.reply(number, stream, refused.code, refused.status(), refused.retry_after)
        except (ValueError, KeyError, TypeError) as error:
            bad = Refused(400, "BadRequest", f"{type(error).__name__}: {error}")
            return self.reply(number, stream, 400, bad.status())
        if isinstance(result, Watch):
            await self.serve(number, stream, result, fault)
        else:
            self.reply(number, stream, *result)

    async def spoil(self, number, stream, fault):
        """Whether the fault took the place of the answer."""
        if "delay" in fault:
            await asyncio.sleep(fault["delay"])
        if fault.get("cut"):
            self.transport.abort()
        elif fault.get("hang"):
            await asyncio.sleep(3600)
        elif "status" in fault:
            bad = Refused(fault["status"], fault.get("reason", ""), fault.get("message", "fault on request"))
            self.reply(number, stream, fault["status"], bad.status(), fault.get("retryAfter"))
        elif "garbage" in fault:
            self.head(number, 200)
            stream.output += fault["garbage"].encode()
            stream.ended = True
            self.pump()
        else:
            return False
        return True

    def head(self, number, status, retry_after=None):
        fields = [(":status", str(status)), ("content-type", "application/json")]
        if retry_after is not None:
            fields.append(("retry-after", str(retry_after)))
        self.http.send_headers(number, fields)

    def reply(self, number, stream, status, value, retry_after=None):
        if number not in self.streams:
            return
        self.head(number, status, retry_after)
        stream.output += json.dumps(value).encode() + b"\n"
        stream.ended = True
        self.pump()

    async def serve(self, number, stream, watch, fault):
        self.head(number, 200)
        changed = asyncio.Event()
        store = self.api.store
        store.listeners.add(changed.set)
        loop = asyncio.get_running_loop()
        end = loop.time() + watch.timeout

        def send(kind, value):
            stream.output += json.dumps({"type": kind, "object": value}).encode() + b"\n"

        def bookmark(last=False):
            metadata = {"resourceVersion": str(watch.since), "creationTimestamp": None}
            if last:
                metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
            send("BOOKMARK", {"kind": watch.resource.kind, "metadata": metadata,
                              "apiVersion": watch.resource.api_version(watch.version)})

        try:
            for kind, value in watch.events:
                send(kind, value.status() if kind == "ERROR" else self.api.shown(watch.resource, watch.version, value))
            if watch.since is not None:
                if watch.ends_list:
                    bookmark(last=True)
                while loop.time() < end and number in self.streams:
                    self.events(watch, send)
                    self.pump()
                    if fault and fault.get("stall"):
                        await asyncio.sleep(3600)
                    changed.clear()
                    try:
                        await asyncio.wait_for(changed.wait(), min(BOOKMARK_SECONDS, max(0.0, end - loop.time())))
                    except asyncio.TimeoutError:
                        if watch.bookmarks:
                            bookmark()
        finally:
            store.listeners.discard(changed.set)
        stream.ended = True
        self.pump()

    def events(self, watch, send):
        """Sends what the history has since; an object that leaves the selection counts as deleted."""
        store, resource = self.api.store, watch.resource
        for version, group, plural, kind, value, before in store.history:
            if version <= watch.since or (group, plural) != (resource.group, resource.plural):
                continue
            if watch.namespace and value["metadata"].get("namespace") != watch.namespace:
                continue
            was, is_now = before is not None and watch.selects(before), kind != "DELETED" and watch.selects(value)
            told = "ADDED" if is_now and not was else "MODIFIED" if is_now else "DELETED" if was else None
            if told:
                send(told, self.api.shown(resource, watch.version, value))
        watch.since = store.version


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--directory", required=True, help="server.crt, server.key, ca.crt, users.json, state.json")
    parser.add_argument("--no-custom-resources", action="store_true")
    options = parser.parse_args()
    where = options.directory
    with open(os.path.join(where, "users.json"), encoding="utf-8") as file:
        users = json.load(file)
    store = Store(os.path.join(where, "state.json"))
    api = Api(store, users)
    if store.version == 1000:
        for value in [] if options.no_custom_resources else MESH_DEFINITIONS:
            resource, _, _, _, _ = api.locate(["apis", "apiextensions.k8s.io", "v1", "customresourcedefinitions"])
            store.create(resource, "", value)
        namespaces = api.locate(["api", "v1", "namespaces"])[0]
        store.create(namespaces, "", {"metadata": {"name": "default"}})
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(where, "server.crt"), os.path.join(where, "server.key"))
    context.load_verify_locations(os.path.join(where, "ca.crt"))
    context.verify_mode = ssl.CERT_OPTIONAL
    context.set_alpn_protocols(["h2"])
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(api), options.address, options.port, ssl=context)
    print("API server is ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit(0)
