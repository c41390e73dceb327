# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""The CNI plugin, called as a container runtime calls it, with real network namespaces and a running tunnel."""

import json
import shutil
import socket
import subprocess
import tempfile
import threading
from pathlib import Path

import pytest
from mesh import kubernetes
from mesh.proc import cpu_seconds
from mesh.serving import exchange
from mesh.tunnel import binary
from mesh.waiting import eventually

RESULT = {"cniVersion": "1.0.0", "interfaces": [{"name": "eth0", "sandbox": "/x"}],
          "ips": [{"address": "10.77.1.2/24", "interface": 0}], "dns": {}}


class Node:
    """A node whose tunnel listens for the plugin, and the runtime on it."""

    def __init__(self, world, name="node1"):
        self.world = world
        self.node = kubernetes.node(world, name)
        self.tunnel = self.node.tunnel
        # The name of a socket has room for 107 octets, which the folder of a test may take alone.
        folder = Path(tempfile.mkdtemp(prefix="ambit-"))
        world.closing(lambda: shutil.rmtree(folder))
        self.socket = folder / "cni.sock"
        self.state = world.directory / f"state-{name}"
        self.tunnel.options += ["--cni-socket", self.socket, "--state-dir", self.state]

    def call(self, command, pod, previous=RESULT, timeout=60, path=None, **settings):
        """(exit code, output): one call of the plugin for a pod."""
        uid = self.world.folder.uid(pod.manifest())
        configuration = {"cniVersion": "1.0.0", "name": "test", "type": "ambit-cni", "socket": str(self.socket),
                         "enrolledNamespaces": str(self.state / "enrolled-namespaces"), **settings}
        if previous:
            configuration["prevResult"] = previous
        environment = {
            "CNI_COMMAND": command, "CNI_CONTAINERID": "c0ffee", "CNI_NETNS": path or pod.netns.path, "CNI_IFNAME": "eth0",
            "CNI_PATH": "/opt/cni/bin",
            "CNI_ARGS": f"IgnoreUnknown=1;K8S_POD_NAMESPACE={pod.namespace};K8S_POD_NAME={pod.name};K8S_POD_UID={uid}"}
        done = subprocess.run([binary(), "cni"], input=json.dumps(configuration).encode(), env=environment,
                              capture_output=True, timeout=timeout, check=False)
        return done.returncode, json.loads(done.stdout) if done.stdout else None


@pytest.fixture
def node(world):
    kubernetes.cluster(world)
    world.namespace("default")
    world.namespace("plain", ambient=False)
    return Node(world)


def starting_pod(world, name, node, namespace="default"):
    """A pod as it is when its sandbox is made: scheduled, without an address, and without a process."""
    pod = world.pod(name, node.node, namespace, apply=False)
    value = pod.manifest()
    value["status"] = {"phase": "Pending"}
    # Its network is there, but what would find it by its processes is not.
    value["metadata"]["annotations"].pop("ambit.dev/netns")
    world.folder.apply(value)
    return pod


def test_add_returns_when_the_pod_is_captured_and_passes_the_result_on(world, node):
    server = world.pod("server", node.node)
    world.start()
    server.serve(8080)
    client = starting_pod(world, "client", node)
    assert node.call("ADD", client) == (0, RESULT)
    assert client.is_captured()
    assert node.call("CHECK", client) == (0, None)
    # The kubelet tells its address later.
    world.folder.apply(client.manifest())
    with eventually(lambda: client.connect(server, 8080), 5) as connection:
        exchange(connection, b"hello")
    node.tunnel.wait_access(within=10, direction="outbound", src__identity=client.spiffe_id)
    client.remove()
    assert node.call("DEL", client) == (0, None)


def test_a_pod_that_is_not_enrolled_starts_at_once_and_is_left_alone(world, node):
    world.start()
    pod = starting_pod(world, "pod", node, "plain")
    assert node.call("ADD", pod) == (0, RESULT)
    assert not pod.is_captured()
    assert node.call("CHECK", pod) == (0, None)


def test_many_pods_that_start_at_once_are_all_captured(world, node):
    world.start()
    pods = [starting_pod(world, f"pod-{number}", node) for number in range(20)]
    results = {}
    threads = [threading.Thread(target=lambda pod=pod: results.update({pod.name: node.call("ADD", pod)}))
               for pod in pods]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {pod.name: (0, RESULT) for pod in pods}
    assert all(pod.is_captured() for pod in pods)


def test_a_pod_that_cannot_join_does_not_start_and_the_runtime_is_told_why(world, node):
    world.start()
    pod = starting_pod(world, "pod", node)
    pod.listen(15008)
    code, answer = node.call("ADD", pod)
    assert code == 1 and answer["code"] == 100 and "port 15008 is in use" in answer["msg"], answer

    def reasons():
        events = world.folder.server.request("/api/v1/namespaces/default/events")["items"]
        return {event["reason"] for event in events if "port 15008 is in use" in event["message"]}

    eventually(lambda: reasons() == {"CNIAddFailed", "MeshJoinFailed"}, 30)


