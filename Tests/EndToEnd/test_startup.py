# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""`run` starts, or says in one line why it cannot; and the identity it makes on the way."""

import stat

import pytest
from mesh.command import run
from mesh.serving import exchange
from mesh.topology import client_and_server
from mesh.tunnel import binary


@pytest.fixture
def node(world):
    world.namespace()
    node = world.node("node1")
    world.pod("pod", node)
    return node


def refuses(tunnel, words, status=1):
    """The process ends by itself with a status and exactly one line that holds the words."""
    tunnel.start(wait=False)
    assert tunnel.process.wait(15) == status
    lines = tunnel.process.text().strip().splitlines()
    assert len(lines) == 1, lines
    assert all(word.lower() in lines[0].lower() for word in words), lines
    return lines[0]


@pytest.mark.parametrize("port", [15000, 15020, 15021])
def test_a_port_in_use_ends_the_start_with_its_number(node, port):
    listener = node.netns.listen(port, "127.0.0.1" if port == 15000 else None)
    refuses(node.tunnel, [str(port), "in use"])
    listener.close()


@pytest.mark.parametrize("port", [15001, 15006, 15008])
def test_a_port_in_use_inside_a_pod_is_reported_with_pod_and_port_and_harms_no_other(world, port):
    client, server = client_and_server(world, start=False)
    server.serve(8080)
    busy = world.pod("busy", client.node)
    busy.listen(port)
    world.start()
    with client.connect(server, 8080) as connection:
        exchange(connection)
    log = client.node.tunnel.log()
    assert "busy" in log and str(port) in log


