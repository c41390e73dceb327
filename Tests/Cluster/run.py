# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""End to end on a real cluster: installs the mesh, uses it, upgrades it under load, takes it out again.

    make test-kubernetes KUBECONFIG=admin.conf IMAGES=registry.example/mesh:1 [FOLDER=kustomization]

IMAGES is what stands before and behind the images' names: registry.example/mesh/ambit-tunnel:1, …/ambit-waypoint:1 and
…/ambit-test:1; ":dev" means images that were loaded onto the nodes as `make images` has named them. The cluster has two nodes or
more, that may be used, and no mesh. Each step is one line; what comes after a step that failed is tried all the same, and the
mesh is taken out at the end. The exit code is 1 when a step failed.
"""

import argparse
import contextlib
import json
import os
import shlex
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SYSTEM, SPACE = "ambit-system", "ambit-test"
#: Stands in each request in plain text, and in nothing else.
MARK = "ambit-plain-text-marker"
PATIENCE = 180


class Failed(Exception):
    """A statement about the cluster that does not hold."""


def check(holds, text):
    if not holds:
        raise Failed(text)


class Cluster:
    def __init__(self, kubectl, kubeconfig, images):
        self.configuration = ["--kubeconfig", kubeconfig] if kubeconfig else []
        self.words = [*shlex.split(kubectl), *self.configuration]
        self.prefix, _, self.tag = images.rpartition(":")

    def image(self, name):
        return "/".join(part for part in (self.prefix, name) if part) + f":{self.tag}"

    def run(self, *words, check_status=True, timeout=PATIENCE, **options):
        done = subprocess.run([*self.words, *map(str, words)], capture_output=True, text=True, timeout=timeout, check=False, **options)
        if check_status and done.returncode != 0:
            raise Failed(f"kubectl {shlex.join(map(str, words))}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def get(self, *words):
        return json.loads(self.run("get", *words, "-o", "json"))

    def apply(self, *objects):
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
        return self.run("apply", "-f", "-", input=text)

    def ready(self, kind, namespace=SPACE):
        self.run("-n", namespace, "rollout", "status", kind, f"--timeout={PATIENCE}s", timeout=PATIENCE + 20)

    def background(self, *words):
        return subprocess.Popen([*self.words, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def last_line(process, within):
    """What a process in the background says at its end."""
    timer = threading.Timer(within, process.kill)
    timer.start()
    lines = process.stdout.read().splitlines()
    timer.cancel()
    check(process.wait() == 0 and lines, f"{shlex.join(process.args)} ended with {process.returncode}: {lines[-1:]}")
    return json.loads(lines[-1])


def until(holds, text, within=60):
    """Asks until something holds; answers what it was."""
    end = time.monotonic() + within
    while True:
        value = holds()
        if value:
            return value
        check(time.monotonic() < end, f"not within {within} s: {text}")
        time.sleep(1)


def pod(image, arguments, node=None, security=None, probed=False, **spec):
    """A pod's spec; its one container has this security context, and is asked by the kubelet once a second."""
    strict = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    return {"terminationGracePeriodSeconds": 10, **({"nodeName": node} if node else {}), **spec, "containers": [{
        "name": "main", "image": image, "imagePullPolicy": "IfNotPresent", "command": ["ambit-test"], "args": arguments,
        "securityContext": security or strict,
        **({name: {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1, "timeoutSeconds": 5, "failureThreshold": 3}
            for name in ("readinessProbe", "livenessProbe")} if probed else {}),
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}}}]}


def deployment(name, labels, spec, replicas=1):
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": SPACE}, "spec": {
        "replicas": replicas, "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": spec}}}


def service(name, selector):
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": SPACE},
            "spec": {"selector": selector, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}}


