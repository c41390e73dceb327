# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""deploy/: what the manifests say is what the executables take, need and ask; nothing more and nothing less."""

import base64
import json
import os
import shutil
import signal
from pathlib import Path

import pytest
from mesh import container, kubernetes, manifests
from mesh.certificate_service import ClusterCertificateService
from mesh.command import run
from mesh.kubelet import Kubelet
from mesh.manifests import peer_authentication
from mesh.serving import exchange
from mesh.tunnel import binary
from mesh.waiting import eventually

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
SYSTEM = "ambit-system"
PEM = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"
#: What a network plugin has put on a node.
LIST = {"cniVersion": "1.0.0", "name": "main", "plugins": [{"type": "bridge"}, {"type": "portmap"}]}


@pytest.fixture
def server(world):
    return kubernetes.cluster(world)


def install(server, folder=""):
    return server.kubectl("apply", "--validate=false", "-k", DEPLOY / folder).stdout


def objects(server, kind, namespace=SYSTEM):
    groups = {"clusterroles": "apis/rbac.authorization.k8s.io/v1", "clusterrolebindings": "apis/rbac.authorization.k8s.io/v1",
              **{kind: f"apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}" for kind in ("roles", "rolebindings")},
              "daemonsets": f"apis/apps/v1/namespaces/{namespace}", "deployments": f"apis/apps/v1/namespaces/{namespace}",
              "serviceaccounts": f"api/v1/namespaces/{namespace}", "services": f"api/v1/namespaces/{namespace}"}
    return {value["metadata"]["name"]: value for value in server.request(f"/{groups[kind]}/{kind}")["items"]}


def rights(server, account):
    """What a service account may do, as [verb, group, resource], by the bindings and roles that were applied."""
    found = []
    for kind in ("clusterrole", "role"):
        roles = objects(server, f"{kind}s")
        for binding in objects(server, f"{kind}bindings").values():
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


@pytest.mark.parametrize("folder", ["", "overlays/dev", "overlays/production", "definitions", "uninstall", "waypoints"])
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


