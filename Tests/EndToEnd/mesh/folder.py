# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""The configuration folder that the tunnels follow."""

import os
from pathlib import Path

from . import yaml


class ConfigurationFolder:
    """One file for each object; a file appears and changes in one step, as an atomic writer does it."""

    def __init__(self, path):
        self.path = Path(path)
        self.path.mkdir(parents=True)

    def apply(self, *objects):
        """Writes each object to KIND-NAMESPACE-NAME.yaml."""
        for value in objects:
            self.write(self.file_name(value), yaml.dump(value))

    def delete(self, *objects):
        for value in objects:
            self.remove(self.file_name(value))

    def write(self, name, text):
        """Replaces a file atomically."""
        draft = self.path.parent / f".{name}.draft"
        draft.write_text(text, encoding="utf-8")
        os.replace(draft, self.path / name)

    def write_in_place(self, name, text):
        """Truncates and writes, as `cp` and many editors do."""
        (self.path / name).write_text(text, encoding="utf-8")

    def remove(self, name):
        """Removes a file; it is no error when it is gone already."""
        (self.path / name).unlink(missing_ok=True)

    @staticmethod
    def file_name(value):
        metadata = value["metadata"]
        parts = [value["kind"].lower(), metadata.get("namespace"), metadata["name"]]
        return "-".join(part for part in parts if part) + ".yaml"
