# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""What an operator sees: exact counters, one access-log line per connection, and the tables of a running tunnel."""

import json
import os
import time

import pytest
from mesh.manifests import authorization_policy
from mesh.serving import exchange
from mesh.topology import client_and_server
from mesh.tunnel import ADMIN_PORT
from mesh.waiting import eventually


@pytest.fixture
def mesh(world):
    client, server = client_and_server(world)
    server.serve(8080)
    return world, client, server


def test_stable_metric_names_exist_from_the_start(world):
    world.namespace()
    node = world.node("node1")
    world.start()
    text = node.tunnel.metrics().text
    for name in ("istio_build", "istio_tcp_connections_opened_total", "istio_tcp_connections_closed_total",
                 "istio_tcp_received_bytes_total", "istio_tcp_sent_bytes_total", "process_open_fds"):
        assert f"# TYPE {name} " in text


def test_opened_and_closed_follow_a_connection(mesh):
    world, client, server = mesh
    connection = client.connect(server, 8080)
    exchange(connection)

    def counts(tunnel, reporter):
        metrics = tunnel.metrics()
        return tuple(metrics.total(f"istio_tcp_connections_{what}_total", reporter=reporter)
                     for what in ("opened", "closed"))

    ends = (client.node.tunnel, "source"), (server.node.tunnel, "destination")
    for end in ends:
        eventually(lambda: counts(*end) == (1, 0))
    connection.close()
    for end in ends:
        eventually(lambda: counts(*end) == (1, 1))


def test_bytes_are_exact_in_both_directions_and_on_both_sides(mesh):
    world, client, server = mesh
    listener = server.listen(8081)
    outer = client.connect(server, 8081)
    inner = listener.accept()[0]
    outer.sendall(bytes(12_345))
    inner.sendall(bytes(678_901))
    received = 0
    while received < 678_901:
        received += len(outer.recv(65536))
    outer.close()
    while inner.recv(65536):
        pass
    inner.close()
    for tunnel, reporter in (client.node.tunnel, "source"), (server.node.tunnel, "destination"):
        tunnel.wait_total(1, "istio_tcp_connections_closed_total", reporter=reporter)
        metrics = tunnel.metrics()
        assert metrics.total("istio_tcp_received_bytes_total", reporter=reporter) == 12_345
        assert metrics.total("istio_tcp_sent_bytes_total", reporter=reporter) == 678_901
    # In the log the numbers are those of the reporter's own view.
    assert {(entry["bytes_sent"], entry["bytes_recv"]) for entry in client.node.tunnel.access()} == {(12_345, 678_901)}
    assert {(entry["bytes_sent"], entry["bytes_recv"]) for entry in server.node.tunnel.access()} == {(678_901, 12_345)}


def test_every_histogram_counts_what_was_done(mesh):
    world, client, server = mesh
    for _ in range(5):
        with client.connect(server, 8080) as connection:
            exchange(connection)
    counts = {}
    for tunnel, reporter in (client.node.tunnel, "source"), (server.node.tunnel, "destination"):
        for name in "connection_duration", "first_byte_duration":
            tunnel.wait_total(5, f"ambit_{name}_seconds_count", reporter=reporter)
        metrics = tunnel.metrics()
        counts[reporter] = {name: metrics.total(f"ambit_{name}_duration_seconds_count", reporter=reporter)
                            for name in ("connect", "tls_handshake")}
    # One handshake for each HBONE connection, and those are shared; the application is connected to each time.
    handshakes = counts["source"]["tls_handshake"]
    assert 1 <= handshakes <= 5 and counts["destination"]["tls_handshake"] == handshakes, counts
    assert counts["source"]["connect"] == handshakes and counts["destination"]["connect"] == 5, counts


def test_labels_are_those_of_istio(mesh):
    world, client, server = mesh
    with client.connect(server, 8080) as connection:
        exchange(connection)
    sample = eventually(lambda: client.node.tunnel.metrics().select("istio_tcp_connections_opened_total"))[0]
    expected = {
        "reporter": "source", "source_workload": "client", "source_canonical_service": "client",
        "source_canonical_revision": "latest", "source_workload_namespace": "default",
        "source_principal": client.spiffe_id, "source_app": "client", "source_version": "latest",
        "source_cluster": "Kubernetes", "destination_service": "unknown", "destination_service_namespace": "unknown",
        "destination_service_name": "unknown", "destination_workload": "server",
        "destination_canonical_service": "server", "destination_canonical_revision": "latest",
        "destination_workload_namespace": "default", "destination_principal": server.spiffe_id,
        "destination_app": "server", "destination_version": "latest", "destination_cluster": "Kubernetes",
        "request_protocol": "tcp", "response_flags": "-", "connection_security_policy": "mutual_tls"}
    assert sample.labels == expected


def test_the_access_log_has_one_line_per_connection_with_ztunnels_fields(mesh):
    world, client, server = mesh
    service = world.service("server")
    eventually(lambda: service.hostname in client.node.tunnel.ask("services").stdout)
    with client.connect(service, 80) as connection:
        exchange(connection)
    outbound = client.node.tunnel.wait_access(direction="outbound")
    assert outbound["message"] == "connection complete"
    assert outbound["src.addr"].startswith(f"{client.ip}:")
    assert outbound["src.workload"] == "client" and outbound["src.namespace"] == "default"
    assert outbound["src.identity"] == client.spiffe_id
    assert outbound["dst.addr"] == f"{server.ip}:15008" and outbound["dst.hbone_addr"] == f"{server.ip}:8080"
    assert outbound["dst.service"] == service.hostname
    assert outbound["dst.workload"] == "server" and outbound["dst.identity"] == server.spiffe_id
    assert (outbound["bytes_sent"], outbound["bytes_recv"]) == (10, 10)
    assert outbound["duration"].endswith("ms")
    inbound = server.node.tunnel.wait_access(direction="inbound")
    assert inbound["dst.addr"] == f"{server.ip}:8080" or inbound["dst.hbone_addr"] == f"{server.ip}:8080"
    for tunnel in world.tunnels:
        assert len(tunnel.access()) == 1


