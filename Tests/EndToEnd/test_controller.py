# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""`ambit-waypoint controller` against an API server: what it makes, what it says, and what it leaves alone."""

import json
import signal
from pathlib import Path

import pytest
from mesh import kubernetes, manifests
from mesh.apiserver.resources import definition
from mesh.certificate_service import ClusterCertificateService
from mesh.controller import Controllers, endpoints, gateway, gateway_class, route
from mesh.waiting import eventually
from mesh.waypoint import binary

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
SYSTEM = "ambit-system"

MADE = ("ServiceAccount", "Service", "Deployment", "PodDisruptionBudget")


@pytest.fixture
def cluster(world):
    server = kubernetes.cluster(world)
    server.request("/api/v1/namespaces", manifests.namespace("shop", {"istio.io/dataplane-mode": "ambient"}))
    made = Controllers(server)
    made.create(gateway_class())
    world.closing(made.stop)
    return made


def test_a_gateway_gets_its_objects_and_its_status_and_then_nothing_is_written(cluster):
    cluster.create(gateway(infrastructure={"labels": {"team": "a"}}))
    cluster.start()
    cluster.wait_condition("Gateway", "waypoint", "Programmed", "False", "AddressNotAssigned")
    made = {kind: cluster.get(kind, "waypoint") for kind in MADE}
    owner = cluster.get("Gateway", "waypoint")["metadata"]["uid"]
    for value in made.values():
        reference, = value["metadata"]["ownerReferences"]
        assert (reference["uid"], reference["controller"]) == (owner, True)
        assert value["metadata"]["labels"]["team"] == "a"
    spec = made["Deployment"]["spec"]
    pod = spec["template"]["spec"]
    container, = pod["containers"]
    assert spec["replicas"] == 2 and container["image"] == "waypoint:1"
    assert container["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]},
                                            "readOnlyRootFilesystem": True}
    assert pod["securityContext"]["runAsNonRoot"] and pod["serviceAccountName"] == "waypoint"
    assert [rule["topologyKey"] for rule in pod["topologySpreadConstraints"]][0] == "kubernetes.io/hostname"
    selector = made["Service"]["spec"]["selector"]
    labels = spec["template"]["metadata"]["labels"]
    assert selector.items() <= labels.items() and labels["istio.io/dataplane-mode"] == "none"
    assert "addresses" not in cluster.get("Gateway", "waypoint")["status"]

    cluster.create(endpoints("waypoint"))
    programmed = cluster.wait_condition("Gateway", "waypoint", "Programmed", "True", "Programmed")
    status = cluster.get("Gateway", "waypoint")["status"]
    assert status["addresses"] == [{"type": "Hostname", "value": "waypoint.shop.svc.cluster.local"}]
    assert programmed["observedGeneration"] == 1
    listener, = status["listeners"]
    assert listener["name"] == "mesh" and {c["type"]: c["status"] for c in listener["conditions"]} == {
        "Accepted": "True", "Conflicted": "False", "Programmed": "True", "ResolvedRefs": "True"}
    assert cluster.condition("GatewayClass", "ambit-waypoint", "Accepted")["status"] == "True"

    count = cluster.rest()
    # Another replica has nothing to say that is not said already.
    cluster.processes[0].stop()
    cluster.start()
    assert cluster.rest() == count
    # The address stays when the last pod goes: bound traffic is refused, it does not pass the waypoint by.
    cluster.replace(endpoints("waypoint", ready=False))
    later = cluster.wait_condition("Gateway", "waypoint", "Programmed", "False", "AddressNotUsable")
    status = cluster.get("Gateway", "waypoint")["status"]
    assert status["addresses"] and later["lastTransitionTime"] >= programmed["lastTransitionTime"]