class Installation:
    """Two nodes with a tunnel each, and the identity service, in the image and as the manifests say."""

    def __init__(self, world, server):
        self.world = world
        archive = container.build(Path(binary()).parent, world.directory / "images", "ambit-tunnel")["ambit-tunnel"]
        self.image = container.Image(archive, world.directory / "root")
        install(server)
        self.pod = objects(server, "daemonsets")["ambit-tunnel"]["spec"]["template"]["spec"]
        signer = objects(server, "deployments")["ambit-identity"]["spec"]["template"]["spec"]["containers"][0]
        self.service = ClusterCertificateService(world, server, options=["--kubeconfig", log_in(server, "ambit-identity")])
        # Where configuration and secrets of a test stand.
        self.volumes = [world.directory]
        self.service.program = self.image.command(signer, volumes=self.volumes)
        assert signer["args"][:2] == ["identity", "serve"]
        self.service.options += [word for word in signer["args"] if word.startswith(("--publish-", "--ca-secret="))]
        server.request(f"/api/v1/namespaces/{SYSTEM}/secrets", {
            "metadata": {"name": "ambit-ca", "annotations": {"ambit.dev/rotate": "now"}},
            "stringData": {name: (self.service.ca_directory / name).read_text() for name in ("ca.crt", "ca.key")}})
        kubeconfig = log_in(server, "ambit-tunnel")
        world.namespace("default")
        self.client = world.pod("client", kubernetes.node(world, "node1"))
        self.peer = world.pod("server", kubernetes.node(world, "node2"))
        daemon = self.pod["containers"][0]
        for tunnel in world.tunnels:
            # The arguments as they are, then what another machine makes different.
            words = [*daemon["args"], "--kubernetes", "--kubeconfig", kubeconfig, "--proc", world.folder.processes.path,
                     *self.service.tunnel_options(tunnel.node)]
            # What stands in place of /proc shows the first node alone.
            words += ["--kubelet-cgroup=none"] if tunnel.node is not self.client.node else []
            volumes = self.volumes + self.image.volumes(self.pod, daemon, self.node_root(tunnel.node))
            tunnel.command = lambda words=words, volumes=volumes: self.image.command(daemon, *words, volumes=volumes)
            tunnel.env = {"NODE_NAME": tunnel.node.name}

    def node_root(self, node):
        """What a node has of folders: a runtime's, and what runs on any machine."""
        # The name of a socket has room for 107 octets, which the folder of a test may take alone.
        root = Path("/run") / f"ambit-{os.getpid()}-{node.name}"
        if not root.exists():
            self.world.closing(lambda: shutil.rmtree(root))
            for folder in ("opt/cni/bin", "etc/cni/net.d", "proc", "dev", "run", "var/lib"):
                (root / folder).mkdir(parents=True)
            (root / "dev/stdin").symlink_to("/proc/self/fd/0")
            (root / "etc/cni/net.d/10-main.conflist").write_text(json.dumps(LIST) + "\n")
        return root

    def run(self, node, pod, number=0):
        """Runs an init container of a DaemonSet on a node."""
        made = pod["initContainers"][number]
        volumes = self.image.volumes(pod, made, self.node_root(node))
        return run(*self.image.command(made, *made["args"], volumes=volumes)).stdout

    def plug(self, node, command, pod):
        """The plugin's answer, called as the node's runtime calls it, with nothing but what was installed there."""
        root = self.node_root(node)
        plugins = json.loads((root / "etc/cni/net.d/10-main.conflist").read_text())["plugins"]
        configuration = {**plugins[-1], "cniVersion": LIST["cniVersion"], "name": LIST["name"],
                         "prevResult": {"cniVersion": LIST["cniVersion"], "ips": []}}
        words = {"CNI_COMMAND": command, "CNI_CONTAINERID": "c0ffee", "CNI_NETNS": pod.netns.path, "CNI_IFNAME": "eth0",
                 "CNI_ARGS": f"K8S_POD_NAMESPACE={pod.namespace};K8S_POD_NAME={pod.name};"
                             f"K8S_POD_UID={self.world.folder.uid(pod.manifest())}"}
        return run("env", *(f"{key}={value}" for key, value in words.items()), "unshare", "--mount", "--pid", "--fork",
                   f"--mount-proc={root}/proc", "chroot", root, f"/opt/cni/bin/{plugins[-1]['type']}",
                   input=json.dumps(configuration)).stdout


def test_tunnels_and_identity_service_run_in_their_image_as_the_manifests_say_with_just_those_rights(world, server):
    # Pages first, then watches: both verbs are used.
    server.control("settings", streamingLists=False, clusterTrustBundles=["v1beta1"])
    installation = Installation(world, server)
    client, peer = installation.client, installation.peer
    signer = installation.service.start().processes[-1]
    # The roots are published, put right when they are others, and so again by the next service.
    roots = f"/api/v1/namespaces/{SYSTEM}/configmaps/ambit-ca-root"
    published = installation.service.roots.read_text()
    eventually(lambda: server.request(roots).get("data") == {"root-cert.pem": published}, 30)
    bundle = "/apis/certificates.k8s.io/v1beta1/clustertrustbundles/ambit.dev:identity:roots"
    eventually(lambda: server.request(bundle).get("spec", {}).get("trustBundle") == published, 30)
    signer.signal(signal.SIGTERM)
    assert signer.wait() == 0
    server.kubectl("-n", SYSTEM, "patch", "configmap", "ambit-ca-root", "--type=merge", "-p", '{"data": {"root-cert.pem": "x"}}')
    installation.service.start()
    eventually(lambda: server.request(roots)["data"] == {"root-cert.pem": published}, 30)
    kubelet = Kubelet(world, client.node)
    world.start()
    probe = installation.pod["containers"][0]["readinessProbe"]["httpGet"]
    assert client.node.tunnel.get(probe["port"], probe["path"])[0] == 200
    peer.serve(8080)
    for pod in (client, peer):
        pod.wait_captured()
    with client.connect(peer, 8080) as connection:
        exchange(connection)
    entry = client.node.tunnel.wait_access(direction="outbound", src__workload="client")
    assert entry["dst.identity"] == peer.spiffe_id
    client.serve(8080)
    world.folder.apply(peer_authentication("default", "default", "STRICT"))
    eventually(lambda: kubelet.probe(client.addresses[4]) == "probe", 5)
    assert client.node.tunnel.metrics().total("ambit_probes_exempt") == 1

    # A pod that cannot join, for one reason and then another: its Event is made, then changed.
    pod = world.pod("stray", client.node, apply=False)
    pod.listen(15008)
    value = pod.manifest()
    value["metadata"]["annotations"].pop("ambit.dev/netns")
    world.folder.apply(value)
    eventually(lambda: ["create", "", "events"] in used(server, "ambit-tunnel"), 30)
    world.folder.processes.add(world.folder.uid(value), pod.netns.path)

    for account in ("ambit-tunnel", "ambit-identity"):
        eventually(lambda account=account: used(server, account) == rights(server, account), 30,
                   message=lambda account=account: json.dumps([used(server, account), rights(server, account)]))