def test_the_text_form_of_the_access_log_is_tab_separated(world):
    client, server = client_and_server(world, start=False)
    server.serve(8080)
    client.node.tunnel.options = ["--log-format", "text"]
    world.start()
    with client.connect(server, 8080) as connection:
        exchange(connection)
    log = client.node.tunnel.log
    line = eventually(lambda: [line for line in log().splitlines() if "connection complete" in line])[0]
    time_text, level, scope, message = line.split("\t")[:4]
    assert (level, scope) == ("info", "access") and message.startswith("connection complete")
    assert time_text.endswith("Z") and 'src.workload="client"' in line and 'direction="outbound"' in line


def test_connections_lists_what_is_open_now(mesh):
    world, client, server = mesh
    with client.connect(server, 8080) as connection:
        exchange(connection)
        table = client.node.tunnel.ask("connections", check=True).stdout
        assert server.ip in table and "client" in table
        rows = json.loads(client.node.tunnel.ask("connections", "-o", "json", check=True).stdout)
        assert len(rows if isinstance(rows, list) else rows["connections"]) == 1
        assert server.ip in server.node.tunnel.ask("connections", check=True).stdout
    eventually(lambda: server.ip not in client.node.tunnel.ask("connections", check=True).stdout)


def test_workloads_lists_pods_with_their_protocol(mesh):
    world, client, server = mesh
    table = client.node.tunnel.ask("workloads", check=True).stdout.splitlines()
    header, rows = table[0], table[1:]
    assert "NAMESPACE" in header and "PROTOCOL" in header
    assert any("client" in row and client.ip in row and "HBONE" in row for row in rows)
    world.pod("bystander", client.node, "plain")
    eventually(lambda: any("bystander" in row and "TCP" in row
                           for row in client.node.tunnel.ask("workloads").stdout.splitlines()))


@pytest.mark.parametrize("command", ["workloads", "services", "policies", "certificates", "connections", "log"])
def test_every_table_of_a_running_tunnel_is_there_as_json_too(mesh, command):
    """As many rows in both forms, and the same as the admin port answers."""
    world, client, server = mesh
    world.service("web", {"app": "server"})
    world.folder.apply(authorization_policy("none", "default", "DENY", [], {"app": "server"}))
    tunnel = client.node.tunnel
    eventually(lambda: "none" in tunnel.ask("policies").stdout and "web" in tunnel.ask("services").stdout)
    with client.connect(server, 8080) as connection:
        exchange(connection)
        table = tunnel.ask(command, check=True).stdout.splitlines()
        rows = json.loads(tunnel.ask(command, "-o", "json", check=True).stdout)
        answer = json.loads(tunnel.get(ADMIN_PORT, "/logging" if command == "log" else f"/{command}")[1])
    assert len(rows) == len(table) - 1 > 0 and table[0].isupper()
    assert len(answer) == len(rows)


def test_certificates_come_and_go_with_local_workloads(mesh):
    """ztunnel: test_prefetch_forget_certs."""
    world, client, server = mesh

    def known(identity):
        return identity in client.node.tunnel.ask("certificates", check=True).stdout

    assert known(client.spiffe_id)
    pod = world.pod("guest", client.node)
    eventually(lambda: known(pod.spiffe_id))  # before it makes a connection
    pod.remove()
    eventually(lambda: not known(pod.spiffe_id))
    assert known(client.spiffe_id)
    assert not known(server.spiffe_id)  # it runs on another node


def test_asking_a_tunnel_that_does_not_run_fails_with_one_line(world):
    world.namespace()
    node = world.node("node1")
    answer = node.tunnel.ask("connections", check=False)
    assert answer.returncode == 1
    assert len(answer.stderr.strip().splitlines()) == 1


def test_admin_listens_on_loopback_only(mesh):
    world, client, server = mesh
    sockets = client.node.netns.run("ss", "-Hltn").stdout
    listening = {line.split()[3] for line in sockets.splitlines()}
    assert [address for address in listening if address.endswith(":15000")]
    assert all(address.startswith(("127.0.0.1:", "[::1]:")) for address in listening if address.endswith(":15000"))


def test_an_idle_tunnel_sleeps(world):
    """No thread wakes, but for a ping of the pooled connection now and then; docs/performance.md holds the numbers.

    Mounts wake it rightly: it has a list of mounts of its own, that other work on the machine does not change.
    """
    client, server = client_and_server(world, start=False)
    server.serve(8080)
    client.node.tunnel.wrapper = ["unshare", "--mount", "--propagation", "private"]
    world.start()
    with client.connect(server, 8080) as connection:
        exchange(connection)
    process = client.node.tunnel.process

    def wakeups():
        total = 0
        for task in os.listdir(f"/proc/{process.pid}/task"):
            with open(f"/proc/{process.pid}/task/{task}/status", encoding="ascii") as file:
                total += sum(int(line.split()[1]) for line in file if line.startswith("voluntary_ctxt_switches"))
        return total

    def sleeps():
        before = wakeups()
        time.sleep(3)
        return wakeups() == before

    eventually(sleeps, within=30)
