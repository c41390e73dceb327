# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""The objects, their versions, and the history from which watches are served."""

import base64
import copy
import json
import os
import time
import uuid

from . import patches, resources


class Refused(Exception):
    """An answer that is no success (meta/v1 Status)."""

    def __init__(self, code, reason, message, details=None, retry_after=None):
        super().__init__(message)
        self.code, self.reason, self.details, self.retry_after = code, reason, details, retry_after

    def status(self):
        body = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": str(self),
                "reason": self.reason, "code": self.code}
        if self.details:
            body["details"] = self.details
        return body


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


class Store:
    """Resource versions count up over all resources, as etcd's do; the file outlives the process, the history does not."""

    def __init__(self, path):
        self.path = path
        self.version = 1000
        self.objects = {}  # (group, plural) -> {(namespace, name): object}
        self.history = []  # (version, group, plural, type, object, the object before)
        self.snapshots = {}
        self.listeners = set()
        #: Resources that this server has and others have not.
        self.optional = []
        if path and os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                saved = json.load(file)
            self.version = saved["version"]
            for group, plural, value in saved["objects"]:
                meta = value["metadata"]
                self.of(group, plural)[(meta.get("namespace", ""), meta["name"])] = value
        #: A watch that begins before this cannot be served any more.
        self.oldest = self.version

    def of(self, group, plural):
        return self.objects.setdefault((group, plural), {})

    def resources(self):
        found = [*resources.BUILT_IN, *self.optional]
        found += [resources.custom(value) for value in
                  self.of("apiextensions.k8s.io", "customresourcedefinitions").values()]
        return found

    def save(self):
        if not self.path:
            return
        rows = [[group, plural, value] for (group, plural), values in self.objects.items() for value in values.values()]
        draft = f"{self.path}.new"
        with open(draft, "w", encoding="utf-8") as file:
            json.dump({"version": self.version, "objects": rows}, file)
        os.replace(draft, self.path)

    def compact(self):
        """Forgets the history, as etcd and the watch cache do after a while."""
        self.history.clear()
        self.snapshots.clear()
        self.oldest = self.version

    # Reading

    def get(self, resource, namespace, name):
        value = self.of(resource.group, resource.plural).get((namespace, name))
        if value is None:
            qualified = f"{resource.plural}.{resource.group}" if resource.group else resource.plural
            raise Refused(404, "NotFound", f'{qualified} "{name}" not found',
                          {"name": name, "group": resource.group, "kind": resource.plural})
        return value

    def list(self, resource, namespace, limit, token):
        """One page: (objects, version, token for the next page, how many remain)."""
        if token:
            try:
                key, start = json.loads(base64.urlsafe_b64decode(token))
                version, values = self.snapshots[key]
            except (ValueError, KeyError):
                raise Refused(410, "Expired", "The provided continue parameter is too old to display a consistent "
                              "list result. You can start a new list without the continue parameter.") from None
        else:
            key, start, version = uuid.uuid4().hex, 0, self.version
            values = [value for (place, _), value in sorted(self.of(resource.group, resource.plural).items())
                      if not namespace or place == namespace]
        end = start + limit if limit else len(values)
        following = ""
        if end < len(values):
            self.snapshots[key] = (version, values)
            following = base64.urlsafe_b64encode(json.dumps([key, end]).encode()).decode()
        return values[start:end], version, following, len(values) - end

    # Writing

    def create(self, resource, namespace, value):
        value = copy.deepcopy(value)
        meta = value.setdefault("metadata", {})
        if meta.get("generateName") and not meta.get("name"):
            meta["name"] = meta["generateName"] + uuid.uuid4().hex[:5]
        if not meta.get("name"):
            raise Refused(422, "Invalid", "metadata.name: Required value: name or generateName is required")
        if resource.namespaced:
            meta["namespace"] = namespace
        key = (namespace if resource.namespaced else "", meta["name"])
        if key in self.of(resource.group, resource.plural):
            raise Refused(409, "AlreadyExists", f'{resource.plural} "{meta["name"]}" already exists')
        meta.setdefault("uid", str(uuid.uuid4()))
        meta["creationTimestamp"] = now()
        meta["generation"] = 1
        if resource.kind == "Namespace":
            meta.setdefault("labels", {})["kubernetes.io/metadata.name"] = meta["name"]
            value.setdefault("status", {"phase": "Active"})
        made = self._commit("ADDED", resource, key, value)
        if meta.get("ownerReferences"):
            self._collect()
        return made

    def replace(self, resource, namespace, name, value, subresource=""):
        old = self.get(resource, namespace, name)
        value = copy.deepcopy(value)
        asked = value.get("metadata", {}).get("resourceVersion")
        if asked and asked != old["metadata"]["resourceVersion"]:
            raise Refused(409, "Conflict", f'Operation cannot be fulfilled on {resource.plural} "{name}": the object has '
                          "been modified; please apply your changes to the latest version and try again")
        if subresource == "status":
            new = copy.deepcopy(old)
            new["status"] = value.get("status", {})
            new["metadata"]["managedFields"] = value.get("metadata", {}).get("managedFields", [])
            if resource.kind == "Pod":
                # A pod's status is written together with its labels and annotations.
                for field in ("labels", "annotations"):
                    new["metadata"].pop(field, None)
                    if field in value["metadata"]:
                        new["metadata"][field] = value["metadata"][field]
        else:
            new = value
            if resource.custom or resource.kind in ("Pod", "Service", "Node"):
                # The main resource does not change the status, except where a test plays the kubelet by it.
                new["status"] = value.get("status", old.get("status"))
                if new["status"] is None:
                    del new["status"]
        meta = new.setdefault("metadata", {})
        for field in ("uid", "creationTimestamp", "namespace", "name"):
            if field in old["metadata"]:
                meta[field] = old["metadata"][field]
        meta["generation"] = old["metadata"].get("generation", 1) + (new.get("spec") != old.get("spec"))
        meta["resourceVersion"] = old["metadata"]["resourceVersion"]
        if new == old:
            return old
        return self._commit("MODIFIED", resource, (namespace if resource.namespaced else "", name), new)

    def patch(self, resource, namespace, name, kind, patch, manager="unknown", force=False, subresource=""):
        key = (namespace if resource.namespaced else "", name)
        old = self.of(resource.group, resource.plural).get(key)
        if kind == "apply":
            if old is not None:
                self._check(old, resource, name, patch.get("metadata", {}))
            elif patch.get("metadata", {}).get("uid"):
                raise Refused(409, "Conflict", f'{resource.plural} "{name}": uid mismatch: the object is not there')
            new = patches.apply(old, patch, manager, force, now())
            if old is None:
                return self.create(resource, namespace, new), True
            new["metadata"].pop("resourceVersion", None)
            return self.replace(resource, namespace, name, new, subresource), False
        old = self.get(resource, namespace, name)
        asked = patch.get("metadata", {}).get("uid") if isinstance(patch, dict) else None
        if asked and asked != old["metadata"]["uid"]:
            raise Refused(422, "Invalid", f'{resource.kind} "{name}" is invalid: metadata.uid: Invalid value: "{asked}": field is '
                          "immutable")
        new = patches.json_patch(old, patch) if kind == "json" else patches.merge(old, patch, strategic=kind == "strategic")
        return self.replace(resource, namespace, name, new, subresource), False

    def delete(self, resource, namespace, name, preconditions=()):
        value = copy.deepcopy(self.get(resource, namespace, name))
        self._check(value, resource, name, {field: preconditions[field] for field in preconditions})
        deleted = self._commit("DELETED", resource, (namespace if resource.namespaced else "", name), value)
        self._collect()
        return deleted

    @staticmethod
    def _check(old, resource, name, wanted):
        """Refuses what is meant for another object of the name, or for another version of it."""
        for field in ("uid", "resourceVersion"):
            if wanted.get(field) and wanted[field] != old["metadata"].get(field):
                raise Refused(409, "Conflict", f'Operation cannot be fulfilled on {resource.plural} "{name}": Precondition '
                              f"failed: {field} in precondition: {wanted[field]}, in object meta: {old['metadata'][field]}")

    def _collect(self):
        """The garbage collector: what is owned by nobody that is there goes."""
        there = {value["metadata"]["uid"] for values in self.objects.values() for value in values.values()}
        for resource in self.resources():
            for (namespace, name), value in list(self.of(resource.group, resource.plural).items()):
                owners = value["metadata"].get("ownerReferences")
                if owners and not any(owner["uid"] in there for owner in owners):
                    self.delete(resource, namespace, name)

    def _commit(self, kind, resource, key, value):
        values = self.of(resource.group, resource.plural)
        before = values.get(key)
        if resource.plural == "secrets" and "stringData" in value:
            texts = value.pop("stringData") or {}
            encoded = {name: base64.b64encode(text.encode()).decode() for name, text in texts.items()}
            value["data"] = {**(value.get("data") or {}), **encoded}
        self.version += 1
        value["metadata"]["resourceVersion"] = str(self.version)
        value["kind"] = resource.kind
        value["apiVersion"] = resource.api_version(resource.versions[0])
        if kind == "DELETED":
            del values[key]
        else:
            values[key] = value
        self.history.append((self.version, resource.group, resource.plural, kind, value, before))
        if len(self.history) > 10_000:
            self.oldest = self.history[4_999][0]
            del self.history[:5_000]
        self.save()
        for listener in list(self.listeners):
            listener()
        return value
