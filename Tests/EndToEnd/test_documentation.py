# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""docs/operations.md and docs/routing.md say what there is, and nothing else: compared with the running tunnel and the sources."""

import re
from pathlib import Path

import pytest
from mesh import waypoint
from mesh.command import run
from mesh.manifests import authorization_policy
from mesh.serving import exchange
from mesh.topology import client_and_server
from mesh.tunnel import ADMIN_PORT, METRICS_PORT, binary

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


def section(title):
    """The text under a heading, up to the next one of its level."""
    match = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)
    assert match, f"no section {title!r}"
    return match[1]


def first_cells(text):
    """What stands in `code` in the first column of the tables of a text."""
    cells = [re.split(r"(?<!\\)\|", line)[1] for line in text.splitlines() if line.startswith("| `")]
    return [word for cell in cells for word in re.findall(r"`([^`]+)`", cell)]


def rows(text):
    """The cells of each row of the tables of a text that begins with code or a number."""
    lines = [line for line in text.splitlines() if re.match(r"\| [`0-9]", line)]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def options_of(command):
    """What `--help` says of each option of a command: {name: (default or None, [environment variables])}."""
    text = run(binary(), command, "--help").stdout.partition("\nOptions:")[2].partition("\nExamples:")[0]
    found = {}
    for paragraph in re.split(r"\n  (?=-)", text)[1:]:
        name, rest = re.search(r"--[a-z][a-z-]+", paragraph)[0], " ".join(paragraph.split())
        note = re.search(r"\((?:default (?P<default>[^;)]+))?(?:; )?(?:or (?P<variables>\$[^)]+))?\)$", rest)
        found[name] = (note and note["default"], re.findall(r"\$(\w+)", note["variables"] or "") if note else [])
    return found


@pytest.fixture
def mesh(world):
    client, server = client_and_server(world)
    server.serve(8080)
    with client.connect(server, 8080) as connection:
        exchange(connection)
    client.node.tunnel.wait_access(direction="outbound")
    server.node.tunnel.wait_access(direction="inbound")
    return world, client, server


def test_every_option_of_run_is_documented_and_none_that_does_not_exist():
    help_text = run(binary(), "run", "--help").stdout
    options = set(re.findall(r"--[a-z][a-z-]+", help_text)) - {"--help"}
    documented = set(re.findall(r"--[a-z][a-z-]+", " ".join(first_cells(section("Settings")))))
    assert options - documented == set(), "not documented"
    assert documented - options == set(), "documented and not there"
    variables = set(re.findall(r"\$([A-Z_]{4,})", help_text))
    assert variables - set(re.findall(r"\$([A-Z_]{4,})", section("Settings"))) == set()


#: Defaults that depend on the machine, in words on the page.
COMPUTED = {"--node", "--workers"}


def test_every_default_and_variable_on_the_page_is_the_one_that_help_prints():
    known = options_of("run")
    assert len([default for default, _ in known.values() if default]) > 30
    told = set()
    for cells in rows(section("Settings")):
        names = re.findall(r"--[a-z][a-z-]+", cells[0])
        values = [value.strip() for value in cells[1].replace("`", "").split(",")]
        if len(names) == 1:
            values = [", ".join(values)]
        elif len(values) == 1:
            values *= len(names)
        assert len(values) == len(names), cells
        for name, value in zip(names, values):
            default = known[name][0]
            if default and name not in COMPUTED:
                assert value == default or value.startswith(f"{default} "), f"{name}: {value!r} here, {default!r} in --help"
                told.add(name)
        variables = {variable for name in names for variable in known[name][1]}
        assert set(re.findall(r"\$(\w+)", cells[0])) == variables, cells[0]
    assert {name for name, (default, _) in known.items() if default} - told == COMPUTED


def test_where_forward_has_another_default_than_run_the_page_says_so():
    ours, others = options_of("forward"), options_of("run")
    text = section("A machine without pods")
    different = {name: default for name, (default, _) in ours.items() if name in others and default != others[name][0]}
    assert different
    for name, default in different.items():
        assert f"`{name}` is `{default}`" in text


def test_the_exit_codes_are_those_of_the_source():
    source = (ROOT / "Sources/Console/ExitCode.swift").read_text(encoding="utf-8")
    codes = re.findall(r"^    case \w+ = (\d+)$", source, re.MULTILINE)
    assert len(codes) == 3
    assert [cells[0] for cells in rows(section("Exit codes"))] == codes