def test_new_pods_are_captured_by_the_plugin_that_the_daemonset_installs_and_uninstalling_leaves_the_node_as_it_was(
        world, server):
    installation = Installation(world, server)
    node = installation.client.node
    root = installation.node_root(node)
    assert "chained into" in installation.run(node, installation.pod)
    entry = json.loads((root / "etc/cni/net.d/10-main.conflist").read_text())["plugins"][-1]
    assert entry["whenAway"] == "fail-enrolled"
    installation.service.start()
    world.start()
    # A tunnel that starts again, or an upgrade, finds the plugin as it is.
    assert "installed already" in installation.run(node, installation.pod)

    pod = world.pod("new", node, apply=False)
    value = pod.manifest()
    value["status"] = {"phase": "Pending"}
    value["metadata"]["annotations"].pop("ambit.dev/netns")
    world.folder.apply(value)
    assert json.loads(installation.plug(node, "ADD", pod))["cniVersion"] == LIST["cniVersion"]
    assert pod.is_captured()
    eventually(lambda: (root / "var/lib/ambit/tunnel/enrolled-namespaces").read_text() == "default\n", 10)
    installation.plug(node, "DEL", pod)

    world.namespace("default", ambient=False)
    pod.wait_captured(False)
    node.tunnel.stop()
    server.kubectl("apply", "--validate=false", "-k", DEPLOY / "uninstall")
    uninstall = objects(server, "daemonsets")["ambit-uninstall"]["spec"]["template"]["spec"]
    assert "taken out of" in installation.run(node, uninstall)
    made = uninstall["containers"][0]
    process = world.run_in(node.netns, *installation.image.command(
        made, *made["args"], volumes=installation.image.volumes(uninstall, made, root)), name="uninstall")
    left = sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    assert left == ["etc/cni/net.d/10-main.conflist"]
    assert json.loads((root / "etc/cni/net.d/10-main.conflist").read_text()) == LIST
    for folder in ("opt/cni/bin", "var/lib", "run"):
        assert not list((root / folder).iterdir()), folder
    # It runs while the DaemonSet is there, and is gone at once with it.
    eventually(lambda: "waits for SIGTERM" in process.text(), 10)
    assert process.status is None
    process.signal(signal.SIGTERM)
    assert process.wait() == 0


