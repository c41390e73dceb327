# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""All four kinds of gRPC call through a waypoint, by grpcio: GRPC_PYTHON names a Python that has it."""

import os
from pathlib import Path

import pytest
from mesh.topology import client_and_server
from mesh.waiting import eventually
from mesh.waypoint import Waypoint, http_service

PYTHON = os.environ.get("GRPC_PYTHON")
CALLS = str(Path(__file__).with_name("grpc_calls.py"))


@pytest.mark.skipif(not PYTHON, reason="GRPC_PYTHON names no Python with grpcio: make interop installs one")
@pytest.mark.parametrize("port_name", ["grpc", "http", "x"])
def test_grpc_calls(world, port_name):
    client, server = client_and_server(world, start=False)
    waypoint = Waypoint(world)
    service = http_service(world, "server", port_name=port_name)
    dead = http_service(world, "dead", port_name=port_name, target=8099, selector={"app": "server"})
    world.run_in(server.netns, PYTHON, CALLS, "serve", "8080", name="grpc-server")
    world.start()
    waypoint.start()
    eventually(lambda: server.netns.run("ss", "-Hltn", "sport", "=", ":8080", check=False).stdout.strip(), 10,
               message="the gRPC server listens")
    done = client.netns.run(PYTHON, CALLS, "call", f"{service.ip}:80", check=False)
    assert done.returncode == 0, done.stderr
    failed = client.netns.run(PYTHON, CALLS, "call", f"{dead.ip}:80", check=False)
    assert "StatusCode.UNAVAILABLE" in failed.stderr
    assert "connection failure" in failed.stderr