def test_what_others_change_or_remove_is_put_right_and_what_they_own_is_left(cluster):
    cluster.create(gateway())
    process = cluster.start()
    eventually(lambda: cluster.get("PodDisruptionBudget", "waypoint"), 10)
    cluster.rest()
    cluster.delete("Service", "waypoint")
    eventually(lambda: cluster.get("Service", "waypoint"), 10)
    # Who applies a field has it; what is not the controller's is not looked at.
    place = ["--server-side", "--force-conflicts", "--field-manager=gitops", "--validate=false", "-f", "-"]
    cluster.server.kubectl("apply", *place, input='{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": '
                           '{"name": "waypoint", "namespace": "shop", "labels": {"x": "y"}}, "spec": {"replicas": 5}}')
    cluster.wait_log(process, "fields of another manager are left as they are")
    cluster.rest()
    deployment = cluster.get("Deployment", "waypoint")
    assert deployment["spec"]["replicas"] == 5 and deployment["metadata"]["labels"]["x"] == "y"
    # Changes of the Gateway get through all the same.
    changed = cluster.get("Gateway", "waypoint")
    changed["spec"]["infrastructure"] = {"labels": {"team": "b"}}
    cluster.replace(changed)
    eventually(lambda: cluster.get("Deployment", "waypoint")["metadata"]["labels"].get("team") == "b", 10)
    assert cluster.get("Deployment", "waypoint")["spec"]["replicas"] == 5


def test_an_autoscaler_comes_and_goes_with_its_annotation(cluster):
    cluster.create(gateway(annotations={"ambit.dev/replicas": "3", "ambit.dev/max-replicas": "9"}))
    cluster.start()
    scaler = eventually(lambda: cluster.get("HorizontalPodAutoscaler", "waypoint"), 10)
    assert (scaler["spec"]["minReplicas"], scaler["spec"]["maxReplicas"]) == (3, 9)
    assert "replicas" not in cluster.get("Deployment", "waypoint")["spec"]
    changed = cluster.get("Gateway", "waypoint")
    changed["metadata"]["annotations"] = {"ambit.dev/max-replicas": "none"}
    cluster.replace(changed)
    told = cluster.wait_condition("Gateway", "waypoint", "Accepted", "False", "InvalidParameters")
    assert "ambit.dev/max-replicas" in told["message"] and cluster.get("HorizontalPodAutoscaler", "waypoint")
    changed = cluster.get("Gateway", "waypoint")
    changed["metadata"]["annotations"] = {}
    cluster.replace(changed)
    eventually(lambda: not cluster.get("HorizontalPodAutoscaler", "waypoint"), 10)
    eventually(lambda: cluster.get("Deployment", "waypoint")["spec"].get("replicas") == 2, 10)


def test_objects_of_other_owners_and_classes_are_left_alone(cluster):
    stranger = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "waypoint", "namespace": "shop"},
                "spec": {"replicas": 1}}
    before = cluster.create(stranger)
    cluster.create(gateway())
    cluster.create(gateway_class("istio-waypoint", "istio.io/mesh-controller"))
    cluster.create({**gateway("other"), "spec": {**gateway()["spec"], "gatewayClassName": "istio-waypoint"}})
    process = cluster.start("--istio-class")
    told = cluster.wait_condition("Gateway", "waypoint", "Programmed", "False", "NoResources")
    assert "Deployment shop/waypoint is there already" in told["message"]
    cluster.rest()
    assert cluster.get("Deployment", "waypoint") == before
    assert cluster.get("Service", "other") is None and "status" not in cluster.get("Gateway", "other")
    assert "status" not in cluster.get("GatewayClass", "istio-waypoint")
    assert sum("is there already" in line for line in process.text().splitlines()) == 1
    cluster.delete("Deployment", "waypoint")
    cluster.wait_condition("Gateway", "waypoint", "Programmed", "False", "AddressNotAssigned")
    assert cluster.get("Deployment", "waypoint")["metadata"]["ownerReferences"]


