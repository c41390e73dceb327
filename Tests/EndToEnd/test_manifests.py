# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""deploy/ as objects: definitions whose schemas take what users bring and prune nothing, monitors, alerts, dashboards, ports."""

import copy
import json
import re
import shutil
from pathlib import Path

import pytest
from mesh import kubernetes, prometheus
from mesh.apiserver import resources
from mesh.command import run
from test_samples import SAMPLES

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
DECODERS = Path(__file__).resolve().parents[2] / "Sources/Manifest/Decoding"
#: What a structural schema may consist of, and ours does (Kubernetes, "Specifying a structural schema").
WORDS = {"type", "properties", "items", "additionalProperties", "required", "enum", "minimum", "maximum", "minItems",
         "x-kubernetes-preserve-unknown-fields"}
TYPES = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """An API server that knows Istio's kinds from deploy/definitions alone."""
    made = kubernetes.ApiServer(tmp_path_factory.mktemp("server") / "api", port=16443, options=["--no-custom-resources"])
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def definitions(server):
    """{kind: definition}."""
    server.kubectl("apply", "--validate=false", "-k", DEPLOY / "definitions")
    found = server.request("/apis/apiextensions.k8s.io/v1/customresourcedefinitions")["items"]
    return {value["spec"]["names"]["kind"]: value for value in found if value["spec"]["group"].endswith("istio.io")}


def schemas(definition):
    return [version["schema"]["openAPIV3Schema"] for version in definition["spec"]["versions"]]


def walk(schema, path="spec"):
    yield path, schema
    for name, value in schema.get("properties", {}).items():
        yield from walk(value, f"{path}.{name}")
    for word in ("items", "additionalProperties"):
        if word in schema:
            yield from walk(schema[word], f"{path}[]")


def mistakes(schema, value, path=""):
    """What an API server would find wrong with a value."""
    kind = schema["type"]
    if not isinstance(value, TYPES[kind]) or (isinstance(value, bool) and kind != "boolean"):
        yield f"{path}: is no {kind}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{path}: {value!r} is none of {schema['enum']}"
    if kind in ("integer", "number") and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        yield f"{path}: {value} is out of range"
    if kind == "array":
        if len(value) < schema.get("minItems", 0):
            yield f"{path}: is too short"
        for index, item in enumerate(value):
            yield from mistakes(schema["items"], item, f"{path}[{index}]")
    if kind == "object":
        for name in set(schema.get("required", ())) - set(value):
            yield f"{path}: lacks {name}"
        for name, item in value.items():
            inner = schema.get("properties", {}).get(name) or schema.get("additionalProperties")
            if inner:
                yield from mistakes(inner, item, f"{path}.{name}")
            elif not schema.get("x-kubernetes-preserve-unknown-fields"):
                yield f"{path}.{name}: would be pruned"


def test_every_schema_is_structural_the_same_in_all_versions_and_prunes_nothing(definitions):
    assert len(definitions) == 6
    for kind, definition in definitions.items():
        assert definition["metadata"]["name"] == f"{definition['spec']['names']['plural']}.{definition['spec']['group']}"
        assert [version["storage"] for version in definition["spec"]["versions"]].count(True) == 1
        assert all(version["subresources"] == {"status": {}} for version in definition["spec"]["versions"])
        first, *others = schemas(definition)
        assert all(other == first for other in others)
        for path, schema in walk(first, kind):
            assert set(schema) <= WORDS, path
            assert schema["type"] in TYPES, path
            if schema["type"] == "array":
                assert "items" in schema, path
            elif schema["type"] == "object" and path != kind:
                # Either all members are alike, or those that are not named stay.
                assert ("additionalProperties" in schema) != schema.get("x-kubernetes-preserve-unknown-fields", False), path
            assert set(schema.get("required", ())) <= set(schema.get("properties", {})), path


def test_every_field_of_a_schema_is_one_that_the_decoders_know(definitions):
    text = "".join(path.read_text(encoding="utf-8") for path in DECODERS.glob("*.swift"))
    known = set(re.findall(r'"(\w+)"', text))
    for kind, definition in definitions.items():
        names = {name for _, schema in walk(schemas(definition)[0], kind) for name in schema.get("properties", {})}
        assert names - known - {"spec", "status"} == {
            "AuthorizationPolicy": {"group", "kind", "namespace"} - known}.get(kind, set()), kind


def test_what_users_bring_is_valid(server, definitions):
    # Of kinds that this server does not know kubectl complains, and goes on.
    server.kubectl("apply", "--validate=false", "-f", SAMPLES, check=False)
    seen = {}
    for kind, definition in definitions.items():
        plural, group = definition["spec"]["names"]["plural"], definition["spec"]["group"]
        for version in definition["spec"]["versions"]:
            values = server.request(f"/apis/{group}/{version['name']}/{plural}")["items"]
            schema = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
            for value in values:
                assert not list(mistakes(schema, value["spec"], f"{kind} {value['metadata']['name']}"))
            seen[kind] = len(values)
    assert {kind for kind, count in seen.items() if count} >= {
        "AuthorizationPolicy", "PeerAuthentication", "VirtualService", "DestinationRule"}, seen


