# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""`ambit-waypoint controller`: replicas beside an API server, and what they made."""

import itertools
import json

from .waiting import eventually
from .waypoint import binary

PATHS = {"GatewayClass": "/apis/gateway.networking.k8s.io/v1", "Gateway": "/apis/gateway.networking.k8s.io/v1",
         "HTTPRoute": "/apis/gateway.networking.k8s.io/v1", "AuthorizationPolicy": "/apis/security.istio.io/v1",
         "Namespace": "/api/v1", "Service": "/api/v1", "ServiceAccount": "/api/v1", "ConfigMap": "/api/v1", "Pod": "/api/v1",
         "Deployment": "/apis/apps/v1", "PodDisruptionBudget": "/apis/policy/v1",
         "HorizontalPodAutoscaler": "/apis/autoscaling/v2", "EndpointSlice": "/apis/discovery.k8s.io/v1",
         "Lease": "/apis/coordination.k8s.io/v1", "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1"}
PLURALS = {"GatewayClass": "gatewayclasses", "AuthorizationPolicy": "authorizationpolicies"}
NUMBERS = itertools.count(1)


class Controllers:
    """An API server as tests of the controller use it."""

    def __init__(self, server):
        self.server = server
        self.processes = []

    def path(self, kind, name="", namespace="shop"):
        place = "" if kind in ("GatewayClass", "Namespace", "ClusterRoleBinding") else f"/namespaces/{namespace}"
        plural = PLURALS.get(kind, kind.lower() + "s")
        return f"{PATHS[kind]}{place}/{plural}" + (f"/{name}" if name else "")

    def get(self, kind, name, namespace="shop"):
        """An object; None where there is none."""
        value = self.server.request(self.path(kind, name, namespace))
        return None if value.get("code") == 404 else value

    def create(self, value):
        answer = self.server.request(
            self.path(value["kind"], namespace=value["metadata"].get("namespace", "shop")), value)
        assert answer["kind"] == value["kind"], answer
        return answer

    def replace(self, value, subresource=""):
        meta = value["metadata"]
        path = self.path(value["kind"], meta["name"], meta.get("namespace", "shop")) + subresource
        answer = self.server.request(path, value, "PUT")
        assert answer["kind"] == value["kind"], answer
        return answer

    def delete(self, kind, name):
        return self.server.request(self.path(kind, name), method="DELETE")

    def start(self, *words, kubeconfig=None, wait=True):
        """A replica of its own; waits until it knows all objects."""
        number = next(NUMBERS)
        process = self.server.netns.start(
            binary(), "controller", "--kubeconfig", kubeconfig or self.server.kubeconfig, "--image", "waypoint:1", "--pod",
            f"controller-{number}", "--namespace", "default", "--lease-duration", "2s", "--resync", "250ms", "--log-format",
            "json", *words, log=self.server.directory / f"controller-{number}.log")
        self.processes.append(process)
        if wait:
            self.wait_log(process, "leads now")
        return process

    def stop(self):
        for process in self.processes:
            process.stop()

    @staticmethod
    def lines(process):
        return [json.loads(line) for line in process.text().splitlines() if line.startswith("{")]

    def wait_log(self, process, text, within=15):
        return eventually(lambda: next((line for line in self.lines(process) if text in json.dumps(line)), None), within,
                          message=lambda: f"{text!r} in {process.text()}")

    def holder(self):
        lease = self.get("Lease", "ambit-waypoint-controller", "default")
        return lease["spec"]["holderIdentity"] if lease else ""

    def writes(self):
        """Requests that may change something, leases aside."""
        return [line for line in self.server.requests() if not line.startswith("GET ") and "/leases" not in line]

    def rest(self):
        """Waits until nothing is written for two rounds of comparing; returns how many writes there were."""
        def silent():
            before = len(self.writes())
            rounds = self.rounds()
            eventually(lambda: self.rounds() >= rounds + 2, 10)
            return len(self.writes()) == before
        eventually(silent, 30)
        return len(self.writes())

    def rounds(self):
        return sum(line.startswith("GET /apis/apps/v1/deployments?") for line in self.server.requests())

    def condition(self, kind, name, type_, namespace="shop"):
        status = (self.get(kind, name, namespace) or {}).get("status", {})
        return next((c for c in status.get("conditions", []) if c["type"] == type_), None)

    def wait_condition(self, kind, name, type_, status, reason):
        def told():
            found = self.condition(kind, name, type_)
            return found if found and (found["status"], found["reason"]) == (status, reason) else None
        return eventually(told, 15, message=lambda: json.dumps((self.get(kind, name) or {}).get("status")) + "".join(
            process.text()[-2000:] for process in self.processes))


def gateway(name="waypoint", listeners=None, annotations=None, **spec):
    return {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
            "metadata": {"name": name, "namespace": "shop", "annotations": annotations or {}},
            "spec": {"gatewayClassName": "ambit-waypoint",
                     "listeners": listeners or [{"name": "mesh", "port": 15008, "protocol": "HBONE"}], **spec}}


def gateway_class(name="ambit-waypoint", controller="ambit.dev/waypoint-controller"):
    return {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass", "metadata": {"name": name},
            "spec": {"controllerName": controller}}


def endpoints(service, ready=True, address="10.0.0.9"):
    """What Kubernetes makes of a ready pod of a Deployment."""
    return {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
            "metadata": {"name": f"{service}-1", "namespace": "shop", "labels": {"kubernetes.io/service-name": service}},
            "ports": [{"name": "mesh", "port": 15008, "protocol": "TCP"}],
            "endpoints": [{"addresses": [address], "conditions": {"ready": ready, "serving": ready}}]}


def route(name, parent, backend, port=8080, **rule):
    """An HTTPRoute bound to a Service."""
    reference = {"group": "", "kind": "Service", "name": parent, "port": port}
    return {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
            "metadata": {"name": name, "namespace": "shop"},
            "spec": {"parentRefs": [reference],
                     "rules": [{"backendRefs": [{"name": backend, "port": port}], **rule}]}}