def stub(server, directory):
    """A kubectl for the script: commands that need kubelets are answered here, all are written down."""
    words, answers = directory / "words", directory / "answers"
    words.write_text("")
    # Tunnels hold certificates until they have been asked twice.
    answers.write_text("spiffe://cluster.local/ns/shop/sa/default\n" * 2)
    path = directory / "kubectl-stub"
    path.write_text(f"""#!/usr/bin/env bash
echo "$*" >>{words}
case " $* " in
*" exec "*) head -n 1 {answers}; sed -i 1d {answers} ;;
*" rollout "*) ;;
# The server has no schemas to validate by.
*" apply "* | *" create -f "*) exec {kubernetes.kubectl_binary()} --kubeconfig {server.kubeconfig} "$@" --validate=false ;;
*) exec {kubernetes.kubectl_binary()} --kubeconfig {server.kubeconfig} "$@" ;;
esac
""")
    path.chmod(0o755)
    return path, words


def test_deploy_makes_a_ca_once_and_changes_nothing_the_second_time(world, server):
    path, words = stub(server, world.directory)

    def deploy():
        return server.run("env", f"HOME={world.directory}", f"KUBECTL={path}", f"AMBIT_TUNNEL={binary()}", DEPLOY / "deploy",
                          timeout=100).stdout

    label = {"istio.io/dataplane-mode": "ambient"}
    server.request("/api/v1/namespaces", manifests.namespace("found", label))
    server.request("/api/v1/namespaces/default/pods", manifests.pod("old", "default", "node1", ["10.0.0.1"], "old", label))
    deploy()
    found = f"/api/v1/namespaces/{SYSTEM}/configmaps/ambit-found"
    assert server.request(found)["data"]["labelled"].split() == ["found", "default", "old"]
    secret = server.request(f"/api/v1/namespaces/{SYSTEM}/secrets/ambit-ca")
    root = server.request(f"/api/v1/namespaces/{SYSTEM}/configmaps/ambit-ca-root")["data"]["root-cert.pem"]
    assert set(secret["data"]) == {"ca.key", "ca.crt"} and base64.b64decode(secret["data"]["ca.crt"]).decode() == root
    labels = server.request(f"/api/v1/namespaces/{SYSTEM}/configmaps/ambit-ca-root")["metadata"]["labels"]
    assert labels["app.kubernetes.io/managed-by"] == "ambit-identity"
    # Where Gateway API is, waypoints are to be had.
    assert objects(server, "deployments").keys() == {"ambit-identity", "ambit-waypoint-controller"}
    server.request("/api/v1/namespaces", manifests.namespace("later", label))
    # kubectl sends a patch of every PodDisruptionBudget, which changes nothing.
    assert not [line for line in deploy().splitlines() if "configured" in line and "poddisruptionbudget" not in line]
    assert server.request(found)["data"]["labelled"].split() == ["found", "default", "old"]
    assert server.request(f"/api/v1/namespaces/{SYSTEM}/secrets/ambit-ca")["data"] == secret["data"]
    for rolled in ("daemonset/ambit-tunnel", "deployment/ambit-waypoint-controller"):
        assert f"rollout status {rolled}" in words.read_text()


def test_deploy_takes_images_from_the_folder_and_waypoints_only_where_they_are_wanted(world, server):
    path, _ = stub(server, world.directory)
    folder = world.directory / "own"
    folder.mkdir()
    (folder / "kustomization.yaml").write_text(json.dumps({
        "resources": [os.path.relpath(DEPLOY, folder)],
        "images": [{"name": "ambit-tunnel", "newName": "registry.example/mesh/ambit-tunnel", "newTag": "7"}]}))

    def deploy(*settings):
        server.run("env", f"HOME={world.directory}", f"KUBECTL={path}", f"AMBIT_TUNNEL={binary()}", *settings, DEPLOY / "deploy",
                   folder, timeout=100)
        controller = objects(server, "deployments").get("ambit-waypoint-controller")
        return controller and controller["spec"]["template"]["spec"]["containers"][0]["image"]

    assert deploy("WAYPOINTS=no") is None
    assert deploy() == "registry.example/mesh/ambit-waypoint:7"