def test_without_privilege_it_does_not_start(node):
    node.tunnel.wrapper = ["setpriv", "--reuid=65534", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all"]
    node.tunnel.ca_directory.mkdir()
    node.tunnel.ca_directory.chmod(0o777)
    refuses(node.tunnel, ["CAP_"])


def test_without_net_admin_it_does_not_start(node):
    node.tunnel.wrapper = ["setpriv", "--bounding-set=-net_admin"]
    refuses(node.tunnel, ["CAP_NET_ADMIN"])


def test_an_unreadable_ca_ends_the_start(node):
    node.tunnel.ca_directory.mkdir()
    (node.tunnel.ca_directory / "ca.crt").write_text("not a certificate")
    (node.tunnel.ca_directory / "ca.key").write_text("not a key")
    (node.tunnel.ca_directory / "ca.key").chmod(0o600)
    refuses(node.tunnel, [str(node.tunnel.ca_directory), "certificate is malformed"])


def test_a_ca_key_that_others_can_read_ends_the_start(world, node):
    world.start()
    node.tunnel.stop()
    (node.tunnel.ca_directory / "ca.key").chmod(0o644)
    refuses(node.tunnel, ["ca.key", "0600"])


def test_a_missing_configuration_folder_ends_the_start(world, node):
    node.tunnel.folder.path.rename(world.directory / "elsewhere")
    refuses(node.tunnel, ["config"])


DENY = """apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny, namespace: default}
spec: {action: DENY, rules: [{}]}
"""


@pytest.mark.parametrize("text,place", [
    (DENY.replace("[{}]", "[{"), "policy.yaml:4"),
    (DENY.replace("kind: AuthorizationPolicy\n", ""), "policy.yaml:1"),
    (DENY.replace("namespace: default", "namespace: 7"), "policy.yaml:3: error: AuthorizationPolicy default/deny: metadata.namespace"),
], ids=["syntax", "no-kind", "namespace"])
def test_a_policy_unknown_at_the_start_ends_it_with_file_line_and_field(node, text, place):
    """What nothing stands for cannot fail closed: a tunnel that never knew a policy would let in too much."""
    (node.tunnel.folder.path / "policy.yaml").write_text(text)
    refuses(node.tunnel, [f"{node.tunnel.folder.path}/{place}"])
    check = node.netns.run(binary(), "check", "--config", node.tunnel.folder.path, "--node", "node1",
                           "--ca-dir", node.tunnel.ca_directory, check=False)
    assert check.returncode == 1
    line, = (line for line in check.stdout.splitlines() if "policy.yaml" in line)
    assert line.startswith("FAIL") and place in line and "`run` does not start" in line


def test_a_policy_that_is_known_and_broken_does_not_end_the_start_but_fails_closed(world):
    client, server = client_and_server(world, start=False)
    server.serve(8080)
    (world.folder.path / "policy.yaml").write_text(DENY.replace("[{}]", "1"))
    world.start()
    client.assert_refused(server, 8080)


def check(node, *wrapper):
    """What `check` prints for the settings that the node's tunnel would run with."""
    return node.netns.run(*wrapper, binary(), "check", "--config", node.tunnel.folder.path, "--node", "node1",
                          "--ca-dir", node.tunnel.ca_directory, check=False)


def test_check_where_nothing_is_missing_ends_with_0_and_changes_nothing(node):
    before = node.netns.run("nft", "list", "ruleset").stdout, sorted(node.tunnel.folder.path.parent.iterdir())
    answer = check(node)
    assert answer.returncode == 0 and "FAIL" not in answer.stdout, answer.stdout
    good = {line[6:] for line in answer.stdout.splitlines() if line.startswith("ok ")}
    assert {"capability CAP_NET_ADMIN", "capability CAP_NET_RAW", "capability CAP_SYS_ADMIN", "nftables",
            "transparent sockets"} <= good
    assert before == (node.netns.run("nft", "list", "ruleset").stdout, sorted(node.tunnel.folder.path.parent.iterdir()))
    assert not node.tunnel.ca_directory.exists()


def without(capability):
    return lambda node: ("setpriv", f"--bounding-set=-{capability}")


def port_taken(node):
    node.keep = node.netns.listen(15020)
    return ()


def setting(key, value):
    return lambda node: node.netns.sysctl(key, value) or ()


@pytest.mark.parametrize("prepare,line", [
    (without("net_admin"), "FAIL  capability CAP_NET_ADMIN: needed for"),
    (without("net_raw"), "FAIL  capability CAP_NET_RAW: needed for"),
    (without("sys_admin"), "FAIL  capability CAP_SYS_ADMIN: needed for"),
    (port_taken, "FAIL  metrics port [::]:15020: "),
    (lambda node: ("prlimit", "--nofile=1024:1024"), "warn  1024 file descriptors: "),
    (setting("net.core.somaxconn", 128), "warn  accept queues of 128: bursts may be refused"),
    (setting("net.ipv6.conf.all.disable_ipv6", 1), "warn  IPv6: is off here"),
], ids=["net-admin", "net-raw", "sys-admin", "port", "descriptors", "backlog", "no-ipv6"])
def test_check_says_what_kernel_capabilities_and_machine_lack(node, prepare, line):
    answer = check(node, *prepare(node))
    assert any(found.startswith(line) for found in answer.stdout.splitlines()), answer.stdout
    assert answer.returncode == (1 if line.startswith("FAIL") else 0)


@pytest.mark.parametrize("arguments", [
    ["run", "--no-such-option"], ["run", "--config"], ["no-such-command"], ["run", "--node", "n", "surplus"]])
def test_bad_usage_ends_with_64_and_one_line(arguments):
    answer = run(binary(), *arguments, check=False)
    assert answer.returncode == 64
    assert len(answer.stderr.strip().splitlines()) == 1


def test_help_and_version():
    assert "run" in run(binary(), "--help").stdout
    assert "--config" in run(binary(), "run", "--help").stdout
    assert run(binary(), "version").stdout.strip()


def test_the_ca_is_made_once_with_a_private_key_and_shared_by_all_tunnels(world):
    """Several tunnels that start at once on an empty folder agree on one CA."""
    client, server = client_and_server(world)
    server.serve(8080)
    with client.connect(server, 8080) as connection:
        exchange(connection)
    key = world.ca_directory / "ca.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    before = key.read_bytes()
    client.node.tunnel.stop()
    client.node.tunnel.start()
    assert key.read_bytes() == before
    with client.connect(server, 8080) as connection:
        exchange(connection)


def test_the_ca_certificate_is_a_ca_for_certificates_only(world, node):
    world.start()
    text = run("openssl", "x509", "-in", world.ca_directory / "ca.crt", "-noout", "-text").stdout
    assert "CA:TRUE" in text and "Certificate Sign" in text and "prime256v1" in text


def test_nothing_in_its_log_is_a_secret(world, node):
    world.start()
    log = node.tunnel.log()
    assert "PRIVATE KEY" not in log
