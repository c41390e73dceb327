# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""deploy/: what the manifests say is what the executables take, need and ask; nothing more and nothing less."""

import json
from pathlib import Path

import pytest
from mesh import kubernetes
from mesh.certificate_service import ClusterCertificateService
from mesh.serving import exchange
from mesh.tunnel import binary
from mesh.waiting import eventually

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
SYSTEM = "ambit-system"


@pytest.fixture
def server(world):
    return kubernetes.cluster(world)


def install(server, folder=""):
    return server.kubectl("apply", "--validate=false", "-k", DEPLOY / folder).stdout


def objects(server, kind, namespace=SYSTEM):
    groups = {"clusterroles": "apis/rbac.authorization.k8s.io/v1", "clusterrolebindings": "apis/rbac.authorization.k8s.io/v1",
              "daemonsets": f"apis/apps/v1/namespaces/{namespace}", "deployments": f"apis/apps/v1/namespaces/{namespace}",
              "serviceaccounts": f"api/v1/namespaces/{namespace}", "services": f"api/v1/namespaces/{namespace}"}
    return {value["metadata"]["name"]: value for value in server.request(f"/{groups[kind]}/{kind}")["items"]}


def rights(server, account):
    """What a service account may do, as [verb, group, resource], by the bindings and roles that were applied."""
    found = []
    roles = objects(server, "clusterroles")
    for binding in objects(server, "clusterrolebindings").values():
        if {"kind": "ServiceAccount", "name": account, "namespace": SYSTEM} in binding["subjects"]:
            for rule in roles[binding["roleRef"]["name"]]["rules"]:
                found += [[verb, group, resource] for verb in rule["verbs"] for group in rule["apiGroups"]
                          for resource in rule["resources"]]
    assert account in objects(server, "serviceaccounts")
    return sorted(found)


def log_in(server, account):
    """A kubeconfig of a service account that may do what the manifests grant it, and nothing else."""
    token, user = f"token-of-{account}", f"system:serviceaccount:{SYSTEM}:{account}"
    server.control("users", **{token: {"user": user, "groups": [], "rules": rights(server, account)}})
    path = server.directory / f"kubeconfig-{account}"
    server.write_kubeconfig(path, {"token": token})
    return path


def used(server, account):
    return server.control("used", user=f"system:serviceaccount:{SYSTEM}:{account}")["rights"]


@pytest.mark.parametrize("folder", ["", "overlays/dev", "overlays/production", "waypoints"])
def test_kubectl_applies_each_folder_twice_without_a_change(server, folder):
    assert "created" in install(server, folder)
    again = install(server, folder)
    # kubectl always sends a PodDisruptionBudget's selector again, whose strategy of merging is to replace it.
    assert again and all(line.endswith(" unchanged") or line.startswith("poddisruptionbudget.policy/")
                         for line in again.splitlines()), again


def test_one_service_account_token_and_service_name_fit_each_other(server):
    install(server)
    tunnel = objects(server, "daemonsets")["ambit-tunnel"]["spec"]["template"]["spec"]
    arguments = dict(word.removeprefix("--").split("=") for word in tunnel["containers"][0]["args"] if "=" in word)
    name, port = arguments["ca-address"].split(":")
    service = objects(server, "services")[name.split(".")[0]]
    assert name.split(".")[1] == service["metadata"]["namespace"]
    assert int(port) in [entry["port"] for entry in service["spec"]["ports"]]
    mounts = {mount["name"]: mount["mountPath"] for mount in tunnel["containers"][0]["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in tunnel["volumes"]}
    token = volumes["ca-token"]["projected"]["sources"][0]["serviceAccountToken"]
    assert arguments["ca-token"] == f"{mounts['ca-token']}/{token['path']}" and token["audience"] == "istio-ca"
    assert arguments["ca-root-cert"].startswith(mounts["ca-root"] + "/")
    assert arguments["state-dir"] == mounts["state"]
    selected = objects(server, "deployments")["ambit-identity"]["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"].items() <= selected.items()


def test_tunnels_and_identity_service_run_as_the_manifests_say_with_just_those_rights(world, server):
    # Pages first, then watches: both verbs are used.
    server.control("settings", streamingLists=False)
    install(server)
    daemon = objects(server, "daemonsets")["ambit-tunnel"]["spec"]["template"]["spec"]["containers"][0]
    signer = objects(server, "deployments")["ambit-identity"]["spec"]["template"]["spec"]["containers"][0]

    service = ClusterCertificateService(world, server, options=["--kubeconfig", log_in(server, "ambit-identity")])
    kubeconfig = log_in(server, "ambit-tunnel")
    world.namespace("default")
    client = world.pod("client", kubernetes.node(world, "node1"))
    peer = world.pod("server", kubernetes.node(world, "node2"))
    added = [name.lower() for name in daemon["securityContext"]["capabilities"]["add"]]
    assert daemon["securityContext"]["capabilities"]["drop"] == ["ALL"]
    for tunnel in world.tunnels:
        node = tunnel.node.name
        # The arguments as they are, then what another machine makes different.
        tunnel.command = lambda node=node, options=service.tunnel_options(tunnel.node): [
            "setpriv", "--no-new-privs", "--inh-caps=-all", "--ambient-caps=-all",
            "--bounding-set=" + ",".join(["-all", *("+" + name for name in added)]),
            binary(), *daemon["args"], "--kubernetes", "--kubeconfig", kubeconfig, "--proc", world.folder.processes.path,
            "--state-dir", world.directory / f"state-{node}", *options]
        tunnel.env = {"NODE_NAME": node}
    assert signer["args"][:2] == ["identity", "serve"]
    service.start()
    world.start()
    probe = daemon["readinessProbe"]["httpGet"]
    assert client.node.tunnel.get(probe["port"], probe["path"])[0] == 200
    peer.serve(8080)
    for pod in (client, peer):
        pod.wait_captured()
    with client.connect(peer, 8080) as connection:
        exchange(connection)
    entry = client.node.tunnel.wait_access(direction="outbound", src__workload="client")
    assert entry["dst.identity"] == peer.spiffe_id

    for account in ("ambit-tunnel", "ambit-identity"):
        eventually(lambda account=account: used(server, account) == rights(server, account), 10,
                   message=lambda account=account: json.dumps([used(server, account), rights(server, account)]))