#: Whether what deploy/deploy has found, and what was labelled since, is labelled after deploy/undeploy.
@pytest.mark.parametrize("settings, found, since", [((), True, False), (("LABELS=keep",), True, True)], ids=["as-found", "keep"])
def test_undeploy_takes_pods_out_first_and_leaves_nothing(world, server, settings, found, since):
    install(server)
    install(server, "waypoints")
    label = {"istio.io/dataplane-mode": "ambient"}
    for name in ("found", "gone"):
        server.request("/api/v1/namespaces", manifests.namespace(name, label))
    server.request(f"/api/v1/namespaces/{SYSTEM}/configmaps", {
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ambit-found"}, "data": {"labelled": "found\nnever\nshop never"}})
    for number, name in enumerate(("ambit-waypoint", "istio")):
        gateway = manifests.waypoint(name, "default", f"10.0.0.{number}")
        gateway["spec"]["gatewayClassName"] = name
        server.request("/apis/gateway.networking.k8s.io/v1/namespaces/default/gateways", gateway)
    tunnel = {"app.kubernetes.io/name": "ambit-tunnel"}
    for name, namespace, labels in (("ambit-tunnel-x", SYSTEM, tunnel), ("web", "shop", {"istio.io/dataplane-mode": "ambient"})):
        if namespace == "shop":
            server.request("/api/v1/namespaces", manifests.namespace("shop", {"istio.io/dataplane-mode": "ambient"}))
        server.request(f"/api/v1/namespaces/{namespace}/pods", {
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels},
            "spec": {"containers": [{"name": "tunnel", "image": "x"}]}})
    server.kubectl("-n", SYSTEM, "set", "image", "daemonset/ambit-tunnel", "*=registry.example/ambit-tunnel:9")
    # What identity services have published, one of them another's.
    server.control("settings", clusterTrustBundles=["v1beta1"])
    bundles = "/apis/certificates.k8s.io/v1beta1/clustertrustbundles"
    for name, labels in (("ambit.dev:identity:roots", {"app.kubernetes.io/part-of": "ambit"}), ("example.com:x:y", {})):
        made = server.request(bundles, {
            "metadata": {"name": name, "labels": labels},
            "spec": {"signerName": "/".join(name.split(":")[:2]), "trustBundle": PEM}})
        assert made["kind"] == "ClusterTrustBundle", made
    path, words = stub(server, world.directory)
    server.run("env", f"HOME={world.directory}", f"KUBECTL={path}", *settings, DEPLOY / "undeploy", timeout=100)

    commands = words.read_text().splitlines()
    assert sum(" exec " in f" {line} " for line in commands) == 3
    order = [next(index for index, line in enumerate(commands) if text in line) for text in (
        "label namespace/found istio.io/dataplane-mode-", "label namespace/shop istio.io/dataplane-mode-", "label -n shop pod/web", "exec",
        "delete daemonset ambit-tunnel", "kustomize", "rollout status", "delete daemonset ambit-uninstall",
        "label namespace/found istio.io/dataplane-mode=ambient", "delete -k")]
    assert order == sorted(order), commands
    for path_of, is_labelled in (("found", found), ("shop", since), ("shop/pods/web", since)):
        labels = server.request(f"/api/v1/namespaces/{path_of}")["metadata"].get("labels", {})
        assert (labels.get("istio.io/dataplane-mode") == "ambient") == is_labelled, path_of
    left = server.request("/apis/gateway.networking.k8s.io/v1/gateways")["items"]
    assert [gateway["metadata"]["name"] for gateway in left] == ["istio"]
    for kind in ("daemonsets", "deployments", "serviceaccounts", "services", "clusterroles", "clusterrolebindings"):
        assert not objects(server, kind), kind
    assert [value["metadata"]["name"] for value in server.request(bundles)["items"]] == ["example.com:x:y"]
    server.control("settings", clusterTrustBundles=[])
    if settings:
        return
    # Who was not there is not missed.
    answers = world.directory / "answers"
    answers.write_text("")
    server.run("env", f"HOME={world.directory}", f"KUBECTL={path}", *settings, DEPLOY / "undeploy", timeout=100)
