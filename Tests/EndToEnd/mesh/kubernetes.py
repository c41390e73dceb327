# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""The API server of a world: started, killed, asked through kubectl, and a folder-like way to write objects."""

import itertools
import json
import os
import shutil
import sys
import uuid
from pathlib import Path

from .command import run
from .tunnel import Tunnel
from .waiting import eventually
from .waypoint import Waypoint

PORT = 6443
TOKEN = "token-of-the-administrator"
HERE = Path(__file__).resolve().parents[1]


def kubectl_binary():
    """kubectl, of any origin; `make deps` installs Debian's package kubernetes-client where there is none."""
    return os.environ.get("KUBECTL") or shutil.which("kubectl") or "kubectl is missing: apt install kubernetes-client"


def make_certificates(directory, names, client="ambit-test-client"):
    """A CA, the server's certificate, and one for a client, by openssl."""
    def openssl(*words):
        run("openssl", *words)

    def key(name):
        openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", directory / f"{name}.key")

    key("ca")
    openssl("req", "-x509", "-key", directory / "ca.key", "-days", "1", "-subj", "/CN=test-cluster-ca",
            "-out", directory / "ca.crt")
    for name, subject, extension in (("server", "/CN=kube-apiserver", f"subjectAltName={names}\n"
                                      "extendedKeyUsage=serverAuth"),
                                     ("client", f"/O=system:masters/CN={client}", "extendedKeyUsage=clientAuth")):
        key(name)
        (directory / f"{name}.ext").write_text(extension + "\n")
        openssl("req", "-new", "-key", directory / f"{name}.key", "-subj", subject, "-out", directory / f"{name}.csr")
        openssl("x509", "-req", "-in", directory / f"{name}.csr", "-CA", directory / "ca.crt",
                "-CAkey", directory / "ca.key", "-CAcreateserial", "-days", "1",
                "-extfile", directory / f"{name}.ext", "-out", directory / f"{name}.crt")


class ApiServer:
    """In a world: on a host of its own, reached by the nodes over the fabric; `netns` None: on loopback here."""

    def __init__(self, directory, netns=None, address="127.0.0.1", port=PORT, options=()):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True)
        self.netns, self.address, self.port = netns, address, port
        self.options = list(options)
        make_certificates(self.directory, f"IP:{address},DNS:kubernetes.default.svc")
        (self.directory / "users.json").write_text(json.dumps(
            {TOKEN: {"user": "admin", "groups": ["system:masters"]}}))
        self.kubeconfig = self.directory / "kubeconfig"
        self.write_kubeconfig(self.kubeconfig, {"token": TOKEN})
        self.processes = []

    def write_kubeconfig(self, path, user, **cluster):
        """In JSON, which is YAML."""
        place = {"server": f"https://{self.address}:{self.port}", "certificate-authority": "ca.crt", **cluster}
        path.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "c", "cluster": {k: v for k, v in place.items() if v is not None}}],
            "users": [{"name": "u", "user": user}],
            "contexts": [{"name": "test", "context": {"cluster": "c", "user": "u"}}]}, indent=1))

    def start(self):
        argv = [sys.executable, "-B", "-m", "mesh.apiserver", "--address", self.address, "--port", self.port,
                "--directory", self.directory, *self.options]
        env = {"PYTHONPATH": str(HERE)}
        log = self.directory / f"server-{len(self.processes) + 1}.log"
        if self.netns:
            process = self.netns.start(*argv, log=log, env=env)
        else:
            from .process import Process
            process = Process(argv, log, env)
        self.processes.append(process)
        eventually(lambda: "is ready" in process.text() or process.status is not None, 15)
        assert process.status is None, process.text()
        return self

    def kill(self):
        self.processes[-1].kill()

    def stop(self):
        for process in self.processes:
            process.stop()

    def run(self, *argv, **options):
        """A command where the server is, or that can reach it."""
        return self.netns.run(*argv, **options) if self.netns else run(*argv, **options)

    def kubectl(self, *words, **options):
        home = f"HOME={self.directory}"
        return self.run("env", home, kubectl_binary(), "--kubeconfig", self.kubeconfig, *words, **options)

    def request(self, path, body=None, method=None):
        """Asks without kubectl: JSON in, JSON out."""
        given = [] if body is None else ["-H", "content-type: application/json", "-d", json.dumps(body)]
        url = f"https://{self.address}:{self.port}{path}"
        answer = self.run("curl", "-sS", "--http2", "--cacert", self.directory / "ca.crt", "-H",
                          f"authorization: Bearer {TOKEN}", *(["-X", method] if method else []), *given, url).stdout
        return json.loads(answer)

    def control(self, what, **value):
        return self.request(f"/test/{what}", value)

    def fault(self, match, times=1, **value):
        self.control("fault", match=match, times=times, **value)

    def requests(self):
        """All requests so far, as `METHOD path`."""
        return [line for line in self.control("requests")["requests"] if "/test/" not in line]


