# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""The test's own API server, held to what kubectl expects of one."""

import json

import pytest
from mesh import kubernetes, manifests
from mesh.command import CommandFailed


@pytest.fixture
def server(world):
    return kubernetes.cluster(world)


def apply(server, value, *words):
    return server.kubectl("apply", "--validate=false", *words, "-f", "-", input=json.dumps(value)).stdout


def test_kubectl_creates_changes_reads_and_deletes(server):
    policy = manifests.authorization_policy("p", "default", "ALLOW", [{}])
    assert "created" in apply(server, policy)
    policy["spec"]["action"] = "DENY"
    assert "configured" in apply(server, policy)
    shown = json.loads(server.kubectl("get", "authorizationpolicy", "p", "-o", "json").stdout)
    assert shown["spec"]["action"] == "DENY" and shown["metadata"]["generation"] == 2
    server.kubectl("delete", "authorizationpolicy", "p")
    with pytest.raises(CommandFailed, match="NotFound"):
        server.kubectl("get", "authorizationpolicy", "p")


def test_kubectl_pages_through_a_list(server):
    for number in range(5):
        server.request("/api/v1/namespaces", manifests.namespace(f"n{number}"))
    names = server.kubectl("get", "namespaces", "--chunk-size=2", "-o", "name").stdout.split()
    assert names == ["namespace/default", *[f"namespace/n{number}" for number in range(5)]]
    assert sum("limit=2" in line for line in server.requests()) == 3


def test_fields_that_another_manager_applied_conflict(server):
    policy = manifests.authorization_policy("p", "default", "ALLOW", [{}])
    apply(server, policy, "--server-side", "--field-manager=a")
    policy["spec"]["action"] = "DENY"
    with pytest.raises(CommandFailed, match='conflict with "a": .spec.action'):
        apply(server, policy, "--server-side", "--field-manager=b")
    apply(server, policy, "--server-side", "--field-manager=b", "--force-conflicts")
    shown = json.loads(server.kubectl("get", "authorizationpolicy", "p", "-o", "json").stdout)
    assert shown["spec"]["action"] == "DENY"


def test_an_old_version_conflicts_and_an_old_watch_is_refused(server):
    made = server.request("/api/v1/namespaces", manifests.namespace("n"))
    changed = server.request("/api/v1/namespaces/n", {**made, "spec": {"x": 1}}, "PUT")
    assert changed["metadata"]["resourceVersion"] > made["metadata"]["resourceVersion"]
    assert server.request("/api/v1/namespaces/n", {**made, "spec": {"x": 2}}, "PUT")["reason"] == "Conflict"
    server.control("compact")
    event = server.request(f"/api/v1/namespaces?watch=1&resourceVersion={made['metadata']['resourceVersion']}")
    assert event["type"] == "ERROR" and event["object"]["code"] == 410


def test_the_state_outlives_the_server(server):
    server.request("/api/v1/namespaces", manifests.namespace("n"))
    server.kill()
    server.start()
    assert "n" in server.kubectl("get", "namespace", "n", "-o", "name").stdout