class Run:
    """The steps, in their order; each says by its docstring what holds afterwards."""

    def __init__(self, cluster, base, folder):
        self.cluster = cluster
        #: The kustomization that was asked for, and the one of ours that names the images.
        self.base, self.folder = base, folder
        kustomization(folder, cluster, base)
        self.nodes = []
        #: What was applied beside the mesh, and goes with it.
        self.brought = []

    # MARK: Helpers

    def call(self, url="http://server/", *options, count=20):
        """What a client saw of requests, one after the other."""
        said = self.cluster.run("-n", SPACE, "exec", "deploy/client", "--", "ambit-test", "call", url, "--count", count,
                                "--body", MARK, *options)
        return json.loads(said.splitlines()[-1])

    def works(self, *options, **settings):
        seen = self.call(*options, **settings)
        return seen if seen["outcomes"] == {"200": seen["count"]} else None

    @contextlib.contextmanager
    def load(self, seconds=60, url="http://server/"):
        """Requests all the while; none of them may fail."""
        process = self.cluster.background("-n", SPACE, "exec", "deploy/client", "--", "ambit-test", "call", url,
                                          "--seconds", seconds, "--body", MARK)
        try:
            # The client says when it begins.
            check(process.stdout.readline(), f"the client does not start: {url}")
            yield
            seen = last_line(process, seconds + PATIENCE)
            check(seen["outcomes"] == {"200": seen["count"]}, f"not all requests were answered: {seen}")
        finally:
            process.kill()

    def watch(self, during):
        """What a capture on the server's node saw meanwhile."""
        process = self.cluster.background("-n", SPACE, "exec", "capture", "--", "ambit-test", "capture", 15008, MARK,
                                          "--seconds", 10)
        check(process.stdout.readline(), "the capture does not start")
        during()
        return last_line(process, 60)

    @contextlib.contextmanager
    def strict(self):
        """Plain text is refused meanwhile."""
        self.cluster.apply({"apiVersion": "security.istio.io/v1", "kind": "PeerAuthentication",
                            "metadata": {"name": "strict", "namespace": SPACE}, "spec": {"mtls": {"mode": "STRICT"}}})
        try:
            yield
        finally:
            self.cluster.run("-n", SPACE, "delete", "peerauthentication", "strict")

    def has(self, definition):
        return bool(self.cluster.run("get", "crd", definition, "--ignore-not-found", "-o", "name").strip())

    def script(self, name):
        """Runs deploy/deploy or deploy/undeploy."""
        environment = {**os.environ, "KUBECTL": shlex.join(self.cluster.words)}
        done = subprocess.run([ROOT / "deploy" / name, self.folder], env=environment, capture_output=True, text=True,
                              timeout=4 * PATIENCE, check=False)
        check(done.returncode == 0, done.stderr.strip())

    def waypoint(self, *words):
        program = os.environ.get("AMBIT_WAYPOINT", str(ROOT / ".build/release/ambit-waypoint"))
        return subprocess.run([program, words[0], "--kubernetes", *self.cluster.configuration, "-n", SPACE, *words[1:]],
                              capture_output=True, text=True, timeout=PATIENCE, check=False)

    def restart(self, what, namespace=SYSTEM):
        with self.load(seconds=90):
            self.cluster.run("-n", namespace, "rollout", "restart", what)
            self.cluster.ready(what, namespace)

    # MARK: Steps

    def nodes_are_ready(self):
        """the cluster has two nodes that take pods, and no mesh"""
        for node in self.cluster.get("nodes")["items"]:
            ready = any(entry["type"] == "Ready" and entry["status"] == "True" for entry in node["status"]["conditions"])
            taints = [taint for taint in node["spec"].get("taints", []) if taint["effect"] != "PreferNoSchedule"]
            if ready and not taints and not node["spec"].get("unschedulable"):
                self.nodes.append(node["metadata"]["name"])
        check(len(self.nodes) >= 2, f"two nodes are needed; there are {self.nodes}")
        check(not self.cluster.run("get", "namespace", SYSTEM, "--ignore-not-found", "-o", "name"), f"{SYSTEM} is there already")

    def applications_run_without_mesh(self):
        """a client on one node reaches servers on another, in plain text"""
        privileged = {"runAsUser": 0, "capabilities": {"drop": ["ALL"], "add": ["NET_RAW"]}}
        image = self.cluster.image("ambit-test")
        self.cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE, "labels": {
            "pod-security.kubernetes.io/enforce": "privileged"}}})
        self.cluster.apply(
            *({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": SPACE}}
              for name in ("client", "server")),
            deployment("client", {"app": "client"}, pod(image, ["sleep"], self.nodes[0], serviceAccountName="client")),
            *(deployment(version, {"app": "server", "version": version},
                         pod(image, ["serve", version], serviceAccountName="server", probed=True,
                             affinity={"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{
                                 "weight": 100, "preference": {"matchExpressions": [{
                                     "key": "kubernetes.io/hostname", "operator": "NotIn", "values": [self.nodes[0]]}]}}]}}))
              for version in ("v1", "v2")),
            service("server", {"app": "server"}), *(service(version, {"version": version}) for version in ("v1", "v2")),
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "capture", "namespace": SPACE, "labels": {
                "istio.io/dataplane-mode": "none"}},
             "spec": pod(image, ["sleep"], self.nodes[0], hostNetwork=True, security=privileged)})
        for name in ("client", "v1", "v2"):
            self.cluster.ready(f"deployment/{name}")
        self.cluster.run("-n", SPACE, "wait", "--for=condition=Ready", "pod/capture", f"--timeout={PATIENCE}s",
                         timeout=PATIENCE + 20)
        until(self.works, "the client reaches the servers")
        seen = self.watch(lambda: self.call(count=50))
        check(seen["text"] > 0, f"the capture does not see plain text: {seen}")

    def mesh_is_installed(self):
        """deploy/deploy installs the mesh, and every tunnel is ready"""
        if not self.has("authorizationpolicies.security.istio.io"):
            self.brought.append("definitions")
            self.cluster.run("apply", "-k", ROOT / "deploy/definitions")
        # Gateway API is an extension that the cluster has or has not.
        if self.has("gatewayclasses.gateway.networking.k8s.io"):
            kustomization(self.folder, self.cluster, self.base, ROOT / "deploy/waypoints")
        self.script("deploy")
        if self.has("gatewayclasses.gateway.networking.k8s.io"):
            self.cluster.ready("deployment/ambit-waypoint-controller", SYSTEM)

    def labelled_pods_are_encrypted(self):
        """a label puts running pods into the mesh; what crosses between nodes is encrypted, no request fails"""
        with self.load(seconds=20):
            self.cluster.run("label", "namespace", SPACE, "istio.io/dataplane-mode=ambient")
        until(lambda: self.watch(lambda: self.call("http://server/", "--fresh", count=50))["text"] == 0,
              "no plain text on the client's node", 90)
        seen = self.watch(lambda: self.call("http://server/", "--fresh", count=50))
        check(seen["text"] == 0 and seen["port"] > 0, f"the capture saw {seen}")

    def identities_are_logged(self):
        """the server's node logs the client's identity"""
        self.call()
        identity = f"ns/{SPACE}/sa/client"

        def entry():
            said = self.cluster.run("-n", SYSTEM, "logs", "-l", "app.kubernetes.io/name=ambit-tunnel", "-c", "tunnel", "--tail=-1")
            return any(identity in line and '"inbound"' in line for line in said.splitlines())

        # A line is written when the connection closes.
        until(entry, f"an inbound line with {identity}")

    def new_pods_are_captured_at_once(self):
        """a pod that starts is in the mesh before its first process: STRICT never refuses it"""
        with self.strict():
            time.sleep(3)
            self.cluster.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "first", "namespace": SPACE}, "spec": pod(
                self.cluster.image("ambit-test"), ["call", "http://server/", "--count", "20"], self.nodes[0], restartPolicy="Never",
                serviceAccountName="client")})
            phase = ["-n", SPACE, "get", "pod", "first", "-o", "jsonpath={.status.phase}"]
            until(lambda: self.cluster.run(*phase) in ("Succeeded", "Failed"), "the pod ends", PATIENCE)
            seen = json.loads(self.cluster.run("-n", SPACE, "logs", "first").splitlines()[-1])
        check(seen["outcomes"] == {"200": 20}, f"its first requests: {seen}")

    def probes_work_under_strict(self):
        """under STRICT the kubelet's probes reach the servers, and no other process of their node does"""
        servers = self.cluster.get("-n", SPACE, "pods", "-l", "app=server")["items"]
        place = servers[0]["spec"]["nodeName"]
        self.cluster.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "host", "namespace": SPACE, "labels": {
            "istio.io/dataplane-mode": "none"}},
            "spec": pod(self.cluster.image("ambit-test"), ["sleep"], place, hostNetwork=True)})
        self.cluster.run("-n", SPACE, "wait", "--for=condition=Ready", "pod/host", f"--timeout={PATIENCE}s", timeout=PATIENCE + 20)

        def host():
            said = self.cluster.run("-n", SPACE, "exec", "host", "--", "ambit-test", "call",
                                    f"http://{servers[0]['status']['podIP']}:8080/", "--count", "5", "--fresh")
            return json.loads(said.splitlines()[-1])["outcomes"]

        check(host() == {"200": 5}, f"without STRICT the node's processes reach the server: {host()}")
        with self.strict():
            until(lambda: host() == {"failed": 5}, "STRICT refuses what is not the kubelet", 30)
            # Four times what makes a pod unready.
            time.sleep(12)
            now = self.cluster.get("-n", SPACE, "pods", "-l", "app=server")["items"]
            states = [status for item in now for status in item["status"]["containerStatuses"]]
            check(len(states) == 2 and all(state["ready"] and state["restartCount"] == 0 for state in states),
                  f"probes fail: {states}")
            check(host() == {"failed": 5}, f"the node's processes reach the server: {host()}")
        until(lambda: host() == {"200": 5}, "without STRICT they reach it again", 30)

    def policies_are_live(self):
        """a policy that denies counts within seconds, and so does its end"""
        self.cluster.apply({"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
                            "metadata": {"name": "deny", "namespace": SPACE}, "spec": {
                                "action": "DENY", "selector": {"matchLabels": {"app": "server"}},
                                "rules": [{"from": [{"source": {"principals": [f"*/ns/{SPACE}/sa/client"]}}]}]}})
        until(lambda: "200" not in self.call(count=5)["outcomes"], "requests are denied", 30)
        self.cluster.run("-n", SPACE, "delete", "authorizationpolicy", "deny")
        until(self.works, "requests are allowed again", 30)

    def waypoint_is_applied_under_load(self):
        """`waypoint apply` brings a waypoint into the path, and no request fails"""
        with self.load(seconds=60):
            done = self.waypoint("apply", "--enroll-namespace", "--wait")
            check(done.returncode == 0, done.stderr.strip())
        self.cluster.ready("deployment/waypoint")

    def canary(self):
        """an HTTPRoute sends a header's requests to v2, and the others nine to one"""
        def backends(**weights):
            return [{"name": name, "port": 80, "weight": weight} for name, weight in weights.items()]

        self.cluster.apply({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
                            "metadata": {"name": "canary", "namespace": SPACE}, "spec": {
                                "parentRefs": [{"group": "", "kind": "Service", "name": "server", "port": 80}],
                                "rules": [{"matches": [{"headers": [{"name": "x-canary", "value": "yes"}]}],
                                           "backendRefs": backends(v2=1)},
                                          {"backendRefs": backends(v1=9, v2=1)}]}})

        def only_v2():
            seen = self.call("http://server/", "--header", "x-canary=yes")
            return seen["versions"] == {"v2": seen["count"]}

        until(only_v2, "the header's requests go to v2")
        share = self.call(count=500)["versions"].get("v2", 0) / 500
        check(0.04 < share < 0.17, f"v2 got {share:.0%} instead of a tenth")

    def tunnels_are_updated_under_load(self):
        """tunnels are replaced on all nodes, and no request fails"""
        self.restart("daemonset/ambit-tunnel")

    def waypoints_are_updated_under_load(self):
        """waypoints are replaced, and no request fails"""
        self.restart("deployment/waypoint", SPACE)

    def identity_service_is_updated_under_load(self):
        """the identity service is replaced, and no request fails"""
        self.restart("deployment/ambit-identity")

    def node_is_drained_under_load(self):
        """the servers of a node are evicted and start elsewhere, one after the other; no request fails"""
        node = self.nodes[1]
        with self.load(seconds=90):
            try:
                self.cluster.run("drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--pod-selector=version=v2",
                                 f"--timeout={PATIENCE}s", timeout=PATIENCE + 20)
                for version in ("v1", "v2"):
                    self.cluster.ready(f"deployment/{version}")
            finally:
                self.cluster.run("uncordon", node)

    def mesh_is_taken_out(self):
        """deploy/undeploy takes pods out without a failed request, and leaves neither objects nor files"""
        self.waypoint("delete", "--all", "--unlabel")
        with self.load(seconds=30):
            self.script("undeploy")
        for name in self.brought:
            self.cluster.run("delete", "-k", ROOT / "deploy" / name, "--ignore-not-found")
        for kind in ("namespaces", "clusterroles", "clusterrolebindings"):
            names = self.cluster.run("get", kind, "-l", "app.kubernetes.io/part-of=ambit", "-o", "name")
            check(not names.strip(), f"there still is {names}")
        for number, node in enumerate(self.nodes):
            name = f"files-{number}"
            spec = pod(self.cluster.image("ambit-test"), ["files", "/node"], node, restartPolicy="Never",
                       security={"runAsUser": 0, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}},
                       volumes=[{"name": "node", "hostPath": {"path": "/"}}])
            spec["containers"][0]["volumeMounts"] = [{"name": "node", "mountPath": "/node", "readOnly": True}]
            self.cluster.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": SPACE}, "spec": spec})
            phase = ["-n", SPACE, "get", "pod", name, "-o", "jsonpath={.status.phase}"]
            until(lambda phase=phase: self.cluster.run(*phase) == "Succeeded", f"{name} ends", PATIENCE)
            left = json.loads(self.cluster.run("-n", SPACE, "logs", name).splitlines()[-1])["files"]
            check(not left, f"on {node} there still is {left}")

    STEPS = [nodes_are_ready, applications_run_without_mesh, mesh_is_installed, labelled_pods_are_encrypted, identities_are_logged,
             new_pods_are_captured_at_once, probes_work_under_strict, policies_are_live, waypoint_is_applied_under_load, canary,
             tunnels_are_updated_under_load, waypoints_are_updated_under_load, identity_service_is_updated_under_load,
             node_is_drained_under_load, mesh_is_taken_out]

    def all(self):
        """(passed, failed)"""
        counts = {True: 0, False: 0}
        for number, step in enumerate(self.STEPS, 1):
            since = time.monotonic()
            try:
                step(self)
                problem = ""
            except (Failed, OSError, ValueError, LookupError, subprocess.SubprocessError) as error:
                problem = f"{type(error).__name__}: {error}"
            counts[not problem] += 1
            print(f"{number:2} {'FAILED' if problem else 'passed'} {time.monotonic() - since:4.0f} s  {step.__doc__}", flush=True)
            if problem:
                print(f"   {problem}", flush=True)
                # Without nodes, or beside another mesh, nothing is to be touched.
                if step is Run.STEPS[0]:
                    return counts[True], counts[False]
        self.cluster.run("delete", "namespace", SPACE, "--ignore-not-found", check_status=False)
        return counts[True], counts[False]


def kustomization(place, cluster, *folders):
    """Writes one that takes folders together and names the images."""
    (place / "kustomization.yaml").write_text(json.dumps({
        "apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization",
        "resources": [os.path.relpath(Path(folder).resolve(), place) for folder in folders],
        "images": [{"name": name, "newName": cluster.image(name).rpartition(":")[0], "newTag": cluster.tag}
                   for name in ("ambit-tunnel", "ambit-waypoint")]}))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kubectl", default=os.environ.get("KUBECTL", "kubectl"))
    parser.add_argument("--kubeconfig", default=os.environ.get("KUBECONFIG", ""))
    parser.add_argument("--images", default=":dev")
    parser.add_argument("--folder", default=ROOT / "deploy")
    options = parser.parse_args()
    cluster = Cluster(options.kubectl, options.kubeconfig, options.images)
    with tempfile.TemporaryDirectory() as directory:
        passed, failed = Run(cluster, options.folder, Path(directory).resolve()).all()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