#: Where runtimes put a pod's processes, by the drivers and versions there are; `slice` is the UID with underscores.
CGROUPS = [
    "12:pids:/kubepods/burstable/pod{uid}/{container}\n4:memory:/kubepods/burstable/pod{uid}/{container}\n0::/\n",
    "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{slice}.slice/cri-containerd-{container}.scope\n",
    "0::/kubepods/pod{uid}/{container}\n",
    "0::/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod{slice}.slice/cri-containerd-{container}.scope\n",
]


class Processes:
    """What tunnels see in place of /proc: a process for each pod, in the pod's cgroup and network namespace."""

    def __init__(self, path):
        self.path = path
        self.numbers = itertools.count(1001)
        path.mkdir()

    def add(self, uid, namespace, start=None):
        """A process; `start` is its age in ticks from boot. Returns its number."""
        number = next(self.numbers)
        place = self.path / str(number)
        (place / "ns").mkdir(parents=True)
        container = uuid.uuid4().hex * 2
        layout = CGROUPS[number % len(CGROUPS)]
        (place / "cgroup").write_text(layout.format(uid=uid, slice=uid.replace("-", "_"), container=container))
        fields = " ".join(["0"] * 18)
        (place / "stat").write_text(f"{number} (pause) S {fields} {number if start is None else start} 0\n")
        (place / "ns" / "net").symlink_to(namespace)
        return number

    def remove(self, number):
        shutil.rmtree(self.path / str(number))


class Cluster:
    """Stands where a World has its ConfigurationFolder: objects go to the API server, and the kubelets run the pods."""

    path = ""
    PLURALS = {"Namespace": "namespaces", "Node": "nodes", "Pod": "pods", "Service": "services",
               "EndpointSlice": "endpointslices", "Gateway": "gateways", "HTTPRoute": "httproutes",
               "AuthorizationPolicy": "authorizationpolicies", "PeerAuthentication": "peerauthentications",
               "ServiceEntry": "serviceentries", "WorkloadEntry": "workloadentries"}

    def __init__(self, server, processes):
        self.server = server
        self.processes = processes
        #: (namespace, name) of a pod -> its uid, and the number of its process once it has one
        self.running = {}

    def uid(self, value):
        """The UID that a pod has, or will have when it is applied."""
        return self.running.setdefault((value["metadata"]["namespace"], value["metadata"]["name"]),
                                       (str(uuid.uuid4()), None))[0]

    def run_pod(self, value):
        """Starts the pod's process where there is none, and gives the pod its UID as the API server would."""
        meta = value["metadata"]
        place = meta.get("namespace"), meta["name"]
        annotations = dict(meta.get("annotations", {}))
        path = annotations.pop("ambit.dev/netns", None)
        uid = self.uid(value)
        if path and self.running[place][1] is None:
            self.running[place] = uid, self.processes.add(uid, path)
        return {**value, "metadata": {**meta, "uid": uid, "annotations": annotations}}

    def place(self, value, named=True):
        group = value["apiVersion"]
        root = f"/apis/{group}" if "/" in group else f"/api/{group}"
        namespace = value["metadata"].get("namespace")
        middle = f"/namespaces/{namespace}" if namespace else ""
        name = f"/{value['metadata']['name']}" if named else ""
        return f"{root}{middle}/{self.PLURALS[value['kind']]}{name}"

    def apply(self, *objects):
        for value in objects:
            if value["kind"] == "Pod":
                value = self.run_pod(value)
            answer = self.server.request(self.place(value, named=False), value)
            if answer.get("reason") == "AlreadyExists":
                answer = self.server.request(self.place(value), value, "PUT")
            assert answer["kind"] == value["kind"], answer

    def delete(self, *objects):
        for value in objects:
            self.server.request(self.place(value), method="DELETE")
            if value["kind"] == "Pod":
                self.running.pop((value["metadata"].get("namespace"), value["metadata"]["name"]), None)


def cluster(world, options=()):
    """Gives a world an API server on a machine of its own, in the place of its folder; before any object is made."""
    host = world.host("apiserver")
    address = host.ip
    server = ApiServer(world.directory / "apiserver", host.netns, address, options=options).start()
    world.closing(server.stop)
    world.folder = Cluster(server, Processes(world.directory / "proc"))
    return server


class ClusterTunnel(Tunnel):
    """A tunnel that follows the API server."""

    def command(self):
        command = super().command()
        place = command.index("--config")
        command[place:place + 2] = ["--kubernetes", "--kubeconfig", self.folder.server.kubeconfig,
                                      "--proc", self.folder.processes.path]
        return command


def node(world, name, **options):
    """A node whose tunnel follows the API server."""
    made = world.node(name, tunnel=False, **options)
    made.tunnel = ClusterTunnel(made, world.folder, world.ca_directory, world.directory)
    return made


class ClusterWaypoint(Waypoint):
    """A waypoint that follows the API server."""

    def source(self):
        return ["--kubernetes", "--kubeconfig", self.world.folder.server.kubeconfig]
