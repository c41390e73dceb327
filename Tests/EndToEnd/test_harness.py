# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""The harness itself: a test world that lies makes every other test worthless."""

import os
import socket
import threading

import pytest
from mesh import hbone, yaml
from mesh.certificates import context, spiffe_id
from mesh.command import run
from mesh.metrics import Metrics
from mesh.serving import echo, exchange, peer_address, receive_all, receive_line, reset
from mesh.waiting import eventually
from mesh.world import World


def test_pods_on_two_nodes_reach_each_other_without_tunnels(each_family):
    client = each_family.pod("client", each_family.node("node1", tunnel=False))
    server = each_family.pod("server", each_family.node("node2", tunnel=False))
    server.serve(8080)
    exchange(client.connect(server, 8080))


def test_a_host_outside_the_mesh_reaches_a_pod_under_its_own_address(each_family):
    host = each_family.host("outside")
    server = each_family.pod("server", each_family.node("node1", tunnel=False))
    server.serve(8080, peer_address)
    assert receive_line(host.connect(server, 8080)) == host.ip


def test_a_capture_between_the_nodes_sees_plaintext_and_resets(each_family):
    client = each_family.pod("client", each_family.node("node1", tunnel=False))
    server = each_family.pod("server", each_family.node("node2", tunnel=False))
    server.serve(8080)
    capture = each_family.capture()
    connection = client.connect(server, 8080)
    exchange(connection, b"nothing hides this")
    reset(connection)
    segments = capture.segments()
    assert any(b"nothing hides this" in segment.payload for segment in segments)
    assert any(segment.is_reset and segment.source == client.ip for segment in segments)
    assert {segment.destination_port for segment in segments if segment.source == client.ip} == {8080}


def test_traffic_within_a_node_does_not_cross_the_fabric(world):
    node = world.node("node1", tunnel=False)
    client, server = world.pod("client", node), world.pod("server", node)
    server.serve(8080)
    capture = world.capture()
    exchange(client.connect(server, 8080))
    assert capture.segments() == []


def test_closing_a_world_leaves_no_namespace_and_no_process(tmp_path):
    before = (os.listdir("/run/netns"), run("ip", "-o", "link").stdout)
    with World(tmp_path / "world") as world:
        pod = world.pod("client", world.node("node1", tunnel=False))
        sleeper = world.run_in(pod.netns, "sleep", "600", name="sleeper")
        eventually(lambda: sleeper.pid in pod.netns.pids())
    assert sleeper.status is not None
    assert (os.listdir("/run/netns"), run("ip", "-o", "link").stdout) == before


def test_a_world_that_fails_halfway_is_cleaned_up_too(tmp_path):
    before = os.listdir("/run/netns")
    with pytest.raises(ZeroDivisionError), World(tmp_path / "world") as world:
        world.node("node1", tunnel=False)
        raise ZeroDivisionError
    assert os.listdir("/run/netns") == before


def test_yaml_keeps_the_type_of_each_scalar():
    value = {"name": "a", "flag": True, "text": "true", "number": 8080, "digits": "8080", "none": [], "empty": {},
             "list": [{"a": 1, "b": ["x", "y z"]}, "plain"], "ip": "10.0.0.1"}
    assert yaml.dump(value) == """\
name: a
flag: true
text: "true"
number: 8080
digits: "8080"
none: []
empty: {}
list:
  - a: 1
    b:
      - x
      - "y z"
  - plain
ip: "10.0.0.1"
"""


def test_metrics_are_summed_over_the_labels_that_match():
    metrics = Metrics('# HELP a b\na{x="1",y="q\\"uo,te"} 2\na{x="1",y="b"} 3 1700000000\na{x="2"} 10\nb 1.5e3\n')
    assert metrics.total("a", x="1") == 5
    assert metrics.select("a", y='q"uo,te')[0].value == 2
    assert metrics.total("b") == 1500
    assert metrics.total("missing") == 0


def test_minted_certificates_carry_exactly_the_spiffe_id(world):
    authority = world.other_authority()
    ours, theirs = socket.socketpair()
    server = context(authority.issue("spiffe://cluster.local/ns/a/sa/server"), server=True)
    seen = []

    def accept():
        with server.wrap_socket(theirs, server_side=True) as connection:
            seen.append(spiffe_id(connection))

    thread = threading.Thread(target=accept)
    thread.start()
    client = context(authority.issue("spiffe://cluster.local/ns/a/sa/client"), server=False)
    with client.wrap_socket(ours) as connection:
        assert spiffe_id(connection) == "spiffe://cluster.local/ns/a/sa/server"
        assert connection.selected_alpn_protocol() == "h2"
        thread.join()
    assert seen == ["spiffe://cluster.local/ns/a/sa/client"]


def test_the_hbone_peer_carries_bytes_statuses_half_closes_and_resets(each_family):
    node = each_family.node("node1", tunnel=False)
    client, server = each_family.pod("client", node), each_family.pod("server", node)
    authority = each_family.other_authority()
    terminator = hbone.Terminator(server, authority.issue(server.spiffe_id), echo,
                                  answer=lambda request: 401 if "denied" in request.authority else 200)
    connection = hbone.dial(client, server, authority.issue(client.spiffe_id))
    assert connection.request("denied:80").status == 401
    stream = connection.request("allowed:80", headers=[("baggage", "a=b")])
    assert stream.status == 200
    data = os.urandom(3_000_000)
    threading.Thread(target=lambda: (stream.socket.sendall(data), stream.socket.shutdown(socket.SHUT_WR))).start()
    assert receive_all(stream.socket) == data
    other = connection.request("allowed:81")
    terminator.connections[0].reset(terminator.connections[0].streams[other.number])
    assert other.closed.wait(5) and other.reset_code.name == "CANCEL"
    assert [request.authority for request in terminator.requests] == ["denied:80", "allowed:80", "allowed:81"]
    assert terminator.requests[1].peer_id == client.spiffe_id and terminator.requests[1].headers["baggage"] == "a=b"
    assert terminator.requests[1].peer_address == client.ip
    connection.close()
