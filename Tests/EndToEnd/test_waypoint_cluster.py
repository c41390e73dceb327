# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""`ambit-waypoint apply`, `list`, `status` and `delete` against an API server."""

import json
import threading

import pytest
from mesh import kubernetes, manifests
from mesh.waiting import eventually
from mesh.waypoint import binary


@pytest.fixture
def server(world):
    made = kubernetes.cluster(world)
    made.request("/api/v1/namespaces", manifests.namespace("shop", {"istio.io/dataplane-mode": "ambient"}))
    return made


def waypoint(server, command, *words, **options):
    return server.run(binary(), command, "--kubeconfig", server.kubeconfig, *words, **options)


def gateway(server, name="waypoint", namespace="shop"):
    return server.request(f"/apis/gateway.networking.k8s.io/v1/namespaces/{namespace}/gateways/{name}")


def program(server, name="waypoint", namespace="shop"):
    """What a controller does when the proxies are ready."""
    path = f"/apis/gateway.networking.k8s.io/v1/namespaces/{namespace}/gateways/{name}"
    value = server.request(path)
    condition = {"type": "Programmed", "status": "True", "reason": "Programmed", "message": "Resource programmed",
                 "observedGeneration": value["metadata"]["generation"], "lastTransitionTime": "2026-01-01T00:00:00Z"}
    value["status"] = {"conditions": [condition], "addresses": [{"type": "IPAddress", "value": "10.0.0.9"}]}
    return server.request(f"{path}/status", value, "PUT")


def test_apply_writes_the_gateway_once_and_again_without_conflict(server):
    for words in ((), ("--for", "all"), ()):
        result = waypoint(server, "apply", "-n", "shop", *words)
        assert result.stdout == "✅ waypoint shop/waypoint applied\n"
        labels = gateway(server)["metadata"].get("labels", {})
        assert labels.get("istio.io/waypoint-for") == (words[1] if words else None)
    made = gateway(server)
    assert made["spec"] == {"gatewayClassName": "ambit-waypoint",
                            "listeners": [{"name": "mesh", "port": 15008, "protocol": "HBONE"}]}
    assert [entry["manager"] for entry in made["metadata"]["managedFields"]] == ["ambit-waypoint"]


def test_apply_waits_for_the_controller_and_labels_the_namespace_then(server):
    results = []
    thread = threading.Thread(target=lambda: results.append(
        waypoint(server, "apply", "-n", "shop", "--wait", "--enroll-namespace")))
    thread.start()
    eventually(lambda: gateway(server).get("kind") == "Gateway", 10)
    labels = server.request("/api/v1/namespaces/shop")["metadata"]["labels"]
    assert "istio.io/use-waypoint" not in labels
    program(server)
    thread.join(20)
    assert results[0].stdout == ("✅ waypoint shop/waypoint applied\n✅ waypoint shop/waypoint is ready!\n"
                                 '✅ namespace shop labeled with "istio.io/use-waypoint: waypoint"\n')
    labels = server.request("/api/v1/namespaces/shop")["metadata"]["labels"]
    assert labels["istio.io/use-waypoint"] == "waypoint" and labels["istio.io/dataplane-mode"] == "ambient"


def test_apply_that_nobody_answers_ends_with_1_and_labels_nothing(server):
    result = waypoint(server, "apply", "-n", "shop", "--wait", "--waypoint-timeout", "1s", "--enroll-namespace",
                      check=False)
    assert result.returncode == 1 and "did not get ready in time" in result.stderr
    assert "istio.io/use-waypoint" not in server.request("/api/v1/namespaces/shop")["metadata"]["labels"]


def test_a_namespace_of_another_waypoint_needs_overwrite(server):
    waypoint(server, "apply", "-n", "shop", "--name", "one", "--enroll-namespace")
    result = waypoint(server, "apply", "-n", "shop", "--name", "two", "--enroll-namespace", check=False)
    assert result.returncode == 1 and "--overwrite changes that" in result.stderr
    assert gateway(server, "two").get("code") == 404
    waypoint(server, "apply", "-n", "shop", "--name", "two", "--enroll-namespace", "--overwrite")
    assert server.request("/api/v1/namespaces/shop")["metadata"]["labels"]["istio.io/use-waypoint"] == "two"


def test_a_gateway_of_another_class_is_left_alone(server):
    other = {**manifests.waypoint("waypoint", "shop", "10.0.0.1")}
    other["spec"]["gatewayClassName"] = "istio"
    server.request("/apis/gateway.networking.k8s.io/v1/namespaces/shop/gateways", other)
    for command in (("apply",), ("delete", "waypoint")):
        waypoint(server, command[0], "-n", "shop", *command[1:], check=False)
    assert gateway(server)["spec"]["gatewayClassName"] == "istio"
    assert waypoint(server, "list", "-A").stdout == "No waypoints found.\n"


def test_fields_of_another_manager_are_not_taken(server):
    mine = manifests.waypoint("waypoint", "shop", "10.0.0.1")
    mine["spec"]["listeners"][0]["port"] = 15009
    del mine["status"]
    server.kubectl("apply", "--server-side", "--field-manager=gitops", "--validate=false", "-f", "-",
                   input=json.dumps(mine))
    result = waypoint(server, "apply", "-n", "shop", check=False)
    assert result.returncode == 1 and 'conflict with "gitops": .spec.listeners' in result.stderr


def test_list_and_status_show_what_the_controller_says(server):
    waypoint(server, "apply", "-n", "shop", "--for", "all", "-r", "canary")
    waypoint(server, "apply", "-n", "default", "--name", "other")
    program(server)
    lines = [line.split() for line in waypoint(server, "list", "-A").stdout.splitlines()]
    assert lines == [["NAMESPACE", "NAME", "REVISION", "TRAFFIC", "TYPE", "PROGRAMMED"],
                     ["default", "other", "default", "none", "False"], ["shop", "waypoint", "canary", "all", "True"]]
    shown, = json.loads(waypoint(server, "list", "-n", "shop", "-o", "json").stdout)
    assert shown["programmed"] and shown["addresses"] == ["10.0.0.9"]
    assert "Programmed" in waypoint(server, "status", "-n", "shop").stdout
    result = waypoint(server, "status", "--wait=false", check=False)
    assert result.returncode == 1 and "no controller has taken the Gateway yet" in result.stdout


def test_delete_removes_and_unlabels(server):
    waypoint(server, "apply", "-n", "shop", "--enroll-namespace")
    result = waypoint(server, "delete", "-n", "shop", "waypoint", "nothing")
    assert result.stdout == "waypoint shop/waypoint deleted\nwaypoint shop/nothing not found\n"
    assert "still labeled" in result.stderr
    waypoint(server, "apply", "-n", "shop")
    waypoint(server, "delete", "-n", "shop", "--all", "--unlabel")
    assert gateway(server).get("code") == 404
    assert "istio.io/use-waypoint" not in server.request("/api/v1/namespaces/shop")["metadata"]["labels"]


def test_without_the_definitions_the_reason_is_said(world):
    server = kubernetes.cluster(world, options=["--no-custom-resources"])
    result = waypoint(server, "apply", check=False)
    assert result.returncode == 1 and "missing Kubernetes Gateway CRDs" in result.stderr
