# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""`make test-kubernetes` without a cluster: its objects and its order against an API server, its image in network namespaces."""

import json
import signal
import sys
from pathlib import Path

import pytest
from mesh import container, kubernetes
from mesh.command import run
from mesh.tunnel import binary
from mesh.waiting import eventually

RUN = Path(__file__).resolve().parents[1] / "Cluster" / "run.py"
UNPRIVILEGED = {"readOnlyRootFilesystem": True, "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}

#: Does what kubelets, controllers and the mesh would do; everything else goes to kubectl.
STUB = """#!/usr/bin/python3 -B
import json, os, subprocess, sys
words = sys.argv[1:]
real = [{kubectl!r}, "--kubeconfig", {kubeconfig!r}]

def asks(*more):
    return subprocess.run([*real, *more, "--ignore-not-found", "-o", "json"], capture_output=True, text=True).stdout

if "--kubeconfig" in words:
    del words[words.index("--kubeconfig"):words.index("--kubeconfig") + 2]
print(*words, file=open({log!r}, "a"))
labelled = '"istio.io/dataplane-mode": "ambient"' in asks("get", "namespace", "ambit-test")
if "exec" in words and "call" in words:
    if "--seconds" in words: print(json.dumps({{"calling": True}}), flush=True)
    count = int(words[words.index("--count") + 1]) if "--count" in words else 20
    what = ("peerauthentication", "strict") if "host" in words else ("authorizationpolicy", "deny")
    denied = asks("-n", "ambit-test", "get", *what) if labelled else ""
    versions = {{"v2": count}} if "x-canary=yes" in words else {{"v1": count - count // 10, "v2": count // 10}}
    print(json.dumps({{"count": count, "outcomes": {{"failed" if denied else "200": count}}, "versions": versions}}))
elif "exec" in words and "capture" in words:
    print(json.dumps({{"listening": True}}), flush=True)
    print(json.dumps({{"frames": 9, "port": 9 * labelled, "text": 9 * (not labelled)}}))
elif "logs" in words and "-l" in words:
    print(json.dumps({{"direction": "inbound", "src.identity": "spiffe://cluster.local/ns/ambit-test/sa/client"}}))
elif "logs" in words:
    print(json.dumps({{"files": []}} if any("files" in word for word in words) else {{"outcomes": {{"200": 20}}}}))
elif "get" in words and "app=server" in words:
    state = {{"name": "main", "ready": True, "restartCount": 0}}
    pod = {{"spec": {{"nodeName": "two"}}, "status": {{"podIP": "10.0.2.9", "containerStatuses": [state]}}}}
    print(json.dumps({{"items": [pod, pod]}}))
elif "exec" in words or {{"rollout", "wait", "drain", "uncordon"}} & set(words):
    pass
elif "jsonpath={{.status.phase}}" in words:
    print("Succeeded", end="")
else:
    if {{"apply", "create"}} & set(words) and "--dry-run=client" not in words: words.append("--validate=false")
    os.execv(real[0], [*real, *words])
"""


@pytest.fixture
def server(world):
    return kubernetes.cluster(world)


def node(name):
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "spec": {},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]}}


def start(world, server, nodes):
    for name in nodes:
        server.request("/api/v1/nodes", node(name))
    stub, log, waypoint = (world.directory / name for name in ("kubectl-stub", "kubectl.log", "ambit-waypoint"))
    stub.write_text(STUB.format(kubectl=kubernetes.kubectl_binary(), kubeconfig=str(server.kubeconfig), log=str(log)))
    waypoint.write_text("#!/bin/sh\nexit 0\n")
    for path in (stub, waypoint):
        path.chmod(0o755)
    result = server.run("env", f"HOME={world.directory}", f"AMBIT_TUNNEL={binary()}", f"AMBIT_WAYPOINT={waypoint}",
                        sys.executable, "-B", RUN, "--kubectl", stub, "--kubeconfig", server.kubeconfig,
                        "--images", "registry.example/mesh:7", check=False, timeout=110)
    return result, log.read_text()


def test_all_steps_are_taken_and_nothing_is_left(world, server):
    def namespaces():
        return {value["metadata"]["name"] for value in server.request("/api/v1/namespaces")["items"]}

    before = namespaces()
    result, log = start(world, server, ["one", "two"])
    assert result.returncode == 0 and result.stdout.splitlines()[-1] == "15 passed, 0 failed", result.stdout + result.stderr
    for text in ("rollout restart daemonset/ambit-tunnel", "rollout restart deployment/waypoint", "drain two", "uncordon two",
                 "rollout restart deployment/ambit-identity", "delete -k"):
        assert text in log
    assert namespaces() == before


def test_a_cluster_with_one_node_is_left_alone(world, server):
    result, log = start(world, server, ["one"])
    assert result.returncode == 1 and result.stdout.splitlines()[-1] == "0 passed, 1 failed", result.stdout + result.stderr
    assert not {"apply", "create", "delete", "label"} & set(log.split())


def test_servers_clients_and_captures_of_the_image_tell_plain_text(world, tmp_path):
    image = container.Image(container.build(tmp_path, tmp_path, "ambit-test")["ambit-test"], world.directory / "root")
    at = world.node("node1", tunnel=False)
    client, server = world.pod("client", at), world.pod("server", at)

    def command(*words, **context):
        return image.command({"command": ["ambit-test"], "securityContext": {**UNPRIVILEGED, **context}}, *words)

    served = world.run_in(server.netns, *command("serve", "v1"), name="serve")
    eventually(lambda: "ready" in served.text(), 10)
    capture = world.run_in(server.netns, *command("capture", 8080, "plain-text", "--seconds", 60, runAsUser=0, capabilities={
        "drop": ["ALL"], "add": ["NET_RAW"]}), name="capture")
    eventually(lambda: "listening" in capture.text(), 10)
    said = json.loads(client.netns.run(*command(
        "call", f"http://{server.ip}:8080/", "--count", 5, "--body", "plain-text", "--header", "x-one=1")).stdout)
    assert (said["outcomes"], said["versions"]) == ({"200": 5}, {"v1": 5})
    capture.signal(signal.SIGTERM)
    assert capture.wait() == 0
    seen = json.loads(capture.text().splitlines()[-1])
    assert seen["text"] >= 5 and seen["port"] >= seen["text"]
    failed = json.loads(client.netns.run(*command("call", f"http://{server.ip}:81/")).stdout)
    assert failed["outcomes"] == {"failed": 1} and failed["errors"]
    (tmp_path / "opt/cni/bin/.ambit-cni-a").mkdir(parents=True)
    (tmp_path / "etc/cni/net.d").mkdir(parents=True)
    (tmp_path / "etc/cni/net.d/10-main.conflist").write_text('{"plugins": [{"type": "ambit-cni"}]}')
    found = json.loads(run(sys.executable, "-B", RUN.with_name("program.py"), "files", tmp_path).stdout)["files"]
    assert [Path(path).name for path in found] == ["10-main.conflist", ".ambit-cni-a"]