def test_only_accounts_that_were_made_for_gateways_get_rights(cluster):
    binding = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "waypoints"},
               "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "waypoints"}}
    cluster.create(binding)
    cluster.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": "shop"}})
    cluster.create(gateway("default"))
    cluster.create(gateway())
    cluster.start("--role-binding", "waypoints")
    told = cluster.wait_condition("Gateway", "default", "Programmed", "False", "NoResources")
    assert "ServiceAccount shop/default is there already" in told["message"]
    subjects = lambda: cluster.get("ClusterRoleBinding", "waypoints").get("subjects")
    own = {"kind": "ServiceAccount", "name": "waypoint", "namespace": "shop"}
    eventually(lambda: subjects() == [own], 10, message=lambda: str(subjects()))
    cluster.rest()
    assert subjects() == [own]
    cluster.delete("ServiceAccount", "default")
    eventually(lambda: subjects() == [{**own, "name": "default"}, own], 10, message=lambda: str(subjects()))


def test_the_class_of_istio_is_taken_only_when_told(cluster):
    cluster.create({**gateway(), "spec": {**gateway()["spec"], "gatewayClassName": "istio-waypoint"}})
    first = cluster.start()
    cluster.rest()
    assert cluster.get("Deployment", "waypoint") is None
    first.stop()
    cluster.start("--istio-class")
    eventually(lambda: cluster.get("Deployment", "waypoint"), 10)


@pytest.mark.parametrize("listeners, reason", [
    ([{"name": "web", "port": 80, "protocol": "HTTP"}], "UnsupportedProtocol"),
    ([{"name": "mesh", "port": 15009, "protocol": "HBONE"}], "PortUnavailable"),
])
def test_a_gateway_without_a_listener_for_waypoints_is_refused(cluster, listeners, reason):
    cluster.create(gateway(listeners=listeners))
    cluster.start()
    cluster.wait_condition("Gateway", "waypoint", "Accepted", "False", "ListenersNotValid")
    listener, = cluster.get("Gateway", "waypoint")["status"]["listeners"]
    assert listener["conditions"][0]["reason"] == reason and listener["supportedKinds"] == []
    cluster.rest()
    assert cluster.get("Deployment", "waypoint") is None


def test_of_two_replicas_one_writes_and_the_other_takes_over(cluster):
    first = cluster.start()
    second = cluster.start(wait=False)
    eventually(lambda: cluster.holder(), 5)
    holder = cluster.holder()
    first.signal(signal.SIGSTOP)
    cluster.wait_log(second, "leads now")
    assert cluster.holder() != holder
    cluster.create(gateway())
    eventually(lambda: cluster.get("PodDisruptionBudget", "waypoint"), 10)
    count = cluster.rest()
    # Who was stopped, and does not know, writes nothing.
    first.signal(signal.SIGCONT)
    cluster.wait_log(first, "does not lead any more")
    assert cluster.rest() == count and cluster.holder() != holder
    # Who ends in an orderly way gives the lease up: the other need not wait for it.
    second.stop()
    eventually(lambda: cluster.holder() and sum("leads now" in line for line in first.text().splitlines()) == 2, 5)
    leases = [line for line in cluster.server.requests() if "/leases" in line and line.startswith("POST")]
    assert len(leases) == 1


def test_while_the_api_server_is_away_a_leader_stops_and_comes_back(cluster):
    process = cluster.start()
    cluster.create(gateway())
    eventually(lambda: cluster.get("PodDisruptionBudget", "waypoint"), 10)
    cluster.rest()
    cluster.server.kill()
    cluster.wait_log(process, "does not lead any more")
    cluster.server.start()
    eventually(lambda: sum("leads now" in line for line in process.text().splitlines()) == 2, 20)
    cluster.delete("Service", "waypoint")
    eventually(lambda: cluster.get("Service", "waypoint"), 10)