#: What the page says of limits that no option changes, and where the number is.
LIMITS = [
    ("heads of up to 8 KiB", "Telemetry/Admin/AdminServer.swift", "maximumHeadBytes: Int { 8_192 }"),
    ("2 s for the head", "Telemetry/Admin/AdminServer.swift", "headTimeout: Nanoseconds { .seconds(2) }"),
    ("30 s\nfor reading the answer", "Telemetry/Admin/AdminServer.swift", "writeTimeout: Nanoseconds { .seconds(30) }"),
    ("a port has 32 connections at most", "Telemetry/Admin/AdminServer.swift", "maximumConnections: Int { 32 }"),
    ("longer than\n2,048 bytes", "Telemetry/Log/LogLines.swift", "maximumValueBytes: Int { 2_048 }"),
    ("a bounded queue (1 MiB)", "Telemetry/Log/LogWriter.swift", "laneBytes = 1 << 20"),
    ("then nine more probes", "LinuxIO/Socket.swift", "keepaliveProbes: CInt = 9"),
    ("twice as many in a burst", "Tunnel/Pod.swift", "<= UInt64(limit) * 2"),
    ("when seven eighths are in use", "Tunnel/Worker+Accept.swift", "scratch.pool.limit - scratch.pool.limit / 8"),
    ("within ten seconds when the path is a link", "Tunnel/TunnelProcess.swift", "lookInterval = Nanoseconds.seconds(10)"),
    ("for three seconds after the label", "Waypoint/BindingGrace.swift", ".seconds(3)"),
]


@pytest.mark.parametrize("text,file,source", LIMITS, ids=[text.replace("\n", " ") for text, _, _ in LIMITS])
def test_a_limit_on_the_page_is_the_one_of_the_source(text, file, source):
    assert text in TEXT
    assert source in (ROOT / "Sources" / file).read_text(encoding="utf-8")


@pytest.mark.parametrize("name,enumeration", [("Levels", "LogLevel"), ("Scopes", "LogScope")])
def test_levels_and_scopes_of_the_log_are_those_of_the_source(name, enumeration):
    source = (ROOT / f"Sources/Telemetry/Log/{enumeration}.swift").read_text(encoding="utf-8")
    cases = re.findall(r"^    case (\w+)(?: = \d+)?$", source, re.MULTILINE)
    listed = re.search(rf"{name}: ((?:`\w+`[,.]\s?)+)", section("Log"))[1]
    assert len(cases) > 4 and sorted(re.findall(r"`(\w+)`", listed)) == sorted(cases)


def test_every_option_that_the_page_mentions_exists_in_some_command():
    commands = ["run", "check", "forward", "workloads", "services", "policies", "certificates", "connections", "log"]
    help_texts = [run(binary(), name, "--help").stdout for name in commands]
    help_texts += [run(waypoint.binary(), name, "--help").stdout for name in ("apply", "delete", "run", "analyze", "list", "controller")]
    known = set(re.findall(r"--[a-z][a-z-]+", "".join(help_texts)))
    assert set(re.findall(r"`[^`]*?(--[a-z][a-z-]+)", TEXT)) - known == set()


def test_every_command_is_mentioned():
    commands = re.findall(r"^  ([a-z]+) ", run(binary(), "--help").stdout, re.MULTILINE)
    assert len(commands) > 6
    assert [name for name in commands if f"`ambit-tunnel {name}" not in TEXT and f"ambit-tunnel {name} " not in TEXT
            and name not in ("help", "version")] == []


def documented_metrics():
    names = first_cells(section("Metrics"))
    reasons = set(documented_reasons())
    return {name for name in names if name not in reasons}


def documented_reasons():
    table = section("Metrics").partition("| reason | is |")[2].partition("\n\n")[0]
    return first_cells(table)


def test_every_metric_is_documented_and_every_documented_one_exists(mesh):
    world, client, server = mesh
    world.folder.apply(authorization_policy("none", "default", "DENY", [{}], {"app": "server"}))
    server.node.tunnel.ask("policies")
    client.node.tunnel.wait_total(2, "ambit_config_updates_total")
    client.assert_refused(server, 8080)
    scrapes = "".join(tunnel.metrics().text for tunnel in world.tunnels)
    kinds = dict(re.findall(r"^# TYPE (\S+) (\w+)", scrapes, re.MULTILINE))
    assert set(kinds) - documented_metrics() == set(), "not documented"
    assert documented_metrics() - set(kinds) == set(), "documented and not there"
    for cells in rows(section("Metrics").partition("**T**")[0]):
        for name in re.findall(r"`([^`]+)`", cells[0]):
            kind = "counter" if name.startswith("process_cpu") else cells[1].split(",")[0]
            assert kinds[name] == (kind or "gauge"), name
            wanted = set(re.findall(r"`(\w+)`", cells[2])) or None
            samples = [sample for tunnel in world.tunnels for sample in tunnel.metrics().samples
                       if re.sub("_(bucket|sum|count)$", "", sample.name) == name]
            if wanted and not cells[2].startswith("T"):
                assert all(set(sample.labels) - {"le"} == wanted for sample in samples), name


def test_the_reasons_are_those_of_the_source():
    source = (ROOT / "Sources/Telemetry/Metrics/RefusalReason.swift").read_text(encoding="utf-8")
    cases = re.findall(r"^    case (\w+)$", source, re.MULTILINE)
    assert len(cases) > 20
    assert documented_reasons() == [re.sub(r"([A-Z])", lambda m: "_" + m[1].lower(), name) for name in cases]


def test_every_field_of_the_access_log_is_documented(mesh):
    world, *_ = mesh
    head = ["level", "time", "scope", "message"]
    fields = [name for name in first_cells(section("Log").partition("| field | is |")[2])]
    for tunnel in world.tunnels:
        for entry in tunnel.access():
            assert list(entry)[:4] == head
            assert list(entry)[4:] == [name for name in fields if name in entry], "another order, or a field more"