def test_a_pod_of_which_the_api_server_tells_late_is_waited_for(world, node):
    world.start()
    pod = world.pod("pod", node.node, apply=False)
    value = pod.manifest()
    world.folder.uid(value)
    timer = threading.Timer(1.0, world.folder.apply, [value])
    timer.start()
    assert node.call("ADD", pod) == (0, RESULT)
    timer.join()
    assert pod.is_captured()


def test_a_sandbox_made_anew_is_captured_in_its_new_namespace(world, node):
    world.start()
    pod, spare = starting_pod(world, "pod", node), world.pod("spare", node.node, "plain")
    assert node.call("ADD", pod) == (0, RESULT)
    assert node.call("ADD", pod, path=spare.netns.path) == (0, RESULT)
    assert spare.is_captured()
    pod.wait_captured(False)


def test_while_the_tunnel_is_away_only_pods_of_enrolled_namespaces_wait(world, node):
    world.start()
    enrolled, other = starting_pod(world, "enrolled", node), starting_pod(world, "other", node, "plain")
    eventually(lambda: (node.state / "enrolled-namespaces").read_text() == "default\n", 5)
    node.tunnel.process.kill()
    code, answer = node.call("ADD", enrolled)
    assert code == 1 and answer["code"] == 11 and "tunnel does not answer" in answer["msg"]
    assert node.call("ADD", other) == (0, RESULT)
    assert node.call("ADD", enrolled, whenAway="allow") == (0, RESULT)
    assert node.call("ADD", other, whenAway="fail")[0] == 1
    # Nobody but the runtime starts the tunnel.
    assert node.call("ADD", other, whenAway="fail", ownNamespace="plain") == (0, RESULT)
    assert node.call("STATUS", other, whenAway="fail") == (0, None)
    assert node.call("DEL", enrolled) == (0, None)
    node.tunnel.start()
    assert node.call("ADD", enrolled) == (0, RESULT)
    assert enrolled.is_captured()


def test_the_next_tunnel_takes_the_socket_over(world, node):
    world.start()
    old = node.tunnel.process
    pods = [starting_pod(world, name, node) for name in ("one", "two")]
    assert node.call("ADD", pods[0]) == (0, RESULT)
    old.stop()
    node.tunnel.start()
    assert node.call("ADD", pods[1]) == (0, RESULT)
    assert pods[1].is_captured()


def test_a_list_that_another_tool_rewrites_is_chained_again(world, node):
    folder = world.directory / "net.d"
    folder.mkdir()
    original = {"cniVersion": "1.0.0", "name": "main", "plugins": [{"type": "bridge"}]}
    listed = folder / "10-main.conflist"
    listed.write_text(json.dumps(original))
    subprocess.run([binary(), "cni", "install", "--bin-dir", folder, "--conf-dir", folder, "--socket", node.socket,
                    "--when-away", "allow"], check=True, capture_output=True)
    # Under its own name the runtime calls what was installed.
    told = subprocess.run([folder / "ambit-cni"], env={"CNI_COMMAND": "VERSION"}, capture_output=True, check=True)
    assert "1.1.0" in json.loads(told.stdout)["supportedVersions"]
    node.tunnel.options += ["--cni-conf-dir", folder]
    world.start()
    installed = json.loads(listed.read_text())["plugins"]
    assert [plugin["type"] for plugin in installed] == ["bridge", "ambit-cni"]
    listed.write_text(json.dumps(original))
    eventually(lambda: json.loads(listed.read_text())["plugins"] == installed, 20, every=0.2)
    node.tunnel.process.stop()
    subprocess.run([binary(), "cni", "uninstall", "--bin-dir", folder, "--conf-dir", folder], check=True,
                   capture_output=True)
    assert json.loads(listed.read_text()) == original
    assert sorted(path.name for path in folder.iterdir()) == ["10-main.conflist"]


@pytest.mark.parametrize("octets", [b'{"half', b"x" * 20_000], ids=["half-a-request", "over-long"])
def test_what_is_no_request_is_hung_up_on_at_once_and_costs_nothing(world, node, octets):
    world.start()
    before = cpu_seconds(node.tunnel)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(node.socket))
        connection.settimeout(10)
        connection.sendall(octets)
        connection.shutdown(socket.SHUT_WR)
        # The rest of what was sent may be thrown away with the connection.
        try:
            assert connection.recv(1) == b""
        except ConnectionResetError:
            pass
    # A loop that only the request's time-out of two seconds ended would take as long.
    assert cpu_seconds(node.tunnel) - before < 0.5
    assert node.call("ADD", starting_pod(world, "pod", node)) == (0, RESULT)
