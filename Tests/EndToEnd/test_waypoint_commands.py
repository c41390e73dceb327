# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""`ambit-waypoint apply | generate | list | status | delete` on a configuration folder: what they print and what they write."""

import http.server
import json
import os
import subprocess
import threading

import pytest
from mesh.command import run

LABEL = "istio.io/use-waypoint"
COMMANDS = ["apply", "generate", "list", "status", "delete", "analyze", "routes", "version"]
MESH = """\
# The shop's namespace.
apiVersion: v1
kind: Namespace
metadata:
  name: default   # everything is here
  labels: {istio.io/dataplane-mode: ambient}   # in the mesh
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec:
  selector: {app: web}
  ports: [{port: 80}]   # HTTP
"""


def binary():
    """The executable under test: AMBIT_WAYPOINT, or the release build."""
    path = os.environ.get("AMBIT_WAYPOINT") or ".build/release/ambit-waypoint"
    if not os.access(path, os.X_OK):
        raise FileNotFoundError(f"no executable at {path}: `make build` first, or name it in AMBIT_WAYPOINT")
    return os.path.abspath(path)


class Folder:
    """A configuration folder and the command on it."""

    def __init__(self, path):
        self.path = path
        self.port = 1
        (path / "mesh.yaml").write_text(MESH)

    def __call__(self, command, *words, status=0):
        ports = ["--readiness-port", str(self.port)] if command in ("apply", "status", "delete") else []
        result = run(binary(), command, "--config", self.path, *ports, *words, check=False)
        assert result.returncode == status, f"{result.returncode}: {result.stdout}{result.stderr}"
        if status:
            assert result.stderr.count("\n") <= 1, result.stderr
        return result

    def __getitem__(self, name):
        return (self.path / name).read_text()

    @property
    def names(self):
        return sorted(path.name for path in self.path.iterdir())


class Proxy:
    """Answers on a readiness port, as `ambit-waypoint run` does."""

    def __init__(self, address="127.0.0.1", status=200):
        self.status = status
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                body = b"ready\n" if proxy.status == 200 else b"not ready, pending: certificate\n"
                self.send_response(proxy.status)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer((address, 0), Handler)
        self.address, self.port = self.server.server_address
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


@pytest.fixture
def proxy(folder):
    proxy = Proxy()
    folder.port = proxy.port
    yield proxy
    proxy.stop()


# Usage


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_examples(command):
    result = run(binary(), command, "--help")
    assert f"Usage: ambit-waypoint {command}" in result.stdout
    assert "Examples:" in result.stdout
    assert f"\n  {command} " in run(binary(), "--help").stdout


@pytest.mark.parametrize("words, line", [
    ([], "ambit-waypoint: no command; try ambit-waypoint --help"),
    (["aply"], 'ambit-waypoint: unknown command "aply"; did you mean apply?'),
    (["apply"], "ambit-waypoint apply: --config DIR (or $AMBIT_CONFIG; the folder with the mesh's manifests) or --kubernetes is"
     " needed"),
    (["apply", "--config", "/x", "surplus"],
     'ambit-waypoint apply: unexpected argument "surplus"; try ambit-waypoint apply --help'),
    (["apply", "--config", "/x", "--for", "pods"],
     'ambit-waypoint apply: --for: "pods" is not all, none, service or workload'),
    (["apply", "--config", "/x", "--name", "none"],
     "ambit-waypoint apply: a waypoint cannot be called none: the label istio.io/use-waypoint uses it to opt out"),
    (["apply", "--config", "/x", "--address", "nowhere"],
     'ambit-waypoint apply: --address: "nowhere" is not an IP address'),
    (["generate", "--name", "A_b"],
     'ambit-waypoint generate: "A_b" is not a name: lower-case letters, digits and -, a letter or digit at both ends,'
     " at most 63"),
    (["delete", "--config", "/x"],
     "ambit-waypoint delete: which waypoint? Give its name, or --all; try ambit-waypoint list"),
    (["delete", "--config", "/x", "--all", "a"], "ambit-waypoint delete: --all and names of waypoints exclude each other"),
])
def test_bad_usage_ends_with_64_and_one_line(words, line):
    result = run(binary(), *words, check=False)
    assert (result.returncode, result.stderr, result.stdout) == (64, line + "\n", "")