def test_every_admin_path_is_documented_and_answers(mesh):
    _, client, _ = mesh
    tunnel = client.node.tunnel
    listed = set()
    for port in ADMIN_PORT, METRICS_PORT:
        status, body = tunnel.get(port, "/")
        assert status == 200 or port == METRICS_PORT
        listed |= set(re.findall(r"(?:GET|POST) +(/[\w/]*)", body)) if status == 200 else set()
    paths = {path for path in re.findall(r"`(?:GET |POST )?(/[a-z_/]+)[^`]*`", section("Ports and admin paths"))}
    assert listed - paths - {"/"} == set(), "not documented"
    for path in paths - {"/quitquitquit"}:
        assert 200 in (tunnel.get(ADMIN_PORT, path)[0], tunnel.get(METRICS_PORT, path)[0]), path


def test_every_test_that_the_page_on_testing_names_exists():
    before, head, after = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8").partition("| ztunnel | here |\n")
    assert head
    theirs, _, after = after.partition("\n\n")
    text = before + re.sub(r"^\|[^|]*\|", "", theirs, flags=re.MULTILINE) + after
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "Tests" / "EndToEnd").glob("test_*.py"))
    known = set(re.findall(r"^def (test_\w+)", sources, re.MULTILINE))
    known |= {path.stem for path in (ROOT / "Tests" / "EndToEnd").glob("test_*.py")}
    named = {name for name in re.findall(r"`(test_\w+)", text) if not re.search(rf"`{name}…", text)}
    assert len(named) > 100
    assert named - known == set()
    suites = {path.stem for path in (ROOT / "Tests").glob("*Tests/*.swift")}
    assert {name for name in re.findall(r"`(\w+Tests)`", text) if not (ROOT / "Tests" / name).is_dir()} - suites == set()


def test_ten_likely_troubles_have_an_answer():
    rows = [line for line in section("Likely troubles").splitlines() if line.startswith("| ")][2:]
    assert len(rows) >= 10
    assert all(len([cell for cell in row.strip("|").split("|") if cell.strip()]) >= 3 for row in rows)


# docs/routing.md: the fields of routes


ROUTING = (ROOT / "docs" / "routing.md").read_text(encoding="utf-8")
DECODERS = {
    "HTTPRoute and GRPCRoute": ["GatewayRoute", "GatewayMatch", "GatewayFilters"],
    "VirtualService": ["VirtualService", "VirtualMatch", "VirtualActions"],
    "DestinationRule": ["DestinationRule", "TrafficPolicy"],
    "TrafficSplit and ServiceProfile": ["Linkerd"],
}
#: Of every object; suffixes of quantities.
NO_FIELDS = {"apiVersion", "kind", "metadata", "spec", "status", "k", "m"}


def decoder_source(names):
    return "".join((ROOT / f"Sources/Manifest/Decoding/ObjectDecoder+{name}.swift").read_text(encoding="utf-8") for name in names)


def routing_section(title):
    match = re.search(rf"^### {re.escape(title)}\n(.*?)(?=^##|\Z)", ROUTING, re.MULTILINE | re.DOTALL)
    assert match, f"no section {title!r}"
    return match[1]


@pytest.mark.parametrize("title", DECODERS)
def test_every_field_that_is_read_of_a_route_is_documented_and_no_other(title):
    source = decoder_source(DECODERS[title])
    labels = re.findall(r'case ((?:"[^"]+"(?:,\s+)?)+)|(?:key|name) == ("[A-Za-z]+")', source)
    known = set(re.findall(r'"([^"]+)"', "".join(map("".join, labels)))) - NO_FIELDS
    assert len(known) > 15
    words = set(re.findall(r"[\w@-]+", routing_section(title)))
    assert known - words == set(), "read and not documented"
    rows = [line.split("|")[1] for line in routing_section(title).splitlines() if line.startswith("| ")]
    documented = {word for row in rows for word in re.findall(r"`([^`]+)`", row)}
    literals = set(re.findall(r'"([^"\s]+)"', source + decoder_source(["RouteValues"])))
    assert documented - literals == set(), "documented and not read"


@pytest.mark.parametrize("file, title", [("VirtualActions", "VirtualService"), ("TrafficPolicy", "DestinationRule")])
def test_what_has_no_effect_is_documented_as_a_warning(file, title):
    source = decoder_source([file])
    unused = re.findall(r'case "(\w+)":\s+(?:[^"]+\s+)?(?:decoder|self)\.(?:reportUnused|report\(\s*\.warning)', source)
    assert unused
    rows = [row for row in routing_section(title).splitlines() if row.startswith("|")]
    for name in unused:
        assert any(f"`{name}`" in row and "*warning*" in row for row in rows), name


def test_every_option_of_the_controller_is_documented():
    options = set(re.findall(r"--[a-z][a-z-]+", run(waypoint.binary(), "controller", "--help").stdout))
    assert options - {"--help", "--kubernetes"} - set(re.findall(r"--[a-z][a-z-]+", section("Waypoints"))) == set()
