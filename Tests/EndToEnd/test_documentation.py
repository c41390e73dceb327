# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""docs/operations.md says what there is, and nothing else: compared with the running tunnel and its sources."""

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


def test_every_option_that_the_page_mentions_exists_in_some_command():
    commands = ["run", "check", "forward", "workloads", "services", "policies", "certificates", "connections", "log"]
    help_texts = [run(binary(), name, "--help").stdout for name in commands]
    help_texts += [run(waypoint.binary(), name, "--help").stdout for name in ("apply", "delete", "run", "analyze", "list")]
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
    there = set(re.findall(r"^# TYPE (\S+) ", scrapes, re.MULTILINE))
    assert there - documented_metrics() == set(), "not documented"
    assert documented_metrics() - there == set(), "documented and not there"


def test_the_reasons_are_those_of_the_source():
    source = (ROOT / "Sources/Telemetry/Metrics/RefusalReason.swift").read_text(encoding="utf-8")
    cases = re.findall(r"^    case (\w+)$", source, re.MULTILINE)
    assert len(cases) > 20
    assert documented_reasons() == [re.sub(r"([A-Z])", lambda m: "_" + m[1].lower(), name) for name in cases]


def test_every_field_of_the_access_log_is_documented(mesh):
    world, *_ = mesh
    fields = {key for tunnel in world.tunnels for entry in tunnel.access() for key in entry}
    assert fields - set(first_cells(section("Log"))) - {"level", "time", "scope", "message"} == set()


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


def test_ten_likely_troubles_have_an_answer():
    rows = [line for line in section("Likely troubles").splitlines() if line.startswith("| ")][2:]
    assert len(rows) >= 10
    assert all(len([cell for cell in row.strip("|").split("|") if cell.strip()]) >= 3 for row in rows)
