# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""The four kinds of patch (RFC 7386, RFC 6902, strategic merge, server-side apply), as far as tests need them."""

import copy


def merge(value, patch, strategic=False):
    """RFC 7386; with `strategic` the directives of kubectl are passed over, and lists of named things merge by name."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = dict(value) if isinstance(value, dict) else {}
    for key, item in patch.items():
        if strategic and key.startswith("$"):
            continue
        if item is None:
            result.pop(key, None)
        elif strategic and _named(item) and _named(result.get(key)):
            rows = {row["name"]: row for row in result[key]}
            for row in item:
                if row.get("$patch") == "delete":
                    rows.pop(row["name"], None)
                else:
                    rows[row["name"]] = merge(rows.get(row["name"]), row, strategic)
            result[key] = list(rows.values())
        else:
            result[key] = merge(result.get(key), item, strategic)
    return copy.deepcopy(result)


def _named(value):
    return isinstance(value, list) and value and all(isinstance(row, dict) and "name" in row for row in value)


def json_patch(value, operations):
    result = copy.deepcopy(value)
    for operation in operations:
        parts = [part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]]
        place = result
        for part in parts[:-1]:
            place = place[int(part)] if isinstance(place, list) else place[part]
        last = parts[-1]
        if isinstance(place, list):
            last = len(place) if last == "-" else int(last)
        if operation["op"] == "remove":
            del place[last]
        elif operation["op"] == "add" and isinstance(place, list):
            place.insert(last, operation["value"])
        elif operation["op"] in ("add", "replace"):
            place[last] = operation["value"]
        elif operation["op"] == "test" and place[last] != operation["value"]:
            raise ValueError("test failed")
    return result


_NOT_OWNED = {("apiVersion",), ("kind",), ("metadata", "name"), ("metadata", "namespace"), ("metadata", "uid"),
              ("metadata", "resourceVersion"), ("metadata", "creationTimestamp"), ("metadata", "generation"),
              ("metadata", "managedFields")}


def _leaves(value, path=()):
    """The paths of an applied object that its manager owns; lists are atomic."""
    if path in _NOT_OWNED:
        return
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(item, (*path, key))
    elif path:
        yield path


def _look(value, path):
    for key in path:
        if not isinstance(value, dict) or key not in value:
            return None
        value = value[key]
    return value


def _remove(value, path):
    if len(path) == 1:
        value.pop(path[0], None)
    elif isinstance(value.get(path[0]), dict):
        _remove(value[path[0]], path[1:])
        if not value[path[0]]:
            del value[path[0]]


def _fields(paths):
    tree = {}
    for path in paths:
        place = tree
        for key in path:
            place = place.setdefault(f"f:{key}", {})
    return tree


def _paths(tree, path=()):
    if not tree:
        yield path
    for key, item in tree.items():
        yield from _paths(item, (*path, key[2:]))


def apply(old, patch, manager, force, time):
    """Server-side apply: who applies a field owns it, and another's value is not changed without force."""
    from .store import Refused
    patch = {key: copy.deepcopy(value) for key, value in patch.items()}
    wanted = set(_leaves(patch))
    entries = [] if old is None else copy.deepcopy(old["metadata"].get("managedFields", []))
    conflicts = []
    for entry in entries:
        if entry["manager"] == manager and entry["operation"] == "Apply":
            continue
        paths = set(_paths(entry["fieldsV1"]))
        clash = [path for path in wanted & paths if _look(old, path) != _look(patch, path)]
        if clash and not force:
            conflicts += [(entry["manager"], path) for path in clash]
        elif clash:
            entry["fieldsV1"] = _fields(paths - set(clash))
    if conflicts:
        causes = [{"reason": "FieldManagerConflict", "message": f'conflict with "{owner}"', "field": "." + ".".join(path)}
                  for owner, path in sorted(conflicts)]
        text = "; ".join(f'{cause["message"]}: {cause["field"]}' for cause in causes)
        raise Refused(409, "Conflict", f"Apply failed with {len(causes)} conflict{'s' * (len(causes) > 1)}: {text}",
                      {"causes": causes})
    result = {} if old is None else copy.deepcopy(old)
    kept = set()
    before = set()
    for entry in entries:
        if entry["manager"] == manager and entry["operation"] == "Apply":
            before = set(_paths(entry["fieldsV1"]))
        else:
            kept |= set(_paths(entry["fieldsV1"]))
    for path in before - wanted - kept:
        _remove(result, path)
    result = merge(result, {key: value for key, value in patch.items() if key != "status" or value})
    entries = [entry for entry in entries if not (entry["manager"] == manager and entry["operation"] == "Apply")
               and entry["fieldsV1"]]
    entries.append({"manager": manager, "operation": "Apply", "apiVersion": patch["apiVersion"], "time": time,
                    "fieldsType": "FieldsV1", "fieldsV1": _fields(wanted)})
    result["metadata"]["managedFields"] = entries
    return result
