# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""What tunnels say of pods in the API: the annotation of those that are captured, and Events about what is wrong."""

import pytest
from mesh import kubernetes
from mesh.certificate_service import ClusterCertificateService
from mesh.serving import exchange
from mesh.waiting import eventually

ANNOTATION = "ambient.istio.io/redirection"


@pytest.fixture
def server(world):
    return kubernetes.cluster(world)


def annotations(server, pod):
    found = server.request(f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}")["metadata"].get("annotations", {})
    return {key: found[key] for key in found if key in (ANNOTATION, "ambit.dev/redirection")}


BOTH = {ANNOTATION: "enabled", "ambit.dev/redirection": "enabled"}


def wait_annotated(server, pod, wanted, within=30):
    eventually(lambda: annotations(server, pod) == wanted, within, every=0.1, message=lambda: str(annotations(server, pod)))


def patches(server, pod):
    return [line for line in server.requests() if line == f"PATCH /api/v1/namespaces/{pod.namespace}/pods/{pod.name}/status"]


def events(server, namespace="default"):
    return server.request(f"/api/v1/namespaces/{namespace}/events")["items"]


def wait_event(server, pod, reason, text, within=30):
    """The one Event of a pod with a reason, once it says so."""
    def find():
        found = [event for event in events(server) if event["involvedObject"]["name"] == pod.name and event["reason"] == reason]
        assert len(found) <= 1, found
        return found[0] if found and text in found[0]["message"] else None

    return eventually(find, within, every=0.1, message=lambda: str(events(server)))


def test_pods_are_annotated_once_while_they_are_captured_by_the_tunnel_of_their_node(world, server):
    world.namespace("default")
    pods = [world.pod(name, kubernetes.node(world, node)) for name, node in (("client", "node1"), ("server", "node2"))]
    world.start()
    for pod in pods:
        wait_annotated(server, pod, BOTH)
    # What is said already is not said again: not after a change of the pod, and not by the next tunnel.
    tunnel = pods[0].node.tunnel
    server.kubectl("label", "pod", "client", "colour=blue")
    tunnel.terminate()
    assert tunnel.process.wait() == 0
    tunnel.start()
    pods[0].wait_captured()
    # What somebody else takes away is put back, without harm to what is beside it.
    server.kubectl("annotate", "pod", "client", f"{ANNOTATION}-", "example.org/own=yes")
    wait_annotated(server, pods[0], BOTH)
    assert [len(patches(server, pod)) for pod in pods] == [2, 1]
    server.kubectl("label", "namespace", "default", "istio.io/dataplane-mode-")
    for pod in pods:
        pod.wait_captured(False)
        wait_annotated(server, pod, {})
    value = server.request("/api/v1/namespaces/default/pods/client")["metadata"]
    assert value["annotations"]["example.org/own"] == "yes" and value["labels"]["colour"] == "blue"


def test_a_pod_whose_label_went_while_no_tunnel_ran_loses_the_annotation_at_the_next_start(world, server):
    world.namespace("default")
    pod = world.pod("client", kubernetes.node(world, "node1"))
    world.start()
    wait_annotated(server, pod, BOTH)
    tunnel = pod.node.tunnel
    tunnel.process.kill()
    server.kubectl("label", "namespace", "default", "istio.io/dataplane-mode-")
    tunnel.start()
    wait_annotated(server, pod, {})


def test_without_the_rights_the_mesh_works_and_the_log_names_each_once(world, server):
    server.control("users", **{kubernetes.TOKEN: {
        "user": "tunnel", "groups": [], "denied": [["patch", "pods/status"], ["create", "events"]]}})
    world.namespace("default")
    node = kubernetes.node(world, "node1")
    pods = [world.pod(name, node) for name in ("client", "server", "taken")]
    pods[2].listen(15008)
    world.start()
    for pod in pods[:2]:
        pod.wait_captured()
    pods[1].serve(8080)
    with pods[0].connect(pods[1], 8080) as connection:
        exchange(connection, b"hello")
    tunnel = node.tunnel
    for said in ("pods are not annotated that are captured (patch pods/status): pods/status is forbidden",
                 "troubles of pods are not reported as Events (create and patch events): events is forbidden"):
        eventually(lambda said=said: said in tunnel.log(), 30)
        assert tunnel.log().count(said) == 1
    assert annotations(server, pods[0]) == {} and events(server) == []


def test_what_an_api_server_in_trouble_refuses_is_written_later(world, server):
    server.fault("PATCH /api/v1/.*/pods/", times=1, status=500)
    server.fault("PATCH /api/v1/.*/pods/", times=1, status=409)
    server.fault("PATCH /api/v1/.*/pods/", times=1, cut=True)
    world.namespace("default")
    pod = world.pod("client", kubernetes.node(world, "node1"))
    world.start()
    wait_annotated(server, pod, BOTH)


def test_switched_off_nothing_is_said(world, server):
    world.namespace("default")
    node = kubernetes.node(world, "node1")
    pod, taken = world.pod("client", node), world.pod("taken", node)
    taken.listen(15008)
    node.tunnel.options += ["--pod-reports", "off"]
    world.start()
    pod.wait_captured()
    eventually(lambda: "port 15008 is in use" in node.tunnel.log(), 30)
    assert [line for line in server.requests() if line.startswith("PATCH") or "/events" in line] == []


def test_a_pod_that_cannot_join_has_an_event_that_kubectl_shows_and_that_counts(world, server):
    world.namespace("default")
    pod = world.pod("client", kubernetes.node(world, "node1"))
    uid, number = world.folder.running["default", "client"]
    world.folder.processes.remove(number)
    world.start()
    wait_event(server, pod, "MeshJoinFailed", "no process is found in its cgroup")
    listener = pod.listen(15008)
    world.folder.processes.add(uid, pod.netns.path)
    event = wait_event(server, pod, "MeshJoinFailed", "port 15008 is in use")
    assert event["count"] > 1 and event["involvedObject"]["uid"] == uid
    assert event["source"] == {"component": "ambit.dev/tunnel", "host": "node1"}
    assert "MeshJoinFailed" in server.kubectl("describe", "pod", "client").stdout
    listener.close()
    wait_annotated(server, pod, BOTH)


def test_a_pod_that_gets_no_certificate_has_an_event_with_the_reason(world, server):
    service = ClusterCertificateService(world, server)
    world.namespace("default")
    pod = world.pod("client", kubernetes.node(world, "node1"))
    # The service is told that the tunnel is on another node than the pod.
    token = service.admit("token-elsewhere", node="node9", pod="ambit-tunnel-x")
    pod.node.tunnel.options += ["--ca-address", service.address, "--ca-root-cert", service.roots, "--ca-token", token]
    service.start()
    world.start()
    wait_event(server, pod, "CertificateNotIssued", "")