def test_as_a_plugin_of_kubectl_it_calls_itself_so(tmp_path):
    plugin = tmp_path / "kubectl-waypoint"
    plugin.symlink_to(binary())
    assert "Usage: kubectl waypoint apply --config DIR" in run(plugin, "apply", "--help").stdout
    assert run(plugin, "list", check=False).stderr.startswith("kubectl waypoint list: --config DIR (or")


def test_a_folder_that_is_not_there_ends_with_1(tmp_path):
    result = run(binary(), "list", "--config", tmp_path / "none", check=False)
    assert result.returncode == 1
    assert result.stderr.startswith(f"ambit-waypoint list: --config {tmp_path}/none: cannot read the configuration folder")


# generate


def test_generate_prints_the_gateway_and_makes_nothing(folder):
    result = run(binary(), "generate", "--namespace", "shop", "--name", "gate", "--for", "all", "-r", "canary")
    assert result.stdout == """\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata:
  labels:
    istio.io/rev: canary
    istio.io/waypoint-for: all
  name: gate
  namespace: shop
spec:
  gatewayClassName: ambit-waypoint
  listeners:
  - name: mesh
    port: 15008
    protocol: HBONE
"""
    assert "labels" not in run(binary(), "generate").stdout  # labels only if asked for
    assert folder.names == ["mesh.yaml"]


def test_what_generate_prints_is_a_waypoint_for_list(folder):
    (folder.path / "gate.yaml").write_text(run(binary(), "generate", "--name", "gate").stdout)
    assert folder("list").stdout.splitlines()[1].split() == ["gate", "default", "none", "False"]


# apply


def test_apply_programs_a_ready_proxy_and_enrols_the_namespace_last(folder, proxy):
    result = folder("apply", "--address", proxy.address, "--enroll-namespace", "--wait")
    assert result.stdout == (
        "✅ waypoint default/waypoint applied\n"
        "✅ waypoint default/waypoint is ready!\n"
        '✅ namespace default labeled with "istio.io/use-waypoint: waypoint"\n')
    assert result.stderr == ""
    assert folder.names == ["mesh.yaml", "waypoint_default_waypoint.yaml"]
    # The user's file has the label and is otherwise as it was.
    assert folder["mesh.yaml"] == MESH.replace(
        "{istio.io/dataplane-mode", "{istio.io/use-waypoint: waypoint, istio.io/dataplane-mode")
    written = folder["waypoint_default_waypoint.yaml"]
    assert "  - type: Hostname\n    value: waypoint.default.svc.cluster.local\n" in written
    assert f'podIP: "{proxy.address}"' in written
    assert folder("list").stdout.splitlines()[1].split() == ["waypoint", "default", "none", "True"]


def test_apply_again_changes_nothing(folder, proxy):
    words = ["apply", "--address", proxy.address, "--enroll-namespace", "--for", "service", "--wait"]
    folder(*words)
    before = {name: ((folder.path / name).stat().st_ino, folder[name]) for name in folder.names}
    folder(*words)
    assert {name: ((folder.path / name).stat().st_ino, folder[name]) for name in folder.names} == before


def test_apply_without_a_proxy_leaves_traffic_as_it_is_and_says_so(folder):
    result = folder("apply")
    assert result.stdout == "✅ waypoint default/waypoint applied\n"
    assert "is not programmed yet, traffic goes direct: no pod carries the label" in result.stderr
    assert folder("list").stdout.splitlines()[1].split()[-1] == "False"
    assert "status" not in folder["waypoint_default_waypoint.yaml"].replace("status-port", "")


def test_apply_wait_fails_when_no_proxy_gets_ready_and_does_not_enrol(folder, proxy):
    proxy.status = 503
    result = folder("apply", "--address", proxy.address, "--enroll-namespace", "-w", "--waypoint-timeout", "1s", status=1)
    assert "did not get ready in time, traffic goes direct" in result.stderr
    assert "pending: certificate" in result.stderr
    assert folder["mesh.yaml"] == MESH


