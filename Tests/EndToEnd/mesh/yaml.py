# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""Writing plain values as block-style YAML, the way kubectl prints them."""

import json


def dump(value):
    """One YAML document for a value of dicts, lists, strings, numbers and booleans."""
    return "\n".join(_lines(value)) + "\n"


def dump_all(values):
    return "---\n".join(dump(value) for value in values)


def _lines(value):
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _entry(f"{_scalar(key)}:", item)
    elif isinstance(value, list) and value:
        for item in value:
            lines = list(_lines(item))
            yield f"- {lines[0]}"
            yield from (f"  {line}" for line in lines[1:])
    else:
        yield _scalar(value)


def _entry(key, item):
    if isinstance(item, (dict, list)) and item:
        yield key
        yield from (f"  {line}" for line in _lines(item))
    else:
        yield f"{key} {_scalar(item)}"


def _scalar(value):
    if isinstance(value, str):
        plain = value and all(c.isalnum() or c in "-./" for c in value) and value[0].isalpha()
        # true, null and the like would change their type.
        return value if plain and value.lower() not in ("true", "false", "null", "yes", "no", "on", "off", "y", "n") \
            else json.dumps(value)
    return json.dumps(value)
