# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""Tunnels that follow a cluster's API server: what kubectl does is in force, and what fails does not stop traffic."""

import json

import pytest
from mesh import kubernetes, manifests
from mesh.clock import Clock
from mesh.serving import exchange
from mesh.tunnel import binary
from mesh.waiting import always, eventually
from mesh.waypoint import Echo, http_service

SECRET = b"nobody on the wire may read this"


@pytest.fixture
def server(world):
    return kubernetes.cluster(world)


def client_and_server(world, ambient=True, options=()):
    """Two pods on two nodes, described by the API server only."""
    world.namespace("default", ambient=ambient)
    client = world.pod("client", kubernetes.node(world, "node1"))
    server = world.pod("server", kubernetes.node(world, "node2"))
    for tunnel in world.tunnels:
        tunnel.options += options
    world.start()
    server.serve(8080)
    return client, server


def send(client, server):
    with client.connect(server, 8080) as connection:
        exchange(connection, SECRET)


def test_a_mesh_from_the_api_server_carries_mutual_tls(world, server):
    client, peer = client_and_server(world)
    capture = world.capture()
    send(client, peer)
    entry = client.node.tunnel.wait_access(direction="outbound", src__workload="client", dst__workload="server")
    assert entry["src.identity"] == client.spiffe_id
    assert entry["dst.identity"] == peer.spiffe_id
    segments = [segment for segment in capture.segments()
                if kubernetes.PORT not in (segment.source_port, segment.destination_port)]
    assert segments and not any(SECRET in segment.payload for segment in segments)


def test_kubectl_label_enrols_running_pods_and_kubectl_apply_refuses_at_once(world, server):
    client, peer = client_and_server(world, ambient=False)
    capture = world.capture()
    send(client, peer)
    assert any(SECRET in segment.payload for segment in capture.segments())

    server.kubectl("label", "namespace", "default", "istio.io/dataplane-mode=ambient")

    def is_carried():
        send(client, peer)
        return peer.node.tunnel.access(direction="inbound", src__identity=client.spiffe_id)

    eventually(is_carried, 10, every=0.2)

    deny = manifests.authorization_policy("deny", "default", "DENY", [{}], {"app": "server"})
    server.kubectl("apply", "--validate=false", "-f", "-", input=json.dumps(deny))
    eventually(lambda: client.is_refused(peer, 8080), 5)

    server.kubectl("delete", "-n", "default", "authorizationpolicies.security.istio.io", "deny")
    eventually(lambda: not client.is_refused(peer, 8080), 5)

    server.kubectl("label", "namespace", "default", "istio.io/dataplane-mode-")
    eventually(lambda: all("pod left the mesh" in tunnel.log() for tunnel in world.tunnels), 10)
    capture = world.capture()
    send(client, peer)
    assert any(SECRET in segment.payload for segment in capture.segments())


def test_traffic_goes_on_while_the_api_server_is_gone_and_changes_are_seen_when_it_is_back(world, server):
    client, peer = client_and_server(world)
    send(client, peer)
    with client.connect(peer, 8080) as old:
        exchange(old, b"before")
        server.kill()
        tunnel = client.node.tunnel
        eventually(lambda: "what was last known serves" in tunnel.log(), 10)
        exchange(old, b"meanwhile")
        send(client, peer)
        assert tunnel.is_ready()
        server.start()
        exchange(old, b"after")
    world.folder.apply(manifests.authorization_policy("deny", "default", "DENY", [{}], {"app": "server"}))
    eventually(lambda: client.is_refused(peer, 8080), 40, every=0.2)


def test_a_list_in_pages_serves_where_streaming_lists_are_refused(world, server):
    server.control("settings", streamingLists=False)
    client, peer = client_and_server(world)
    send(client, peer)
    asked = server.requests()
    assert any("/api/v1/pods?limit=" in line for line in asked)
    # After the list the watch goes on from its version.
    assert any("/api/v1/pods?watch=true" in line and "resourceVersion=" in line for line in asked)