def test_apply_waits_for_a_proxy_that_gets_ready(folder, proxy):
    proxy.status = 503
    timer = threading.Timer(1, lambda: setattr(proxy, "status", 200))
    timer.start()
    folder("apply", "--address", proxy.address, "--wait", "--waypoint-timeout", "20s")
    assert "value: waypoint.default.svc.cluster.local" in folder["waypoint_default_waypoint.yaml"]


def test_apply_assume_ready_does_not_ask(folder):
    folder("apply", "--address", "192.0.2.1", "--assume-ready")
    assert "value: waypoint.default.svc.cluster.local" in folder["waypoint_default_waypoint.yaml"]


def test_apply_takes_a_pod_that_is_there_by_its_address_and_labels_it(folder, proxy):
    pod = f"apiVersion: v1\nkind: Pod\nmetadata: {{name: gate, labels: {{app: gate}}}}\nstatus: {{podIP: {proxy.address}}}\n"
    (folder.path / "pod.yaml").write_text(pod)
    folder("apply", "--address", proxy.address, "--wait")
    assert "gateway.networking.k8s.io/gateway-name: waypoint" in folder["pod.yaml"]
    assert "istio.io/dataplane-mode: none" in folder["pod.yaml"]
    assert "kind: Pod" not in folder["waypoint_default_waypoint.yaml"]
    # From now on the label finds it.
    assert folder("apply").stderr == ""


def test_apply_changes_a_gateway_in_the_users_file_where_it_stands(folder, proxy):
    gateway = run(binary(), "generate").stdout.replace("kind: Gateway", "kind: Gateway  # mine")
    (folder.path / "gateway.yaml").write_text("# licence\n" + gateway)
    folder("apply", "--address", proxy.address, "--for", "all", "--wait")
    text = folder["gateway.yaml"]
    assert text.startswith("# licence\napiVersion: gateway.networking.k8s.io/v1\nkind: Gateway  # mine\n")
    assert "    istio.io/waypoint-for: all\n" in text
    assert text.endswith(
        "status:\n  addresses:\n  - type: Hostname\n    value: waypoint.default.svc.cluster.local\n")
    assert "kind: Gateway" not in folder["waypoint_default_waypoint.yaml"]


def test_apply_overwrites_another_waypoints_label_only_when_told(folder, proxy):
    folder("apply", "--address", proxy.address, "--enroll-namespace")
    before = {name: folder[name] for name in folder.names}
    result = folder("apply", "--name", "other", "--enroll-namespace", status=1)
    assert result.stderr == ("ambit-waypoint apply: namespace default is labeled with "
                             '"istio.io/use-waypoint: waypoint" already; --overwrite changes that\n')
    assert {name: folder[name] for name in folder.names} == before
    folder("apply", "--name", "other", "--enroll-namespace", "--overwrite")
    assert "istio.io/use-waypoint: other" in folder["mesh.yaml"]


def test_apply_enrols_a_namespace_that_no_file_describes(folder, proxy):
    result = folder("apply", "-n", "new", "--address", proxy.address, "--enroll-namespace")
    assert folder["namespace_new.yaml"] == (
        "apiVersion: v1\nkind: Namespace\nmetadata:\n  labels:\n    istio.io/use-waypoint: waypoint\n  name: new\n")
    assert "namespace new is not enrolled in the mesh" in result.stderr


@pytest.mark.parametrize("text, reason", [
    ("apiVersion: v1\nkind: Service\nmetadata: {name: waypoint}\nspec: {selector: {app: x}}\n",
     "is not the waypoint's"),
    ("apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: waypoint}\n"
     "spec: {gatewayClassName: nginx}\n", "is of another class"),
])
def test_apply_refuses_names_that_are_taken(folder, text, reason):
    (folder.path / "taken.yaml").write_text(text)
    result = folder("apply", status=1)
    assert reason in result.stderr and "choose another --name" in result.stderr
    assert folder["taken.yaml"] == text


