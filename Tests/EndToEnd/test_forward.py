# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""`ambit-tunnel forward`: a machine without redirection reaches the mesh through local ports."""

import pytest
from mesh import manifests
from mesh.serving import exchange, receive_line, say
from mesh.tunnel import binary
from mesh.waiting import eventually

#: Nothing that root may do besides reading its own files.
WITHOUT_PRIVILEGE = ("setpriv", "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs")


class Forward:
    """One `ambit-tunnel forward` on a host that Kubernetes knows nothing of."""

    def __init__(self, world, *listen, options=()):
        self.host = world.host("vm")
        self.process = self.host.netns.start(
            *WITHOUT_PRIVILEGE, binary(), "forward", "--config", world.folder.path, "--ca-dir", world.ca_directory,
            "--namespace", "ci", "--service-account", "runner", "--log-level", "info",
            *[word for text in listen for word in ("--listen", text)], *options, log=world.directory / "forward.log")
        self.host.keep(self)
        port = int(listen[0].split("=")[0].rsplit(":", 1)[-1])
        eventually(lambda: self.listens(port), 10, message=self.process.text)

    def listens(self, port):
        try:
            self.connect(port).close()
            return True
        except ConnectionRefusedError:
            assert self.process.status is None, self.process.text()
            return False

    def connect(self, port):
        return self.host.netns.connect("127.0.0.1", port)

    def close(self):
        self.process.stop()


@pytest.fixture
def server(world):
    world.namespace()
    node = world.node("node1")
    server = world.pod("server", node)
    server.serve(8080, say("server"))
    server.serve(9090)
    world.service("server")
    world.start()
    return server


def test_a_service_by_name_and_a_pod_by_address(world, server):
    forward = Forward(world, "7080=server.default:80", f"7090={server.ip}:9090", "7081=server.default.svc.cluster.local:80")
    with forward.connect(7080) as connection:
        assert receive_line(connection) == "server"
    with forward.connect(7081) as connection:
        assert receive_line(connection) == "server"
    with forward.connect(7090) as connection:
        exchange(connection)
    entry = server.node.tunnel.wait_access(direction="inbound", dst__workload="server")
    assert entry["src.identity"] == "spiffe://cluster.local/ns/ci/sa/runner"
    assert server.node.tunnel.metrics().total(
        "istio_tcp_connections_opened_total", reporter="destination", connection_security_policy="mutual_tls") >= 3


def test_policies_see_the_service_account_of_the_forward(world, server):
    forward = Forward(world, "7080=server.default:80")
    with forward.connect(7080) as connection:
        assert receive_line(connection) == "server"
    world.folder.apply(manifests.authorization_policy(
        "only-others", "default", "ALLOW",
        [{"from": [{"source": {"principals": ["cluster.local/ns/default/sa/client"]}}]}], {"app": "server"}))

    def refused():
        with forward.connect(7080) as connection:
            try:
                return receive_line(connection) == ""
            except (ConnectionError, EOFError):
                return True

    eventually(refused, 5)
    world.folder.apply(manifests.authorization_policy(
        "only-others", "default", "ALLOW",
        [{"from": [{"source": {"principals": ["cluster.local/ns/ci/sa/runner"]}}]}], {"app": "server"}))
    eventually(lambda: not refused(), 5)


def test_a_name_that_no_service_has_is_refused_and_named(world, server):
    forward = Forward(world, "7080=nobody.default:80")
    with forward.connect(7080) as connection, pytest.raises((ConnectionError, EOFError, AssertionError)):
        assert receive_line(connection) == "server"
    eventually(lambda: "no service with an address is called nobody.default:80" in forward.process.text(), 5)
    # A service of that name that appears later is found.
    world.service("nobody", selector={"app": "server"})

    def served():
        try:
            with forward.connect(7080) as connection:
                return receive_line(connection) == "server"
        except (ConnectionError, EOFError):
            return False

    eventually(served, 5)


def test_termination_drains(world, server):
    forward = Forward(world, f"7090={server.ip}:9090")
    with forward.connect(7090) as connection:
        exchange(connection)
        forward.process.signal(15)
        eventually(lambda: "drain begins" in forward.process.text(), 5)
        exchange(connection)
    assert forward.process.wait(15) == 0


@pytest.mark.parametrize("words, error", [
    ((), "--config DIR is needed"),
    (("--config", "."), "--listen PORT=HOST:PORT is needed"),
    (("--config", ".", "--listen", "80"), '"80" is not PORT=HOST:PORT'),
    (("--config", ".", "--listen", "80=host"), '"80=host" is not PORT=HOST:PORT'),
    (("--config", ".", "--listen", "0=host:80"), '"0=host:80" is not PORT=HOST:PORT'),
    (("--config", ".", "--listen", "81=a:80", "--listen", "81=b:80"), "listen on the same port"),
])
def test_usage(world, words, error):
    command = world.fabric.run(binary(), "forward", *words, check=False)
    assert command.returncode == 64
    assert error in command.stderr
    assert len(command.stderr.splitlines()) == 1


def test_a_port_in_use_is_said_before_anything_is_served(world, server):
    host = world.host("busy")
    host.serve(7080)
    command = host.netns.run(binary(), "forward", "--config", world.folder.path, "--ca-dir", world.ca_directory,
                             "--listen", "7080=server.default:80", check=False)
    assert command.returncode == 1
    assert "port 7080 is in use" in command.stderr
