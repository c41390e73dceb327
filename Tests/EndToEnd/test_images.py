# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""The images: built of the executables under test, read by another's tool, and run as the manifests say."""

import json
import os
from pathlib import Path

import pytest
from mesh import container
from mesh.command import run
from mesh.tunnel import binary
from mesh.waypoint import Waypoint
from mesh.waypoint import binary as waypoint_binary

#: What an image may take, in octets, unpacked.
MAXIMUM = 60_000_000
UNPRIVILEGED = {"readOnlyRootFilesystem": True, "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


@pytest.fixture(scope="session")
def archives(tmp_path_factory):
    """{name: archive}."""
    output = tmp_path_factory.mktemp("images")
    for path in (binary(), waypoint_binary()):
        made = container.build(Path(path).parent, output, Path(path).name)
    return made


@pytest.fixture
def images(archives, world):
    return {name: container.Image(path, world.directory / "images" / name) for name, path in archives.items()}


def test_the_same_files_make_the_same_archives_which_another_tool_reads(archives, tmp_path):
    for name, path in archives.items():
        again = container.build(Path(binary() if name == "ambit-tunnel" else waypoint_binary()).parent, tmp_path, name)
        assert again[name].read_bytes() == path.read_bytes()
        assert path.stat().st_size < MAXIMUM
        for form in ("oci-archive", "docker-archive"):
            # Copying reads every octet and compares digests.
            run("skopeo", "copy", f"{form}:{path}", f"dir:{tmp_path / name}-{form}")
            shown = json.loads(run("skopeo", "inspect", f"{form}:{path}").stdout)
            assert shown["Os"] == "linux" and len(shown["Layers"]) == 1


def test_an_image_has_what_its_executable_needs_and_no_shell(images):
    for name, image in images.items():
        result = run("env", "-i", *image.command({"securityContext": UNPRIVILEGED}, "version"))
        assert result.stdout.startswith(f"{name} ")
        assert sorted(path.name for path in (image.root / "usr/local/bin").iterdir()) == [name]
        assert not list(image.root.glob("**/sh"))


def test_a_waypoint_in_its_image_runs_as_nobody_without_a_capability(world, images):
    waypoint = Waypoint(world)
    # It makes its own CA here.
    world.ca_directory.mkdir()
    os.chown(world.ca_directory, 65532, 65532)
    image = images["ambit-waypoint"]
    waypoint.program = image.command({"securityContext": UNPRIVILEGED}, volumes=[world.directory])
    waypoint.start()
    assert waypoint.get(15000, "/")[0] == 200
    status = Path(f"/proc/{waypoint.process.pid}/status").read_text()
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert fields["Uid"].split() == ["65532"] * 4 and fields["NoNewPrivs"] == "1"
    assert {int(fields[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}


def test_the_containerfile_makes_the_same_of_the_same_files(images, tmp_path):
    text = (container.DEPLOY / "images" / "Containerfile").read_text()
    stages = {stage.split()[0]: stage for stage in text.split("FROM scratch AS ")[1:]}
    for name, image in images.items():
        said = image.configuration
        for line in (f"USER {said['User']}", f"ENV {said['Env'][0]}", f"ENTRYPOINT {json.dumps(said['Entrypoint'])}",
                     f"COPY --from=build /images/{name} /"):
            assert line in stages[name].splitlines()
        container.build(Path(binary() if name == "ambit-tunnel" else waypoint_binary()).parent, tmp_path, "--tree", name)
        files = [{path.relative_to(root): (path.lstat().st_mode, path.read_bytes())
                  for path in root.rglob("*") if path.is_file() and not path.is_symlink()}
                 for root in (tmp_path / name, image.root)]
        assert files[0] == files[1]