def test_a_missing_right_is_named_and_the_rest_goes_on(cluster):
    cluster.server.control("users", limited={"user": "limited", "groups": [],
                                             "denied": [["patch", "poddisruptionbudgets"], ["patch", "services/status"]]})
    path = cluster.server.directory / "limited"
    cluster.server.write_kubeconfig(path, {"token": "limited"})
    cluster.create(gateway())
    process = cluster.start(kubeconfig=path)
    cluster.wait_log(process, 'cannot patch resource \\"poddisruptionbudgets\\"')
    assert cluster.get("Deployment", "waypoint")
    told = cluster.wait_condition("Gateway", "waypoint", "Programmed", "False", "NoResources")
    assert "poddisruptionbudgets is forbidden" in told["message"]
    cluster.server.control("users", limited={"user": "limited", "groups": []})
    eventually(lambda: cluster.get("PodDisruptionBudget", "waypoint"), 40)


def test_a_conflict_is_tried_again_on_top_of_what_there_is(cluster):
    cluster.server.fault("PATCH .*/gateways/waypoint/status", times=2, status=409, reason="Conflict")
    cluster.server.fault("PATCH .*/deployments/waypoint", times=1, status=500)
    cluster.create(gateway())
    cluster.start()
    eventually(lambda: cluster.get("Deployment", "waypoint"), 15)
    cluster.create(endpoints("waypoint"))
    cluster.wait_condition("Gateway", "waypoint", "Programmed", "True", "Programmed")
    cluster.rest()


def test_a_gateway_that_goes_takes_everything_along(cluster):
    cluster.server.fault("PATCH .*/deployments/waypoint", times=1, delay=1)
    cluster.create(gateway())
    cluster.start()
    # While its Deployment is being made.
    eventually(lambda: any("PATCH" in line and "/deployments/" in line for line in cluster.server.requests()), 10)
    cluster.delete("Gateway", "waypoint")
    cluster.rest()
    # What came after the end is the garbage collector's.
    cluster.create(gateway("another"))
    eventually(lambda: cluster.get("PodDisruptionBudget", "another"), 10)
    cluster.delete("Gateway", "another")
    eventually(lambda: not any(cluster.get(kind, name) for kind in MADE for name in ("waypoint", "another")), 10)


@pytest.fixture
def mesh(cluster):
    """Two services, of which one is bound to a waypoint that is ready."""
    cluster.create(gateway())
    cluster.create(endpoints("waypoint"))
    for name, labels in (("bound", {"istio.io/use-waypoint": "waypoint"}), ("free", {})):
        cluster.create(manifests.service(name, "shop", [f"10.96.0.{len(name)}"], {8080: 8080}, {"app": name},
                                         labels=labels, spec={"ports": [
                                             {"name": "http", "port": 8080, "protocol": "TCP"}]}))
    return cluster


def parents(cluster, name):
    """The entries of a route's status: [(controller, {condition: (status, reason)})]."""
    entries = cluster.get("HTTPRoute", name).get("status", {}).get("parents", [])
    return [(entry["controllerName"], {c["type"]: (c["status"], c["reason"]) for c in entry["conditions"]})
            for entry in entries]


OURS = "ambit.dev/waypoint-controller"
GOOD = {"Accepted": ("True", "Accepted"), "ResolvedRefs": ("True", "ResolvedRefs"),
        "ResolvedWaypoints": ("True", "ResolvedWaypoints")}