def test_a_namespace_that_cannot_be_edited_safely_is_refused_and_untouched(folder, proxy):
    text = MESH.replace("  labels: {istio.io/dataplane-mode: ambient}   # in the mesh",
                        "  annotations: &all {istio.io/dataplane-mode: ambient}\n  labels: *all")
    (folder.path / "mesh.yaml").write_text(text)
    result = folder("apply", "--address", proxy.address, "--enroll-namespace", status=1)
    assert "cannot be changed without touching the rest of the file" in result.stderr
    assert folder["mesh.yaml"] == text


def test_mode_and_owner_stay_and_links_are_followed(folder, proxy, tmp_path_factory):
    target = tmp_path_factory.mktemp("elsewhere") / "mesh.yaml"
    target.write_text(MESH)
    os.chmod(target, 0o640)
    os.chown(target, 12, 34)
    (folder.path / "mesh.yaml").unlink()
    (folder.path / "mesh.yaml").symlink_to(target)
    folder("apply", "--address", proxy.address, "--enroll-namespace")
    assert (folder.path / "mesh.yaml").is_symlink()
    status = target.stat()
    assert (status.st_mode & 0o7777, status.st_uid, status.st_gid) == (0o640, 12, 34)
    assert LABEL in target.read_text()


def test_a_file_with_two_names_is_refused(folder, proxy):
    os.link(folder.path / "mesh.yaml", folder.path / "copy.txt")
    result = folder("apply", "--address", proxy.address, "--enroll-namespace", status=1)
    assert "several names (hard links)" in result.stderr
    assert folder["mesh.yaml"] == MESH


