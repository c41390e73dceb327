# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""An echoing WebSocket server and a client of it; run with a Python that has websockets.

websocket_calls.py serve PORT | websocket_calls.py call URI
"""

import asyncio
import sys

import websockets

#: Larger than every buffer on the way.
LARGE = bytes(range(256)) * 8192


async def echo(connection):
    async for message in connection:
        await connection.send(message)


async def serve(port):
    async with websockets.serve(echo, None, port, max_size=None):
        await asyncio.get_running_loop().create_future()


async def call(uri):
    async with websockets.connect(uri, max_size=None) as connection:
        for message in ("hello", b"", LARGE, "ü" * 100_000):
            await connection.send(message)
            assert await connection.recv() == message
        await (await connection.ping())
        for number in range(200):
            await connection.send(str(number))
        assert [await connection.recv() for _ in range(200)] == [str(number) for number in range(200)]
    assert connection.close_code == 1000, connection.close_code
    await asyncio.gather(*(one(uri, number) for number in range(50)))
    print("all messages came back")


async def one(uri, number):
    async with websockets.connect(uri) as connection:
        await connection.send(f"connection {number}")
        assert await connection.recv() == f"connection {number}"


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[2])) if sys.argv[1] == "serve" else call(sys.argv[2]))