@pytest.mark.parametrize("kind, change", [
    ("AuthorizationPolicy", {"action": "MAYBE"}),
    ("AuthorizationPolicy", {"rules": [{"from": [{"source": {"principals": "one"}}]}]}),
    ("AuthorizationPolicy", {"rules": [{"to": [{}]}]}),
    ("PeerAuthentication", {"mtls": {"mode": "strict"}}),
    ("PeerAuthentication", {"portLevelMtls": {"80": "STRICT"}}),
    ("VirtualService", {"http": [{"route": [{"destination": {"host": "a"}, "weight": "90"}]}]}),
    ("VirtualService", {"http": [{"fault": {"abort": {"httpStatus": 99}}}]}),
    ("DestinationRule", {"host": None}),
    ("DestinationRule", {"host": "a", "trafficPolicy": {"tls": {"mode": "PLAIN"}}}),
    ("ServiceEntry", {"hosts": []}),
    ("WorkloadEntry", {"ports": {"http": 80_000}}),
])
def test_what_no_decoder_takes_is_refused_by_the_schema(definitions, kind, change):
    schema = schemas(definitions[kind])[0]["properties"]["spec"]
    assert list(mistakes(schema, change))


def test_unknown_fields_reach_the_decoders_which_fail_closed(definitions):
    schema = schemas(definitions["AuthorizationPolicy"])[0]["properties"]["spec"]
    value = {"action": "ALLOW", "novel": True, "rules": [{"from": [{"source": {"novel": ["x"]}, "novel": {}}], "novel": []}]}
    assert not list(mistakes(schema, copy.deepcopy(value)))


# MARK: Everything together


def apply(server, directory, overlay, *components):
    """Applies a kustomization of a user's, with an image of theirs."""
    shutil.copytree(DEPLOY, directory / "deploy")
    folder = directory / "mine"
    folder.mkdir()
    (folder / "kustomization.yaml").write_text(json.dumps({
        "apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": [f"../deploy/{overlay}"],
        "components": [f"../deploy/components/{name}" for name in components],
        "images": [{"name": "ambit-tunnel", "newName": "registry.example/ambit-tunnel", "newTag": "1"}]}))
    server.kubectl("apply", "--validate=false", "-k", folder)


@pytest.fixture(scope="module")
def whole(server, tmp_path_factory):
    """For production, with all that watches it."""
    for plural, kind in (("podmonitors", "PodMonitor"), ("servicemonitors", "ServiceMonitor"), ("prometheusrules", "PrometheusRule")):
        server.request("/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
                       resources.definition("monitoring.coreos.com", ("v1",), plural, kind))
    apply(server, tmp_path_factory.mktemp("user"), "overlays/production", "monitoring")
    server.request("/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
                   resources.definition("gateway.networking.k8s.io", ("v1",), "gatewayclasses", "GatewayClass", False))
    server.kubectl("apply", "--validate=false", "-k", DEPLOY / "waypoints")
    return server


def objects(server, group, plural):
    """{name: object} of our namespace."""
    root = f"apis/{group}/v1" if group else "api/v1"
    return {value["metadata"]["name"]: value
            for value in server.request(f"/{root}/namespaces/ambit-system/{plural}")["items"]}


def ports(kind):
    return {port["name"]: port["containerPort"] for made in kind["spec"]["template"]["spec"]["containers"] for port in made["ports"]}