def test_many_at_once_all_count(folder):
    """Twelve commands on one file: each adds its label, none takes another's away."""
    names = [f"n{index}" for index in range(12)]
    (folder.path / "all.yaml").write_text(
        "---\n".join(f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}\n" for name in names))
    processes = [
        subprocess.Popen([binary(), "apply", "--config", folder.path, "-n", name, "--enroll-namespace",
                          "--address", f"192.0.2.{index + 1}", "--assume-ready"],
                         stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for index, name in enumerate(names)
    ]
    for process in processes:
        assert process.wait(30) == 0, process.stderr.read()
    assert folder["all.yaml"].count(LABEL) == len(names)
    assert folder("list", "-A").stdout.count("True") == len(names)
    assert not [name for name in os.listdir(folder.path) if name.startswith(".")]


# list and status


def test_list_of_nothing(folder):
    assert folder("list").stdout == "No waypoints found.\n"
    assert folder("status").stdout == "No waypoints found.\n"
    assert json.loads(folder("list", "-o", "json").stdout) == []


def test_list_shows_namespaces_when_asked_for_all(folder, proxy):
    folder("apply", "--address", proxy.address, "-r", "canary", "--for", "all")
    folder("apply", "-n", "other", "--name", "gate")
    assert folder("list").stdout == ("NAME       REVISION   TRAFFIC TYPE   PROGRAMMED\n"
                                     "waypoint   canary     all            True\n")
    assert folder("list", "-A").stdout == ("NAMESPACE   NAME       REVISION   TRAFFIC TYPE   PROGRAMMED\n"
                                           "default     waypoint   canary     all            True\n"
                                           "other       gate       default    none           False\n")


def test_list_in_json_names_pods_and_users(folder, proxy):
    folder("apply", "--address", proxy.address, "--enroll-namespace")
    rows = json.loads(folder("list", "-o", "json").stdout)
    assert rows == [{
        "namespace": "default", "name": "waypoint", "revision": "default", "trafficType": "service",
        "programmed": True, "addresses": ["waypoint.default.svc.cluster.local"], "pods": ["waypoint-127-0-0-1"],
        "users": ["Namespace default"], "file": "waypoint_default_waypoint.yaml"}]


def test_status_tells_what_is_programmed_from_what_answers(folder, proxy):
    def conditions(*words, status=0):
        rows = json.loads(folder("status", "-o", "json", *words, status=status).stdout)
        return {row["type"]: (row["status"], row["reason"]) for row in rows}

    folder("apply")
    assert conditions("--wait=false", status=1) == {
        "Accepted": ("True", "Accepted"), "Programmed": ("False", "AddressNotAssigned"),
        "Ready": ("False", "NoProxies")}
    folder("apply", "--address", proxy.address)
    assert conditions() == {"Accepted": ("True", "Accepted"), "Programmed": ("True", "Programmed"),
                            "Ready": ("True", "ProxiesReady")}
    proxy.status = 503
    assert conditions()["Ready"] == ("False", "NoProxyReady")
    assert "pending: certificate" in folder("status").stdout
    heading = folder("status", "-A").stdout.splitlines()[0].split()
    assert heading == ["NAMESPACE", "NAME", "STATUS", "TYPE", "REASON", "MESSAGE"]


def test_status_waits_for_programmed(folder, proxy):
    folder("apply")
    timer = threading.Timer(1, lambda: folder("apply", "--address", proxy.address))
    timer.start()
    assert "Programmed   Programmed" in folder("status", "--waypoint-timeout", "20s").stdout
    timer.join()


# delete


def test_delete_takes_away_what_apply_made_when_the_proxy_has_ended(folder, proxy):
    folder("apply", "--address", proxy.address, "--enroll-namespace")
    result = folder("delete", "waypoint")
    assert result.stdout == "waypoint default/waypoint deleted\n"
    assert "still labeled" in result.stderr and "Namespace default; their traffic goes direct now" in result.stderr
    # Connections may still go through the pod: while something serves there, it stays.
    assert "kind: Pod" in folder["waypoint_default_waypoint.yaml"]
    assert "kind: Gateway" not in folder["waypoint_default_waypoint.yaml"]
    proxy.stop()
    assert folder("delete", "waypoint").stdout == "waypoint default/waypoint not found\n"
    assert folder.names == ["mesh.yaml"]


def test_delete_waits_for_the_proxy_to_end(folder, proxy):
    folder("apply", "--address", proxy.address)
    timer = threading.Timer(1, proxy.stop)
    timer.start()
    assert folder("delete", "waypoint", "--wait", "--waypoint-timeout", "20s").stderr == ""
    assert folder.names == ["mesh.yaml"]


def test_apply_and_delete_with_unlabel_restore_the_folder(folder):
    block = MESH.replace("{istio.io/dataplane-mode: ambient}   # in the mesh", "\n    istio.io/dataplane-mode: ambient   # in")
    (folder.path / "mesh.yaml").write_text(block)
    folder("apply", "--enroll-namespace")
    assert folder["mesh.yaml"] != block
    result = folder("delete", "waypoint", "--unlabel")
    assert result.stdout == "Namespace default unlabeled\nwaypoint default/waypoint deleted\n"
    assert folder["mesh.yaml"] == block and folder.names == ["mesh.yaml"]


def test_delete_all_of_a_namespace_and_revision(folder):
    for words in ["--name", "a"], ["--name", "b", "-r", "canary"], ["--name", "c", "-n", "other"]:
        folder("apply", *words)
    assert folder("delete", "--all", "-r", "canary").stdout == "waypoint default/b deleted\n"
    assert folder("delete", "--all").stdout == "waypoint default/a deleted\n"
    assert folder("delete", "--all").stdout == "No waypoints found.\n"
    assert folder("list", "-A").stdout.splitlines()[1].split()[:2] == ["other", "c"]


def test_delete_leaves_gateways_that_are_no_waypoints(folder):
    text = ("apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: edge}\n"
            "spec: {gatewayClassName: nginx}\n")
    (folder.path / "edge.yaml").write_text(text)
    assert folder("delete", "edge").stdout == "waypoint default/edge not found\n"
    assert folder("delete", "--all").stdout == "No waypoints found.\n"
    assert folder["edge.yaml"] == text


def test_delete_takes_a_gateway_out_of_the_users_file(folder):
    (folder.path / "mesh.yaml").write_text(MESH + "---\n# our waypoint\n" + run(binary(), "generate").stdout)
    folder("delete", "waypoint")
    assert folder["mesh.yaml"] == MESH


# analyze


ROUTE = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web}
spec:
  hosts: [web]
  http:
  - route:
    - destination: {host: wbe}
"""


def test_analyze_names_file_line_object_and_field_and_ends_with_1(folder):
    (folder.path / "route.yaml").write_text(ROUTE)
    result = folder("analyze", status=1)
    assert ("route.yaml:8: error: VirtualService default/web: spec.http[0].route[0].destination.host: there is no service "
            "wbe.default.svc.cluster.local: its share of the requests is answered 500; correct the name\n") in result.stdout
    assert result.stdout.endswith("1 errors, 1 warnings in 3 objects.\n")  # the warning: web has no waypoint
    rows = json.loads(folder("analyze", "-o", "json", status=1).stdout)
    assert [(row["severity"], row["file"], row["line"]) for row in rows] == [
        ("warning", "route.yaml", 5), ("error", "route.yaml", 8)]
    assert rows[1]["field"] == "spec.http[0].route[0].destination.host" and "correct the name" in rows[1]["message"]


def test_analyze_a_file_as_if_it_were_in_the_folder(folder, tmp_path_factory):
    file = tmp_path_factory.mktemp("new") / "route.yaml"
    file.write_text(ROUTE.replace("wbe", "web"))
    result = folder("analyze", file)
    assert result.stdout.splitlines()[0].startswith(f"{file}:5: warning: VirtualService default/web: spec.hosts[0]: nothing")
    # By itself, it says nothing of services; a folder of files is read as a whole.
    assert run(binary(), "analyze", file).stdout == "No problems found in 1 objects.\n"
    (file.parent / "mesh.yaml").write_text(MESH)
    assert "1 warnings in 3 objects" in run(binary(), "analyze", file.parent).stdout


def test_analyze_of_a_working_mesh_finds_nothing(folder, proxy):
    folder("apply", "--address", proxy.address, "--enroll-namespace")
    (folder.path / "route.yaml").write_text(ROUTE.replace("wbe", "web"))
    assert folder("analyze").stdout.startswith("No problems found in ")


def test_analyze_bad_usage_and_missing_files(tmp_path):
    assert run(binary(), "analyze", check=False).returncode == 64
    result = run(binary(), "analyze", tmp_path / "none.yaml", check=False)
    assert result.returncode == 1 and "cannot be read" in result.stderr and result.stderr.count("\n") == 1


# routes


def test_routes_names_the_service_and_its_endpoints(folder):
    (folder.path / "pod.yaml").write_text(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: web-1, labels: {app: web}}\nstatus: {podIP: 10.0.0.1}\n")
    answer = json.loads(folder("routes", "--host", "web", "--path", "/x?y=z", "-o", "json").stdout)
    assert answer["request"] == "GET http://web.default.svc.cluster.local:80/x?y=z"
    assert answer["clusters"] == [{"name": "inbound-vip|80|http|web.default.svc.cluster.local", "share": "100.0",
                                   "endpoints": ["10.0.0.1:80 default/web-1 HBONE"]}]
    text = folder("routes", "--host", "web").stdout
    assert "rule      none\n" in text and "waypoint  none (the service asks for none)" in text


@pytest.mark.parametrize("words, line", [
    ([], "--host SERVICE is needed; try ambit-waypoint routes --help"),
    (["--host", "web", "--path", "x"], '--path: "x" does not begin with /'),
    (["--host", "web", "--header", "x"], '--header: "x" is not a header field; write for example x-canary=true'),
    (["--host", "web", "--from", "a/b/c"], '--from: "a/b/c" is not NAMESPACE or NAMESPACE/ACCOUNT'),
])
def test_routes_bad_usage(folder, words, line):
    assert folder("routes", *words, status=64).stderr == f"ambit-waypoint routes: {line}\n"


def test_routes_of_a_service_that_is_not_there(folder):
    assert "there is no service lost in namespace default" in folder("routes", "--host", "lost", status=1).stderr
