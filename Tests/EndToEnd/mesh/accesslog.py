# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""Reading the access log in its JSON form."""

import json


def parse(text):
    """The access entries among a tunnel's output lines, as dicts."""
    entries = []
    for line in text.splitlines():
        if not line.startswith("{"):
            continue
        try:
            entry = json.loads(line)
        except ValueError:
            continue  # the last line may be half written
        if entry.get("scope") == "access":
            entries.append(entry)
    return entries