def test_services_and_routes_are_told_what_their_waypoint_does(mesh):
    filters = [{"type": "ExtensionRef", "extensionRef": {"group": "x", "kind": "y", "name": "z"}}]
    good = route("good", "bound", "free")
    for value in (good, route("no-backend", "bound", "missing"), route("no-parent", "bound", "free", port=9),
                  route("no-waypoint", "free", "free"), route("no-filter", "bound", "free", filters=filters)):
        mesh.create(value)
    # Into another namespace, which of a mesh's route takes no ReferenceGrant (GEP-1294).
    mesh.create(manifests.namespace("other"))
    mesh.create(manifests.service("there", "other", ["10.96.1.1"], {8080: 8080}, {"app": "there"}))
    elsewhere = route("elsewhere", "bound", "there")
    elsewhere["spec"]["rules"][0]["backendRefs"][0]["namespace"] = "other"
    mesh.create(elsewhere)
    foreign = mesh.get("HTTPRoute", "good")
    entry = {"controllerName": "other.example/controller", "parentRef": good["spec"]["parentRefs"][0], "conditions": []}
    mesh.replace({**foreign, "status": {"parents": [entry]}}, "/status")
    mesh.start()
    told = mesh.wait_condition("Service", "bound", "istio.io/WaypointBound", "True", "WaypointAccepted")
    assert "shop/waypoint" in told["message"] and mesh.condition("Service", "free", "istio.io/WaypointBound") is None
    expected = {
        "good": GOOD,
        "elsewhere": GOOD,
        "no-backend": {**GOOD, "ResolvedRefs": ("False", "BackendNotFound")},
        "no-parent": {**GOOD, "Accepted": ("False", "NoMatchingParent"), "ResolvedRefs": ("True", "ResolvedRefs")},
        "no-waypoint": {**GOOD, "ResolvedWaypoints": ("False", "MissingUseWaypointLabel")},
        "no-filter": {**GOOD, "PartiallyInvalid": ("True", "UnsupportedValue")},
    }
    for name, conditions in expected.items():
        eventually(lambda name=name, conditions=conditions: parents(mesh, name)[-1:] == [(OURS, conditions)], 10,
                   message=lambda name=name: str(parents(mesh, name)))
    assert parents(mesh, "good")[0] == ("other.example/controller", {})
    written = mesh.get("HTTPRoute", "good")["status"]["parents"][1]
    assert written["parentRef"] == good["spec"]["parentRefs"][0]
    assert {c["observedGeneration"] for c in written["conditions"]} == {1}
    listener, = mesh.get("Gateway", "waypoint")["status"]["listeners"]
    assert listener["attachedRoutes"] == 4
    mesh.rest()

    # A service that leaves its waypoint is not told of it any more, and the route neither when both leave the mesh.
    service = mesh.get("Service", "bound")
    service["metadata"]["labels"] = {}
    mesh.replace(service)
    eventually(lambda: mesh.condition("Service", "bound", "istio.io/WaypointBound") is None, 10)
    eventually(lambda: parents(mesh, "good")[-1][1].get("ResolvedWaypoints") == ("False", "MissingUseWaypointLabel"), 10)
    mesh.server.request("/api/v1/namespaces/shop", {**mesh.get("Namespace", "shop"), "metadata": {"name": "shop"}}, "PUT")
    eventually(lambda: parents(mesh, "good") == [("other.example/controller", {})], 10)


@pytest.mark.parametrize("labels, reason", [
    ({"istio.io/use-waypoint": "waypoint", "istio.io/use-waypoint-namespace": "default"}, "WaypointIsNotReady"),
    ({"istio.io/use-waypoint": "workloads"}, "UnsupportedTrafficType"),
])
def test_a_service_is_told_why_it_has_no_waypoint(mesh, labels, reason):
    other = gateway("workloads")
    other["metadata"]["labels"] = {"istio.io/waypoint-for": "workload"}
    mesh.create(other)
    mesh.create({**endpoints("workloads", address="10.0.0.10")})
    service = mesh.get("Service", "free")
    service["metadata"]["labels"] = labels
    mesh.replace(service)
    mesh.start()
    mesh.wait_condition("Service", "free", "istio.io/WaypointBound", "False", reason)
    mesh.rest()


