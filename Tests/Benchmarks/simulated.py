# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""An API server with the objects of a whole cluster, made as they are asked for, and with pods that are replaced.

Stands in for mesh.apiserver where that is too slow: it serves streaming lists and watches, and nothing else.
"""

import argparse
import asyncio
import heapq
import json
import os
import ssl
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "EndToEnd"))

from mesh.apiserver.__main__ import Connection  # noqa: E402

PODS_PER_NODE = 100
PODS_PER_SERVICE = 10
NAMESPACES = 50
#: A kubelet reports its node's status this often when nothing changes (nodeStatusReportFrequency).
NODE_REPORT_SECONDS = 300
#: The API server sends a bookmark about this often.
BOOKMARK_SECONDS = 60
#: Between the steps in which a pod is replaced.
STEP_SECONDS = 1


def managed(*managers):
    """`metadata.managedFields` of the size it has."""
    fields = {f"f:field-{number}": {".": {}, "f:name": {}, "f:value": {}} for number in range(12)}
    return [{"manager": name, "operation": "Update", "apiVersion": "v1", "time": "2026-11-21T20:00:00Z",
             "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": fields}} for name in managers]


class Template:
    """An object as JSON, in which words like @NAME@ are replaced."""

    def __init__(self, value):
        self.text = json.dumps(value, separators=(",", ":"))

    def fill(self, **words):
        text = self.text
        for word, value in words.items():
            text = text.replace(f"@{word}@", str(value))
        return text


def metadata(name, namespace=None, **more):
    return {"name": name, **({"namespace": namespace} if namespace else {}), "uid": "@UID@", "resourceVersion": "@VERSION@",
            "creationTimestamp": "2026-11-21T20:00:00Z", **more}


def pod_template(running):
    meta = metadata("@NAME@", "@SPACE@", generateName="@APP@-@HASH@-", labels={
        "app.kubernetes.io/name": "@APP@", "app.kubernetes.io/version": "v1.12.3", "pod-template-hash": "@HASH@",
        "istio.io/dataplane-mode": "@MODE@"}, annotations={"prometheus.io/scrape": "true", "prometheus.io/port": "9090"},
        ownerReferences=[{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "@APP@-@HASH@", "uid": "@UID@",
                          "controller": True, "blockOwnerDeletion": True}],
        managedFields=managed("kube-controller-manager", "kubelet"))
    container = {
        "name": "main", "image": "registry.example/team/@APP@:v1.12.3", "imagePullPolicy": "IfNotPresent",
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        "env": [{"name": f"SETTING_{number}", "value": "x" * 24} for number in range(12)],
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
        "readinessProbe": {"httpGet": {"path": "/ready", "port": "http", "scheme": "HTTP"}, "periodSeconds": 10},
        "volumeMounts": [{"name": "kube-api-access", "readOnly": True,
                          "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}]}
    spec = {"containers": [container], "serviceAccountName": "@APP@", "serviceAccount": "@APP@", "nodeName": "@NODE@",
            "volumes": [{"name": "kube-api-access", "projected": {"sources": [{"serviceAccountToken": {
                "expirationSeconds": 3607, "path": "token"}}], "defaultMode": 420}}],
            "restartPolicy": "Always", "dnsPolicy": "ClusterFirst", "schedulerName": "default-scheduler", "priority": 0,
            "tolerations": [{"key": f"node.kubernetes.io/{why}", "operator": "Exists", "effect": "NoExecute",
                             "tolerationSeconds": 300} for why in ("not-ready", "unreachable")]}
    status = {"phase": "Pending", "qosClass": "Burstable", "conditions": [
        {"type": kind, "status": "@READY@", "lastProbeTime": None, "lastTransitionTime": "2026-11-21T20:00:00Z"}
        for kind in ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")]}
    if running:
        status |= {"phase": "Running", "hostIP": "192.168.0.1", "podIP": "@IP@", "podIPs": [{"ip": "@IP@"}],
                   "containerStatuses": [{"name": "main", "ready": True, "restartCount": 0, "started": True,
                                          "image": "registry.example/team/@APP@:v1.12.3",
                                          "imageID": "registry.example/team/@APP@@sha256:" + "0" * 64,
                                          "containerID": "containerd://" + "0" * 64,
                                          "state": {"running": {"startedAt": "2026-11-21T20:00:00Z"}}}]}
    return Template({"metadata": meta, "spec": spec, "status": status})


POD, PENDING = pod_template(True), pod_template(False)
NODE = Template({
    "metadata": metadata("@NODE@", labels={"kubernetes.io/hostname": "@NODE@", "kubernetes.io/os": "linux",
                                           "topology.kubernetes.io/region": "region", "topology.kubernetes.io/zone": "@ZONE@"},
                         managedFields=managed("kubelet", "kube-controller-manager")),
    "spec": {"podCIDR": "10.0.0.0/24"},
    "status": {"addresses": [{"type": "InternalIP", "address": "192.168.0.1"}],
               "conditions": [{"type": "Ready", "status": "True", "lastHeartbeatTime": "2026-11-21T20:00:00Z"}],
               "images": [{"names": [f"registry.example/image-{number}@sha256:" + "0" * 64], "sizeBytes": 1 << 26}
                          for number in range(50)]}})
SERVICE = Template({
    "metadata": metadata("@APP@", "@SPACE@", labels={"app.kubernetes.io/name": "@APP@"}, managedFields=managed("kubectl")),
    "spec": {"type": "ClusterIP", "clusterIP": "@IP@", "clusterIPs": ["@IP@"], "ipFamilies": ["IPv4"],
             "internalTrafficPolicy": "Cluster", "selector": {"app.kubernetes.io/name": "@APP@"},
             "ports": [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}]}, "status": {"loadBalancer": {}}})
SLICE = Template({
    "metadata": metadata("@APP@-x7k2p", "@SPACE@", generateName="@APP@-", labels={
        "app.kubernetes.io/name": "@APP@", "kubernetes.io/service-name": "@APP@",
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"},
        ownerReferences=[{"apiVersion": "v1", "kind": "Service", "name": "@APP@", "uid": "@UID@", "controller": True}],
        managedFields=managed("kube-controller-manager")),
    "addressType": "IPv4", "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}], "endpoints": "@ENDPOINTS@"})
ENDPOINT = Template({
    "addresses": ["@IP@"], "conditions": {"ready": "@READY@", "serving": True, "terminating": "@TERMINATING@"},
    "targetRef": {"kind": "Pod", "namespace": "@SPACE@", "name": "@NAME@", "uid": "@UID@"}, "nodeName": "@NODE@",
    "zone": "@ZONE@"})
NAMESPACE = Template({"metadata": metadata("@SPACE@", labels={
    "kubernetes.io/metadata.name": "@SPACE@", "istio.io/dataplane-mode": "ambient"}), "status": {"phase": "Active"}})


class Cluster:
    """Pod `number` in its `generation`: ten consecutive ones are a Deployment with a Service, on ten nodes."""

    def __init__(self, nodes):
        self.nodes = nodes
        self.pods = nodes * PODS_PER_NODE
        self.services = self.pods // PODS_PER_SERVICE
        self.generations = [0] * self.pods
        #: Pods that are there beside or instead of those of `generations`: number -> [(generation, is terminating)]
        self.turning = {}
        self.version = 1000

    def app(self, service):
        return {"APP": f"checkout-{service}", "SPACE": f"team-{service % NAMESPACES}-production", "VERSION": self.version}

    def node(self, number):
        return {"NODE": f"node-{number % self.nodes}.compute.internal", "ZONE": f"zone-{number % self.nodes % 3}"}

    def words(self, number, generation):
        app = self.app(number // PODS_PER_SERVICE)
        digest = format(0x56000000 + number // PODS_PER_SERVICE * 7919, "x")
        place = number + (generation & 63) * (1 << 17)
        return {**app, **self.node(number), "HASH": digest, "IP": f"10.{place >> 16 & 255}.{place >> 8 & 255}.{place & 255}",
                "NAME": f"{app['APP']}-{digest}-{(number * 64 + generation) & 0xfffff:05x}",
                "UID": f"8f3b5c1e-{generation:04x}-4000-8000-{number:012x}",
                # The node that is measured has no network namespaces for these.
                "MODE": "none" if number % self.nodes == 0 else "ambient"}

    def pod(self, number, generation, running=True, ready=True, deleting=False, node=True):
        words = self.words(number, generation)
        if not node:
            words["NODE"] = ""
        text = (POD if running else PENDING).fill(READY="True" if ready else "False", **words)
        if deleting:
            text = text.replace('"creationTimestamp"', '"deletionTimestamp":"2026-11-21T20:00:00Z","creationTimestamp"', 1)
        return text

    def slice(self, service):
        endpoints = []
        for number in range(service * PODS_PER_SERVICE, (service + 1) * PODS_PER_SERVICE):
            for generation, terminating in self.turning.get(number, [(self.generations[number], False)]):
                text = ENDPOINT.fill(READY="", TERMINATING="", **self.words(number, generation))
                text = text.replace('"ready":""', f'"ready":{"false" if terminating else "true"}')
                endpoints.append(text.replace('"terminating":""', f'"terminating":{"true" if terminating else "false"}'))
        text = SLICE.fill(UID=f"9f3b5c1e-0000-4000-8000-{service:012x}", **self.app(service))
        return text.replace('"@ENDPOINTS@"', f'[{",".join(endpoints)}]')

    def service(self, number):
        return SERVICE.fill(UID=f"7f3b5c1e-0000-4000-8000-{number:012x}",
                            IP=f"172.20.{number >> 8}.{number & 255}", **self.app(number))

    def node_object(self, number):
        return NODE.fill(UID=f"6f3b5c1e-0000-4000-8000-{number:012x}", VERSION=self.version, **self.node(number))

    def objects(self, plural):
        """All of a kind, one after the other."""
        if plural == "namespaces":
            for number in range(NAMESPACES):
                yield NAMESPACE.fill(UID=f"5f3b5c1e-0000-4000-8000-{number:012x}", **self.app(number))
        elif plural == "nodes":
            yield from (self.node_object(number) for number in range(self.nodes))
        elif plural == "pods":
            yield from (self.pod(number, self.generations[number]) for number in range(self.pods))
        elif plural == "services":
            yield from (self.service(number) for number in range(self.services))
        elif plural == "endpointslices":
            yield from (self.slice(number) for number in range(self.services))

    def replacement(self, number):
        """The steps in which a pod is replaced: lists of (plural, type, object)."""
        old, new = self.generations[number], self.generations[number] + 1
        service = number // PODS_PER_SERVICE
        yield [("pods", "ADDED", self.pod(number, new, running=False, ready=False, node=False))]
        yield [("pods", "MODIFIED", self.pod(number, new, running=False, ready=False))]
        yield [("pods", "MODIFIED", self.pod(number, new, ready=False))]
        self.turning[number] = [(old, False), (new, False)]
        yield [("pods", "MODIFIED", self.pod(number, new)), ("endpointslices", "MODIFIED", self.slice(service))]
        self.turning[number] = [(old, True), (new, False)]
        yield [("pods", "MODIFIED", self.pod(number, old, deleting=True)),
               ("endpointslices", "MODIFIED", self.slice(service))]
        yield [("pods", "MODIFIED", self.pod(number, old, ready=False, deleting=True))]
        self.generations[number] = new
        del self.turning[number]
        yield [("pods", "DELETED", self.pod(number, old, ready=False, deleting=True)),
               ("endpointslices", "MODIFIED", self.slice(service))]


class Api:
    """What a connection needs, the watches, and what was sent to them."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.connections = set()
        self.watches = {}  # (session, stream number) -> plural
        self.requests = 0
        self.events, self.octets = 0, 0
        self.rate = 0.0

    def tell(self, plural, kind, text):
        self.cluster.version += 1
        line = f'{{"type":"{kind}","object":{text}}}\n'.encode()
        for (session, number), what in list(self.watches.items()):
            if what == plural:
                self.events += 1
                session.put(number, line)
                session.pump()

    async def churn(self):
        """Replaces `rate` pods a second, and reports the nodes."""
        loop = asyncio.get_running_loop()
        due, serial, next_pod, next_node, last = [], 0, 0.0, 0.0, loop.time()
        pod, node = 1, 0
        while True:
            await asyncio.sleep(0.05)
            now, passed = loop.time(), loop.time() - last
            last = now
            next_pod += passed * self.rate
            next_node += passed * self.cluster.nodes / NODE_REPORT_SECONDS if self.rate else 0
            while next_pod >= 1:
                next_pod -= 1
                # Far from one another, so that no two are of one service at a time.
                pod = (pod + 7919) % self.cluster.pods
                if pod not in self.cluster.turning:
                    serial += 1
                    heapq.heappush(due, (now, serial, self.cluster.replacement(pod)))
            while next_node >= 1:
                next_node -= 1
                node = (node + 1) % self.cluster.nodes
                self.tell("nodes", "MODIFIED", self.cluster.node_object(node))
            while due and due[0][0] <= now:
                _, _, steps = heapq.heappop(due)
                if (step := next(steps, None)) is None:
                    continue
                for change in step:
                    self.tell(*change)
                serial += 1
                heapq.heappush(due, (now + STEP_SECONDS, serial, steps))