def test_a_watch_that_is_too_old_is_listed_anew_and_loses_nothing(world, server):
    client, peer = client_and_server(world)
    send(client, peer)
    # Connections are cut, and meanwhile the history is forgotten and a policy made.
    server.fault("watch=true", times=-1, status=503)
    server.fault("GET /api/v1/nodes", times=1, cut=True)
    server.kill()
    server.start()
    server.control("compact")
    world.folder.apply(manifests.authorization_policy("deny", "default", "DENY", [{}], {"app": "server"}))
    server.control("compact")
    eventually(lambda: client.is_refused(peer, 8080), 40, every=0.2)


#: What an API server answers when it should tell of policies, and what the log says of it.
FAULTS = {
    "too many requests": ({"status": 429, "retryAfter": 1, "message": "slow down"}, "slow down (429)"),
    "in trouble": ({"status": 500, "message": "etcd is away"}, "etcd is away (500)"),
    "too old": ({"status": 410, "reason": "Expired"}, ""),
    "no JSON": ({"garbage": "<html>maintenance</html>"}, "no JSON object of the API"),
    "half an object": ({"garbage": '{"type":"ADDED","object":{"metadata":{"na'}, "no JSON object of the API"),
    "slow": ({"delay": 1}, ""),
}


def test_what_goes_wrong_with_a_watch_is_named_stops_nothing_and_is_over_when_it_is_over(world, server):
    client, peer = client_and_server(world)
    tunnel = peer.node.tunnel
    deny = manifests.authorization_policy("deny", "default", "DENY", [{}], {"app": "server"})
    for name, (fault, said) in FAULTS.items():
        before = len(tunnel.log())
        server.fault("authorizationpolicies.*watch=true", times=2, **fault)
        server.control("goaway")
        eventually(lambda: said in tunnel.log()[before:], 10, message=name)
        send(client, peer)
        # Its own log line, and no more than that, is what is left of it.
        world.folder.apply(deny)
        eventually(lambda: client.is_refused(peer, 8080), 40, message=name)
        world.folder.delete(deny)
        eventually(lambda: not client.is_refused(peer, 8080), 10, message=name)
        tunnel.wait_total(0, "ambit_config_errors", 10)


def test_a_clock_that_goes_back_an_hour_holds_up_no_watch(world, server):
    world.namespace("default")
    client, peer = world.pod("client", kubernetes.node(world, "node1")), world.pod("server", kubernetes.node(world, "node2"))
    clock = Clock(world)
    world.start()
    peer.serve(8080)
    send(client, peer)
    deny = manifests.authorization_policy("deny", "default", "DENY", [{}], {"app": "server"})
    for seconds in (3600, 0):
        clock.set(seconds)
        for change, is_refused in ((world.folder.apply, True), (world.folder.delete, False)):
            server.control("goaway")
            change(deny)
            eventually(lambda: client.is_refused(peer, 8080) == is_refused, 10)
        send(client, peer)


def test_goaway_in_the_middle_of_watches_loses_nothing_and_lists_nothing_again(world, server):
    client, peer = client_and_server(world)
    send(client, peer)
    before = len(server.requests())
    deny = manifests.authorization_policy("deny", "default", "DENY", [{}], {"app": "server"})
    for _ in range(3):
        server.control("goaway")
        world.folder.apply(deny)
        eventually(lambda: client.is_refused(peer, 8080), 10)
        server.control("goaway")
        world.folder.delete(deny)
        eventually(lambda: not client.is_refused(peer, 8080), 10)
    asked = [line for line in server.requests()[before:] if "/api/v1/pods?" in line]
    assert asked and all("&resourceVersion=" in line and "watch=true" in line for line in asked), asked