def test_a_policy_for_a_waypoint_is_told_that_nothing_checks_it(mesh):
    policy = manifests.authorization_policy("p", "shop", "DENY", [{}])
    policy["spec"]["targetRefs"] = [{"group": "", "kind": "Service", "name": "bound"}]
    mesh.create(policy)
    mesh.create(manifests.authorization_policy("node", "shop", "DENY", [{}], selector={"app": "x"}))
    mesh.start()
    mesh.wait_condition("AuthorizationPolicy", "p", "WaypointAccepted", "False", "UnsupportedValue")
    mesh.rest()
    assert "status" not in mesh.get("AuthorizationPolicy", "node")


#: What the mesh's fixture does not have of what waypoints follow.
DEFINITIONS = {"gateway.networking.k8s.io": [("grpcroutes", "GRPCRoute", "v1"), ("tcproutes", "TCPRoute", "v1alpha2"),
                                             ("tlsroutes", "TLSRoute", "v1alpha2"), ("referencegrants", "ReferenceGrant", "v1"),
                                             ("backendtlspolicies", "BackendTLSPolicy", "v1")],
               "security.istio.io": [("requestauthentications", "RequestAuthentication", "v1")],
               "networking.istio.io": [("virtualservices", "VirtualService", "v1"),
                                       ("destinationrules", "DestinationRule", "v1")],
               "telemetry.istio.io": [("telemetries", "Telemetry", "v1")],
               "split.smi-spec.io": [("trafficsplits", "TrafficSplit", "v1alpha4")],
               "linkerd.io": [("serviceprofiles", "ServiceProfile", "v1alpha2")]}


class Installation:
    """deploy/waypoints in an API server that serves every kind; its accounts may do what its roles say, and nothing else."""

    def __init__(self, cluster):
        self.server = cluster.server
        cluster.delete("GatewayClass", "ambit-waypoint")
        for group, kinds in DEFINITIONS.items():
            for plural, kind, version in kinds:
                self.server.request("/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
                                    definition(group, (version,), plural, kind))
        cluster.create(manifests.namespace(SYSTEM))
        self.server.kubectl("apply", "--validate=false", "-k", DEPLOY / "waypoints")
        self.pod = cluster.get("Deployment", "ambit-waypoint-controller", SYSTEM)["spec"]["template"]["spec"]

    def objects(self, plural, namespace=""):
        place = f"/namespaces/{namespace}" if namespace else ""
        return self.server.request(f"/apis/rbac.authorization.k8s.io/v1{place}/{plural}")["items"]

    def rights(self, account, namespace):
        found = set()
        for bindings, roles, place in (("clusterrolebindings", "clusterroles", ""), ("rolebindings", "roles", SYSTEM)):
            known = {role["metadata"]["name"]: role for role in self.objects(roles, place)}
            for binding in self.objects(bindings, place):
                names = [(subject["name"], subject["namespace"]) for subject in binding.get("subjects", [])]
                if (account, namespace) in names:
                    for rule in known[binding["roleRef"]["name"]]["rules"]:
                        found |= {(verb, group, resource) for verb in rule["verbs"] for group in rule["apiGroups"]
                                  for resource in rule["resources"]}
        return found

    def log_in(self, account, namespace):
        """A kubeconfig of a service account."""
        self.server.control("users", **{f"token-of-{account}": {
            "user": account, "groups": [], "rules": [list(right) for right in self.rights(account, namespace)]}})
        path = self.server.directory / f"kubeconfig-{account}"
        self.server.write_kubeconfig(path, {"token": f"token-of-{account}"})
        return path

    def used(self, account):
        return {tuple(right) for right in self.server.control("used", user=account)["rights"]}


