# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""A waypoint that the controller has made carries traffic: the test plays what stands between a Deployment and its pods."""

import json
import signal

from mesh import kubernetes, wires
from mesh.certificate_service import ClusterCertificateService
from mesh.controller import Controllers, endpoints, gateway, gateway_class, route
from mesh.waiting import eventually
from mesh.waypoint import USE, Echo, binary


class Kubelet:
    """Runs the pods of a Deployment as it says: labels, account, arguments, environment and probe are the Deployment's."""

    def __init__(self, world, cluster, authority):
        self.world, self.cluster, self.authority = world, cluster, authority
        self.node = world.node("waypoints", tunnel=False)
        self.proxies = []

    def run(self, deployment):
        template = deployment["spec"]["template"]
        spec = template["spec"]
        container, = spec["containers"]
        assert container["command"] == ["ambit-waypoint"]
        for number in range(deployment["spec"]["replicas"]):
            name = f"{deployment['metadata']['name']}-{number}"
            pod = self.world.pod(name, self.node, "shop", service_account=spec["serviceAccountName"],
                                 labels=template["metadata"]["labels"])
            token = self.authority.admit(f"token-for-the-ca-of-{name}", account=spec["serviceAccountName"], namespace="shop",
                                         node=self.node.name, pod=name)
            environment = {entry["name"]: name for entry in container["env"]
                           if entry["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name"}
            # The arguments as they are, then where this machine has what the volumes hold.
            process = pod.netns.start(
                binary(), *container["args"], "--kubeconfig", self.cluster.server.kubeconfig, "--state-dir",
                self.world.directory / f"state-{name}", "--ca-root-cert", self.authority.roots, "--ca-token", token,
                log=self.world.directory / f"{name}.log", env=environment)
            self.world.closing(process.kill)
            self.proxies.append((pod, process))
        probe = container["readinessProbe"]["httpGet"]
        for pod, process in self.proxies:
            url = f"http://127.0.0.1:{probe['port']}{probe['path']}"
            eventually(lambda pod=pod, url=url: pod.curl("--fail", url).returncode == 0, 30, message=process.text)

    def tell(self, proxies):
        """The EndpointSlice of what is ready."""
        value = endpoints("waypoint")
        value["endpoints"] = [{"addresses": [pod.ip], "conditions": {"ready": True, "serving": True}} for pod, _ in proxies]
        self.world.folder.apply(value)


def test_a_gateway_becomes_pods_through_which_requests_go(world):
    server = kubernetes.cluster(world)
    authority = ClusterCertificateService(world, server)
    world.namespace("shop")
    client = world.pod("client", kubernetes.node(world, "node1"), "shop")
    backends = kubernetes.node(world, "node2")
    for tunnel in world.tunnels:
        tunnel.options += [*authority.tunnel_options(tunnel.node), "--log-level", "info,access:debug"]
    for name in ("old", "new"):
        Echo(world.pod(name, backends, "shop"))
        port = {"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP"}
        world.service(name, namespace="shop", spec={"ports": [port]})
    front = world.service("front", {"app": "old"}, namespace="shop", labels=USE, spec={"ports": [port]})
    world.folder.apply(route("front", "front", "old", port=80))
    authority.start()
    world.start()

    cluster = Controllers(server)
    world.closing(cluster.stop)
    cluster.create(gateway_class())
    cluster.start("--ca-address", authority.address, "--ca-root-cert", authority.roots)
    cluster.create(gateway())
    deployment = eventually(lambda: cluster.get("Deployment", "waypoint"), 15)
    # What the API server does when a Service is made.
    addresses = [wires.service_address(family, 200) for family in world.families]
    server.kubectl("-n", "shop", "patch", "service", "waypoint", "--type=merge", "-p",
                   json.dumps({"spec": {"clusterIP": addresses[0], "clusterIPs": addresses}}))
    kubelet = Kubelet(world, cluster, authority)
    kubelet.run(deployment)
    kubelet.tell(kubelet.proxies)
    cluster.wait_condition("Gateway", "waypoint", "Programmed", "True", "Programmed")
    cluster.wait_condition("Service", "front", "istio.io/WaypointBound", "True", "WaypointAccepted")

    def answers():
        return json.loads(client.curl("--fail", f"http://{front.ip}/", check=True).stdout)["server"]

    def is_carried():
        """A tunnel may hear of the waypoint later than the controller."""
        return answers() == "old" and backends.tunnel.access(
            direction="inbound", dst__workload="old", src__identity="spiffe://cluster.local/ns/shop/sa/waypoint")

    eventually(is_carried, 20, every=0.1)
    world.folder.apply(route("front", "front", "new", port=80))
    eventually(lambda: answers() == "new", 10)
    assert [answers() for _ in range(10)] == ["new"] * 10

    # A pod goes as in a rollout: taken out, then told to end; nobody notices.
    (_, going), *staying = kubelet.proxies
    kubelet.tell(staying)
    going.signal(signal.SIGTERM)
    assert [answers() for _ in range(10)] == ["new"] * 10
    cluster.rest()