def test_a_kind_whose_definition_comes_later_is_picked_up(world):
    server = kubernetes.cluster(world, options=["--no-custom-resources"])
    client, peer = client_and_server(world)
    send(client, peer)
    from mesh.apiserver.resources import MESH_DEFINITIONS
    for definition in MESH_DEFINITIONS:
        server.request("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition)
    world.folder.apply(manifests.authorization_policy("deny", "default", "DENY", [{}], {"app": "server"}))
    eventually(lambda: client.is_refused(peer, 8080), 30, every=0.2)


def test_a_version_that_is_served_no_more_is_followed_in_another(world, server):
    client, peer = client_and_server(world)
    kept = manifests.authorization_policy("kept", "default", "DENY", [{"to": [{"operation": {"ports": ["9090"]}}]}],
                                          {"app": "server"})
    world.folder.apply(kept)
    peer.serve(9090)
    eventually(lambda: client.is_refused(peer, 9090), 10)
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/authorizationpolicies.security.istio.io"
    definition = server.request(path)
    for version in definition["spec"]["versions"]:
        version["served"] = version["name"] == "v1beta1"
    assert server.request(path, definition, "PUT")["kind"] == "CustomResourceDefinition"
    # The watches of a definition that changes are ended by the API server.
    server.control("goaway")
    deny = manifests.authorization_policy("deny", "default", "DENY", [{}], {"app": "server"})
    world.folder.apply({**deny, "apiVersion": "security.istio.io/v1beta1"})
    eventually(lambda: client.is_refused(peer, 8080), 20, every=0.2)
    world.folder.delete({**deny, "apiVersion": "security.istio.io/v1beta1"})
    eventually(lambda: not client.is_refused(peer, 8080), 10)
    assert client.is_refused(peer, 9090)


def test_check_asks_for_every_right_and_names_those_that_are_missing(world, server):
    node = kubernetes.node(world, "node1")

    def check():
        answer = node.netns.run(binary(), "check", "--kubernetes", "--kubeconfig", server.kubeconfig, "--node", "node1",
                                "--kubelet-cgroup", "none", "--ca-dir", world.ca_directory, check=False)
        return answer.returncode, answer.stdout

    code, said = check()
    assert code == 0 and "rights in the cluster" in said, said
    account = {"user": "system:serviceaccount:ambit-system:ambit-tunnel", "groups": []}
    server.control("users", **{kubernetes.TOKEN: {**account, "denied": [["patch", "events"]]}})
    code, said = check()
    assert code == 0 and "warn  right to patch events: " in said and said.count("right to") == 1, said
    server.control("users", **{kubernetes.TOKEN: {
        **account, "denied": [["watch", "authorizationpolicies"], ["patch", "pods/status"]]}})
    code, said = check()
    assert code == 1 and "FAIL  right to watch authorizationpolicies.security.istio.io: " in said, said
    assert "warn  right to patch pods/status: " in said and said.count("right to") == 2, said
    server.kill()
    code, said = check()
    assert code == 1 and "FAIL  API server: " in said, said


def test_a_forbidden_kind_keeps_the_tunnel_from_starting_and_is_named(world, server):
    world.namespace("default")
    node = kubernetes.node(world, "node1")
    server.control("users", **{kubernetes.TOKEN: {
        "user": "system:serviceaccount:ambit-system:ambit-tunnel", "groups": [],
        "denied": [["watch", "authorizationpolicies"], ["list", "authorizationpolicies"]]}})
    node.tunnel.start(wait=False)
    always(lambda: not node.tunnel.is_ready(), 2)
    node.tunnel.terminate()
    assert node.tunnel.process.wait() == 1
    assert "AuthorizationPolicy: authorizationpolicies is forbidden" in node.tunnel.log()


def test_a_client_certificate_is_as_good_as_a_token(world, server):
    server.write_kubeconfig(server.kubeconfig, {"client-certificate": "client.crt", "client-key": "client.key"})
    client, peer = client_and_server(world)
    send(client, peer)


@pytest.mark.parametrize("user, cluster, said", [
    ({"token": "wrong"}, {}, "Unauthorized"),
    ({"token": kubernetes.TOKEN}, {"certificate-authority": "client.crt"}, "authority"),
    ({"token": kubernetes.TOKEN}, {"tls-server-name": "other.example"}, "another name"),
    ({"token": kubernetes.TOKEN}, {"insecure-skip-tls-verify": True}, "insecure-skip-tls-verify is refused"),
    ({"exec": {"command": "aws"}}, {}, "not supported"),
], ids=["token", "authority", "name", "insecure", "exec"])
def test_what_is_wrong_with_credentials_is_said(world, server, user, cluster, said):
    node = kubernetes.node(world, "node1")
    server.write_kubeconfig(server.kubeconfig, user, **cluster)
    node.tunnel.start(wait=False)
    eventually(lambda: said in node.tunnel.log(), 10, message=node.tunnel.log)
    node.tunnel.terminate()
    assert node.tunnel.process.wait() == 1


class Shop:
    """A service behind a waypoint that follows the API server, and the route that says which of two others answers."""

    def __init__(self, world):
        self.world = world
        world.namespace("default")
        self.client = world.pod("client", kubernetes.node(world, "node1"))
        backends = kubernetes.node(world, "node2")
        for name in ("old", "new"):
            Echo(world.pod(name, backends))
            http_service(world, name, labels={})
        self.waypoint = kubernetes.ClusterWaypoint(world)
        self.service = http_service(world, "shop", selector={"app": "old"})
        self.route("old")

    def route(self, name):
        self.world.folder.apply({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
            "metadata": {"name": "shop", "namespace": "default"},
            "spec": {"parentRefs": [{"group": "", "kind": "Service", "name": "shop"}],
                     "rules": [{"backendRefs": [{"name": name, "port": 80}]}]}})

    def start(self):
        for tunnel in self.world.tunnels:
            tunnel.options += ["--log-level", "info,access:debug"]
        self.world.start()
        self.waypoint.start()
        return self

    def answers(self):
        """Who answers a request now."""
        return json.loads(self.client.curl("--fail", f"http://{self.service.ip}/", check=True).stdout)["server"]


def test_a_waypoint_routes_as_the_api_server_says_and_goes_on_without_it(world, server):
    shop = Shop(world).start()
    assert [shop.answers() for _ in range(10)] == ["old"] * 10
    inbound = world.nodes["node2"].tunnel.wait_access(direction="inbound", dst__workload="old")
    assert inbound["src.identity"] == shop.waypoint.pod.spiffe_id

    shop.route("new")
    eventually(lambda: shop.answers() == "new", 5)
    assert [shop.answers() for _ in range(10)] == ["new"] * 10

    server.kill()
    eventually(lambda: "what was last known serves" in shop.waypoint.log(), 10)
    assert [shop.answers() for _ in range(10)] == ["new"] * 10
    assert shop.waypoint.is_ready()
    server.start()
    shop.route("old")
    eventually(lambda: shop.answers() == "old", 40, every=0.2)


# What was last known, on disk


def with_state(world):
    for tunnel in world.tunnels:
        tunnel.options += ["--state-dir", world.directory / f"state-{tunnel.node.name}"]


def snapshot(world, node):
    return world.directory / f"state-{node.name}" / "objects"


def restart_all(world, wait=True):
    for tunnel in world.tunnels:
        tunnel.terminate()
    for tunnel in world.tunnels:
        assert tunnel.process.wait() == 0
        tunnel.start(wait=False)
    for tunnel in world.tunnels if wait else ():
        tunnel.wait_ready()


def test_tunnels_that_start_while_the_api_server_is_away_enforce_what_was_last_known(world, server):
    world.folder.apply(manifests.authorization_policy(
        "deny", "default", "DENY", [{"to": [{"operation": {"ports": ["9090"]}}]}], {"app": "server"}))
    world.namespace("default")
    client = world.pod("client", kubernetes.node(world, "node1"))
    peer = world.pod("server", kubernetes.node(world, "node2"))
    with_state(world)
    world.start()
    for port in (8080, 9090):
        peer.serve(port)
    send(client, peer)
    assert client.is_refused(peer, 9090)
    eventually(lambda: all(snapshot(world, node).exists() for node in (client.node, peer.node)), 10)
    assert "AuthorizationPolicy default deny" in snapshot(world, peer.node).read_text()

    server.kill()
    restart_all(world)
    send(client, peer)
    assert client.is_refused(peer, 9090)
    tunnel = peer.node.tunnel
    assert "what was known at" in tunnel.log()
    assert tunnel.metrics().total("ambit_config_restored_timestamp_seconds") > 0

    server.start()
    tunnel.wait_total(0, "ambit_config_restored_timestamp_seconds", 40)
    server.kubectl("delete", "-n", "default", "authorizationpolicies.security.istio.io", "deny")
    eventually(lambda: not client.is_refused(peer, 9090), 40, every=0.2)


def test_a_damaged_snapshot_is_named_and_not_used(world, server):
    client, peer = client_and_server(world)
    with_state(world)
    restart_all(world)
    eventually(lambda: all(snapshot(world, node).exists() for node in (client.node, peer.node)), 10)
    server.kill()
    content = bytearray(snapshot(world, client.node).read_bytes())
    content[len(content) // 2] ^= 1
    snapshot(world, client.node).write_bytes(content)
    restart_all(world, wait=False)
    tunnel = client.node.tunnel
    eventually(lambda: "is damaged and not used" in tunnel.log(), 10)
    assert not tunnel.is_ready()
    # It waits for the API server as if there had been none.
    server.start()
    tunnel.wait_ready(40)
    send(client, peer)


def test_a_waypoint_starts_from_its_snapshot(world, server):
    shop = Shop(world)
    shop.waypoint.options += ["--state-dir", world.directory / "state-waypoint"]
    shop.start()
    assert shop.answers() == "old"
    eventually(lambda: (world.directory / "state-waypoint" / "objects").exists(), 10)
    server.kill()
    shop.waypoint.process.stop()
    shop.waypoint.start()
    eventually(lambda: "what was known at" in shop.waypoint.log(), 5)
    eventually(lambda: shop.answers() == "old", 10)


# Pods are found by their processes


def test_a_namespace_without_the_pods_address_is_not_taken_for_the_pods(world, server):
    world.namespace("default", ambient=False)
    client = world.pod("client", kubernetes.node(world, "node1"))
    other = world.pod("other", client.node)
    # An older process in the client's cgroup, but in the namespace of another pod.
    uid, _ = world.folder.running["default", "client"]
    world.folder.processes.add(uid, other.netns.path, start=1)
    world.start()
    server.kubectl("label", "pod", "client", "istio.io/dataplane-mode=ambient")
    client.wait_captured()
    assert not other.is_captured()


def test_a_pod_that_no_process_is_found_of_is_named_and_joins_when_one_is(world, server):
    world.namespace("default")
    client = world.pod("client", kubernetes.node(world, "node1"))
    uid, number = world.folder.running["default", "client"]
    world.folder.processes.remove(number)
    tunnel = client.node.tunnel
    world.start()
    eventually(lambda: "no process is found in its cgroup" in tunnel.log(), 5)
    assert not client.is_captured()
    world.folder.processes.add(uid, client.netns.path)
    client.wait_captured()


def test_a_pod_whose_sandbox_is_made_anew_joins_with_the_new_one(world, server):
    world.namespace("default")
    client = world.pod("client", kubernetes.node(world, "node1"))
    spare = world.pod("spare", client.node, labels={"istio.io/dataplane-mode": "none"})
    world.start()
    client.wait_captured()
    uid, number = world.folder.running["default", "client"]
    # The process by which it was found ends, as containers do; another of the pod is there: nothing changes.
    again = world.folder.processes.add(uid, client.netns.path)
    world.folder.processes.remove(number)
    # The same pod in another namespace, with another address, as after a crash of its sandbox.
    world.folder.processes.remove(again)
    world.folder.processes.add(uid, spare.netns.path)
    value = client.manifest()
    value["status"]["podIP"] = spare.ip
    value["status"]["podIPs"] = [{"ip": text} for text in spare.addresses.values()]
    spare.remove()
    world.folder.apply(value)
    spare.wait_captured(within=15)
    assert "pod left the mesh" in client.node.tunnel.log()


def test_a_pod_made_anew_under_its_name_is_another_pod(world, server):
    world.namespace("default")
    client = world.pod("client", kubernetes.node(world, "node1"))
    world.start()
    client.wait_captured()
    client.remove()
    client.apply()
    eventually(lambda: client.node.tunnel.log().count("pod joined the mesh") == 2, 10)
    client.wait_captured()


def test_a_pod_may_not_name_its_namespace_in_a_cluster(world, server):
    world.namespace("default")
    client = world.pod("client", kubernetes.node(world, "node1"))
    other = world.pod("other", client.node, labels={"istio.io/dataplane-mode": "none"})
    world.start()
    client.wait_captured()
    server.kubectl("annotate", "pod", "client", f"ambit.dev/netns={other.netns.path}")
    eventually(lambda: "has no effect in a cluster" in client.node.tunnel.log(), 10)
    assert client.is_captured() and not other.is_captured()