def test_controller_and_waypoint_run_as_the_manifests_say_with_just_those_rights(world, cluster):
    cluster.server.control("settings", streamingLists=False)
    installation = Installation(cluster)
    account = "ambit-waypoint-controller"
    authority = ClusterCertificateService(world, cluster.server).start()
    own = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "controller-0", "namespace": SYSTEM},
           "spec": {**installation.pod, "containers": [{**installation.pod["containers"][0], "image": "example/w:7"}]}}
    cluster.create(own)
    process = cluster.server.netns.start(
        binary(), *installation.pod["containers"][0]["args"], "--kubeconfig", installation.log_in(account, SYSTEM),
        "--resync", "250ms", "--ca-root-cert", authority.roots, "--ca-address", authority.address,
        log=cluster.server.directory / "controller.log", env={"POD_NAME": "controller-0", "POD_NAMESPACE": SYSTEM})
    cluster.processes.append(process)
    cluster.wait_log(process, "leads now")

    cluster.create(gateway(annotations={"ambit.dev/max-replicas": "4"}))
    eventually(lambda: cluster.get("HorizontalPodAutoscaler", "waypoint"), 10)
    changed = cluster.get("Gateway", "waypoint")
    cluster.replace({**changed, "metadata": {**changed["metadata"], "annotations": {}}})
    eventually(lambda: not cluster.get("HorizontalPodAutoscaler", "waypoint"), 10)
    labels = {"istio.io/use-waypoint": "waypoint"}
    cluster.create(manifests.service("bound", "shop", ["10.96.0.5"], {8080: 8080}, {"app": "x"}, labels=labels))
    reference = {"group": "", "kind": "Service", "name": "bound", "port": 8080}
    for plural, kind, version in (("httproutes", "HTTPRoute", "v1"), *DEFINITIONS["gateway.networking.k8s.io"][:3]):
        cluster.server.request(f"/apis/gateway.networking.k8s.io/{version}/namespaces/shop/{plural}", {
            "apiVersion": f"gateway.networking.k8s.io/{version}", "kind": kind, "metadata": {"name": "r", "namespace": "shop"},
            "spec": {"parentRefs": [reference], "rules": [{"backendRefs": [{"name": "bound", "port": 8080}]}]}})
    policy = manifests.authorization_policy("p", "shop", "DENY", [{}])
    policy["spec"]["targetRefs"] = [{"group": "", "kind": "Service", "name": "bound"}]
    cluster.create(policy)
    # The API server asks for `bind` itself, when it sees the binding.
    rights = installation.rights(account, SYSTEM) - {("bind", "rbac.authorization.k8s.io", "clusterroles")}
    eventually(lambda: installation.used(account) == rights, 20, message=lambda: json.dumps(
        [sorted(rights - installation.used(account)), process.text()[-2000:]]))

    # What was made for the Gateway is a waypoint that works: with its account's token and rights.
    container, = cluster.get("Deployment", "waypoint")["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "example/w:7"
    roots = cluster.get("ConfigMap", "waypoint-ambit-ca-root")["data"]["root-cert.pem"]
    assert roots == authority.roots.read_text()
    binding, = [b for b in installation.objects("clusterrolebindings") if b["metadata"]["name"] == "ambit-waypoint"]
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "waypoint", "namespace": "shop"}]
    token = authority.admit("token-for-the-ca", account="waypoint", namespace="shop", node="node1", pod="waypoint-1")
    host = world.host("waypoint")
    proxy = host.netns.start(
        binary(), *container["args"], "--kubeconfig", installation.log_in("waypoint", "shop"),
        "--state-dir", world.directory / "state", "--ca-address", authority.address, "--ca-root-cert", authority.roots,
        "--ca-token", token, log=world.directory / "proxy.log", env={"POD_NAME": "waypoint-1"})
    world.closing(proxy.kill)
    probe = container["readinessProbe"]["httpGet"]
    url = f"http://127.0.0.1:{probe['port']}{probe['path']}"
    eventually(lambda: host.netns.run("curl", "-fsS", url, check=False).returncode == 0, 20, message=proxy.text)
    issued = cluster.wait_log(proxy, "certificate issued")
    assert issued["identity"] == "spiffe://cluster.local/ns/shop/sa/waypoint"
    rights = installation.rights("waypoint", "shop")
    eventually(lambda: installation.used("waypoint") == rights, 10,
               message=lambda: str(rights - installation.used("waypoint")))