def test_what_is_scraped_and_let_in_are_the_ports_that_containers_have(whole):
    tunnel, identity = objects(whole, "apps", "daemonsets")["ambit-tunnel"], objects(whole, "apps", "deployments")["ambit-identity"]
    policies = objects(whole, "networking.k8s.io", "networkpolicies")
    controller = objects(whole, "apps", "deployments")["ambit-waypoint-controller"]
    for name, kind in (("ambit-tunnel", tunnel), ("ambit-identity", identity), ("ambit-waypoint-controller", controller)):
        template = kind["spec"]["template"]
        assert policies[name]["spec"]["podSelector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
        assert {port["port"] for rule in policies[name]["spec"]["ingress"] for port in rule["ports"]} == set(ports(kind).values())
    pods = objects(whole, "monitoring.coreos.com", "podmonitors")
    services = objects(whole, "monitoring.coreos.com", "servicemonitors")
    assert pods["ambit-tunnel"]["spec"]["podMetricsEndpoints"][0]["port"] in ports(tunnel)
    assert pods["ambit-waypoint-controller"]["spec"]["podMetricsEndpoints"][0]["port"] in ports(controller)
    served = {port["name"]: port["targetPort"] for port in objects(whole, "", "services")["ambit-identity"]["spec"]["ports"]}
    assert served[services["ambit-identity"]["spec"]["endpoints"][0]["port"]] in ports(identity).values()
    for kind in (tunnel, identity):
        for made in kind["spec"]["template"]["spec"]["containers"] + kind["spec"]["template"]["spec"].get("initContainers", []):
            assert made["image"] == "registry.example/ambit-tunnel:1"
            assert made["resources"]["requests"].keys() == {"cpu", "memory"} and "memory" in made["resources"]["limits"]


def test_alerts_are_prometheus_rules_over_metrics_that_there_are(whole, tmp_path):
    groups = objects(whole, "monitoring.coreos.com", "prometheusrules")["ambit"]["spec"]["groups"]
    file = tmp_path / "rules.json"
    file.write_text(json.dumps({"groups": groups}))
    said = run(Path(prometheus.binary()).parent / "promtool", "check", "rules", file).stdout
    assert f"SUCCESS: {sum(len(group['rules']) for group in groups)} rules found" in said
    documented = "".join((DEPLOY.parent / "docs" / name).read_text() for name in ("operations.md", "identity.md"))
    for rule in (rule for group in groups for rule in group["rules"]):
        for name in re.findall(r"\b(?:ambit|workload_manager|istio)_\w+", rule["expr"]):
            assert f"`{name}`" in documented or f"`{name.removesuffix('_total')}`" in documented, name
        page, _, heading = rule["annotations"]["runbook"].partition("#")
        headings = re.findall(r"^#+ (.*)$", (DEPLOY.parent / page).read_text(), re.MULTILINE)
        assert not heading or heading in [re.sub(r"[^\w -]", "", text).lower().replace(" ", "-") for text in headings], rule


def test_the_alert_for_probes_is_raised_where_they_are_captured_and_nowhere_else(whole, tmp_path):
    groups = objects(whole, "monitoring.coreos.com", "prometheusrules")["ambit"]["spec"]["groups"]
    (tmp_path / "rules.json").write_text(json.dumps({"groups": groups}))
    # Node: whether probes are exempt, and captured pods.
    nodes = {"fine": (1, 3), "captured": (0, 3), "idle": (0, 0)}
    series = [{"series": f'{name}{{instance="{node}"}}', "values": f"{value}x60"} for node, values in nodes.items()
              for name, value in zip(("ambit_probes_exempt", "workload_manager_active_proxy_count"), values)]
    raised = {"eval_time": "30m", "alertname": "AmbitProbesCaptured", "exp_alerts": [{
        "exp_labels": {"severity": "warning", "instance": "captured"}, "exp_annotations": next(
            {key: text.replace("{{ $labels.instance }}", "captured") for key, text in rule["annotations"].items()}
            for group in groups for rule in group["rules"] if rule["alert"] == "AmbitProbesCaptured")}]}
    (tmp_path / "tests.json").write_text(json.dumps({
        "rule_files": ["rules.json"], "tests": [{"interval": "1m", "input_series": series, "alert_rule_test": [raised]}]}))
    assert "SUCCESS" in run(Path(prometheus.binary()).parent / "promtool", "test", "rules", tmp_path / "tests.json").stdout


def test_dashboards_are_objects_with_the_files_that_are_tested(whole):
    value = objects(whole, "", "configmaps")["ambit-dashboards"]
    assert value["metadata"]["labels"]["grafana_dashboard"] == "1"
    for name in ("mesh", "node"):
        assert json.loads(value["data"][f"ambit-{name}.json"]) == json.loads((DEPLOY / f"grafana/{name}.json").read_text())


@pytest.mark.parametrize("components", [(), ("k3s",), ("without-cni",)])
def test_arguments_mounts_and_volumes_of_tunnels_fit_each_other(server, tmp_path, components):
    server.kubectl("delete", "daemonset", "-n", "ambit-system", "--all", "--ignore-not-found")
    apply(server, tmp_path, "overlays/dev", *components)
    pod = objects(server, "apps", "daemonsets")["ambit-tunnel"]["spec"]["template"]["spec"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    made = pod.get("initContainers", []) + pod["containers"]
    assert {mount["name"] for one in made for mount in one["volumeMounts"]} == set(volumes)
    for one in made:
        places = {mount["mountPath"]: volumes[mount["name"]] for mount in one["volumeMounts"]}
        for word in one["args"]:
            path = word.partition("=")[2]
            if path.startswith("/"):
                assert any(path == place or path.startswith(place + "/") for place in places), word
    plugin = [word for one in made for word in one["args"] if "cni" in word]
    assert bool(plugin) == ("without-cni" not in components)
    if plugin:
        installs, binaries = made[0], volumes["cni-bin"]["hostPath"]["path"]
        given = [word.partition("=")[2] for word in installs["args"] if word.startswith("--bin-dir=")] or ["/opt/cni/bin"]
        assert given == [binaries] == [mount["mountPath"] for mount in installs["volumeMounts"] if mount["name"] == "cni-bin"]
