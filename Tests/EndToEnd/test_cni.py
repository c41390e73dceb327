# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""The CNI plugin, called as a container runtime calls it, with real network namespaces and a running tunnel."""

import json
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from mesh import kubernetes, manifests
from mesh.netns import NetworkNamespace
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


class BarePod:
    """A pod of which there is nothing but its sandbox: no wire, no address."""

    def __init__(self, world, name, node):
        self.namespace, self.name = "default", name
        self.netns = NetworkNamespace.bare(f"{world.prefix}-{name}")
        self.value = {**manifests.pod(name, "default", node.node.name, ["10.0.0.1"], name),
                      "status": {"phase": "Pending"}}

    def manifest(self):
        return self.value


def test_two_hundred_pods_that_start_at_once_are_all_captured(world, node):
    world.start()
    pods = [BarePod(world, f"pod-{number}", node) for number in range(200)]
    world.closing(lambda: NetworkNamespace.delete_all(pod.netns for pod in pods))
    NetworkNamespace.add_all(pod.netns for pod in pods)
    items = [world.folder.run_pod(pod.manifest()) for pod in pods]
    world.folder.server.kubectl("create", "--validate=false", "-f", "-", input=json.dumps(
        {"apiVersion": "v1", "kind": "List", "items": items}))

    def waiting():
        """How many calls nobody has taken yet: SS_CONNECTING in /proc/net/unix."""
        rows = (line.split() for line in Path("/proc/net/unix").read_text().splitlines())
        return sum(row[5] == "02" and row[-1].startswith(str(node.socket)) for row in rows)

    # A tunnel that has something else to do for a moment: all of them come at the same instant.
    node.tunnel.process.signal(signal.SIGSTOP)
    with ThreadPoolExecutor(len(pods)) as threads:
        calls = [threads.submit(node.call, "ADD", pod, timeout=110, timeoutSeconds=100) for pod in pods]
        try:
            eventually(lambda: waiting() == len(pods), 60, message=lambda: f"{waiting()} wait")
        finally:
            node.tunnel.process.signal(signal.SIGCONT)
    assert [call.result() for call in calls if call.result() != (0, RESULT)] == []
    node.tunnel.wait_total(200, "workload_manager_active_proxy_count")
    for pod in pods[::40]:
        assert "redirect" in pod.netns.run("nft", "list", "table", "inet", "ambit").stdout


def test_after_a_reboot_pods_that_start_before_the_tunnel_wait_or_are_captured_when_it_is_there(world, node):
    world.start()
    pods = [starting_pod(world, name, node) for name in ("waits", "early")]
    for pod in pods:
        assert node.call("ADD", pod) == (0, RESULT)
    eventually(lambda: (node.state / "enrolled-namespaces").read_text() == "default\n", 5)
    # The machine goes down: of all that was there only the disk is left, and each sandbox is made anew.
    node.tunnel.process.kill()
    node.socket.unlink()
    waits, early = (world.pod(f"{pod.name}-again", node.node, "plain", apply=False) for pod in pods)
    code, answer = node.call("ADD", pods[0], path=waits.netns.path)
    assert code == 1 and answer["code"] == 11, answer
    # Where the plugin lets pods start (or another runtime knew nothing of it), nobody captures it yet.
    assert node.call("ADD", pods[1], path=early.netns.path, whenAway="allow") == (0, RESULT)
    value = pods[1].manifest()
    value["metadata"]["annotations"].pop("ambit.dev/netns")
    value["status"] = early.manifest()["status"]
    world.folder.apply(value)
    world.folder.processes.add(world.folder.uid(value), early.netns.path)
    assert not early.is_captured()
    node.tunnel.start()
    early.wait_captured()
    assert node.call("ADD", pods[0], path=waits.netns.path) == (0, RESULT)
    assert waits.is_captured()


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