class Session(Connection):
    """One client's connection."""

    def put(self, number, line):
        self.api.octets += len(line)
        if number in self.streams:
            self.streams[number].output += line

    async def answer(self, number, stream):
        parts = urlsplit(stream.headers[":path"])
        query = parse_qs(parts.query)
        plural = parts.path.rsplit("/", 1)[1]
        if parts.path.startswith("/test/"):
            if "rate" in query:
                self.api.rate = float(query["rate"][0])
            counters = {"requests": self.api.requests, "events": self.api.events, "octets": self.api.octets}
            return self.reply(number, stream, 200, counters)
        self.api.requests += 1
        if "watch" not in query:
            return self.reply(number, stream, 404, {"kind": "Status", "code": 404, "message": "only watches are served"})
        self.head(number, 200)
        if "sendInitialEvents" in query:
            await self.list(number, stream, plural)
        self.api.watches[self, number] = plural
        try:
            while number in self.streams:
                await asyncio.sleep(BOOKMARK_SECONDS)
                self.bookmark(number, {})
        finally:
            del self.api.watches[self, number]

    async def list(self, number, stream, plural):
        for text in self.api.cluster.objects(plural):
            self.api.events += 1
            self.put(number, f'{{"type":"ADDED","object":{text}}}\n'.encode())
            while len(stream.output) > 1 << 18:
                self.pump()
                await asyncio.sleep(0.002)
                if number not in self.streams:
                    return
        self.bookmark(number, {"annotations": {"k8s.io/initial-events-end": "true"}})

    def bookmark(self, number, more):
        value = {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": str(self.api.cluster.version), **more}}}
        self.put(number, json.dumps(value).encode() + b"\n")
        self.pump()


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--address", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--directory", required=True, help="server.crt, server.key")
    parser.add_argument("--nodes", type=int, required=True)
    options = parser.parse_args()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(options.directory, "server.crt"), os.path.join(options.directory, "server.key"))
    context.set_alpn_protocols(["h2"])
    api = Api(Cluster(options.nodes))
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Session(api), options.address, options.port, ssl=context)
    churn = asyncio.ensure_future(api.churn())
    print("API server is ready", flush=True)
    await asyncio.gather(server.serve_forever(), churn)


if __name__ == "__main__":
    asyncio.run(main())
