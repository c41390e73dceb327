# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""What a request means: paths, verbs, selectors, discovery, reviews, who may do what, and faults."""

import dataclasses
import json
import re
from urllib.parse import parse_qs, unquote, urlsplit

from . import resources
from .store import Refused, now

PATCH_KINDS = {"application/merge-patch+json": "merge", "application/strategic-merge-patch+json": "strategic",
               "application/json-patch+json": "json", "application/apply-patch+yaml": "apply"}


class Watch:
    """A watch that is to be served: the connection pumps it."""

    def __init__(self, resource, version, namespace, selects, since, events, bookmarks, timeout, ends_list):
        self.resource, self.version, self.namespace, self.selects = resource, version, namespace, selects
        self.since, self.events, self.bookmarks, self.timeout = since, events, bookmarks, timeout
        #: Whether the initial events are followed by the bookmark that says so.
        self.ends_list = ends_list


class Api:
    def __init__(self, store, users):
        self.store = store
        #: token -> {"user", "groups", "denied": [[verb, resource], ...]}, or "rules": [[verb, group, resource], ...] for one
        #: that may do nothing else.
        self.users = users
        #: [{"match", "times", ...}] what goes wrong with requests whose METHOD and path match.
        self.faults = []
        self.streaming_lists = True
        #: token -> TokenReview status
        self.reviewable = {}
        self.requests = []
        #: user -> {(verb, group, resource)} that were asked for and allowed.
        self.used = {}
        #: Those that are open, for GOAWAY.
        self.connections = set()

    def fault(self, method, path):
        for fault in self.faults:
            if fault["times"] != 0 and re.search(fault["match"], f"{method} {path}"):
                fault["times"] -= 1
                return fault
        return None

    def authenticate(self, token, certificate):
        if token in self.users:
            return self.users[token]
        if certificate:
            return {"user": certificate, "groups": ["system:masters"]}
        raise Refused(401, "Unauthorized", "Unauthorized")

    def handle(self, method, target, headers, body, user):
        """(status, value) or a Watch."""
        parts = urlsplit(target)
        query = {key: values[-1] for key, values in parse_qs(parts.query, keep_blank_values=True).items()}
        path = [unquote(part) for part in parts.path.strip("/").split("/")]
        if path == ["version"]:
            return 200, {"major": "1", "minor": "32", "gitVersion": "v1.32.0"}
        if path[0] == "test":
            return self.control(path[1], json.loads(body or b"{}"))
        if headers.get("content-type", "").startswith("application/vnd.kubernetes.protobuf"):
            raise Refused(415, "UnsupportedMediaType", "this server takes JSON only")
        discovered = self.discover(path)
        if discovered:
            return 200, discovered
        resource, version, namespace, name, subresource = self.locate(path)
        verb = self.verb(method, name, query)
        what = f"{resource.plural}/{subresource}" if subresource else resource.plural
        if resource.plural != "selfsubjectaccessreviews":  # everybody may ask (system:basic-user)
            self.authorize(verb, resource.group, what, user)
        applies = headers.get("content-type", "").startswith("application/apply-patch")
        if applies and (namespace, name) not in self.store.of(resource.group, resource.plural):
            # Who applies an object that is not there makes it.
            self.authorize("create", resource.group, what, user)
        if resource.plural == "tokenreviews":
            return 201, self.review_token(json.loads(body))
        if resource.plural == "selfsubjectaccessreviews":
            return 201, self.review_access(json.loads(body), user)
        if verb in ("list", "watch"):
            return self.collection(verb, resource, version, namespace, query)
        return self.single(verb, resource, version, namespace, name, subresource, query, headers, body, user)

    @staticmethod
    def is_allowed(verb, group, what, user):
        denied = [verb, what] in user.get("denied", []) or ["*", what] in user.get("denied", [])
        return not denied and ("rules" not in user or [verb, group, what] in user["rules"])

    def authorize(self, verb, group, what, user):
        if not self.is_allowed(verb, group, what, user):
            raise Refused(403, "Forbidden", f'{what} is forbidden: User "{user["user"]}" cannot {verb} resource '
                          f'"{what}" in API group "{group}" at the cluster scope')
        self.used.setdefault(user["user"], set()).add((verb, group, what))

    @staticmethod
    def verb(method, name, query):
        if method == "GET":
            return "get" if name else "watch" if query.get("watch") in ("1", "true") else "list"
        return {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}[method]

    def locate(self, path):
        rest = path[:]
        group, version = ("", rest[1]) if rest[0] == "api" and len(rest) > 1 else \
            (rest[1], rest[2]) if rest[0] == "apis" and len(rest) > 2 else (None, None)
        rest = rest[2 if rest[0] == "api" else 3:]
        namespace = ""
        if len(rest) > 2 and rest[0] == "namespaces" and not (len(rest) == 3 and rest[2] in ("status", "finalize")):
            namespace, rest = rest[1], rest[2:]
        for resource in self.store.resources():
            if rest and resource.group == group and version in resource.versions and resource.plural == rest[0]:
                return resource, version, namespace, rest[1] if len(rest) > 1 else "", rest[2] if len(rest) > 2 else ""
        raise Refused(404, "NotFound", "the server could not find the requested resource")

    def discover(self, path):
        found = self.store.resources()
        groups = {}
        for resource in found:
            for version in resource.versions:
                if resource.group and version not in groups.setdefault(resource.group, []):
                    groups[resource.group].append(version)

        def described(group):
            versions = [{"groupVersion": f"{group}/{version}", "version": version} for version in groups[group]]
            return {"name": group, "versions": versions, "preferredVersion": versions[0]}

        if path == ["api"]:
            return {"kind": "APIVersions", "versions": ["v1"]}
        if path == ["apis"]:
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [described(group) for group in groups]}
        if path[0] == "apis" and len(path) == 2 and path[1] in groups:
            return {"kind": "APIGroup", "apiVersion": "v1", **described(path[1])}
        if path == ["api", "v1"] or (path[0] == "apis" and len(path) == 3 and path[2] in groups.get(path[1], ())):
            group, version = ("", "v1") if path[0] == "api" else (path[1], path[2])
            rows = []
            for resource in found:
                if resource.group == group and version in resource.versions:
                    rows.append({"name": resource.plural, "singularName": resource.kind.lower(), "kind": resource.kind,
                                 "namespaced": resource.namespaced, "verbs": list(resource.verbs),
                                 "shortNames": list(resource.short)})
            return {"kind": "APIResourceList", "apiVersion": "v1",
                    "groupVersion": f"{group}/{version}" if group else version, "resources": rows}
        return None

    # Objects

    @staticmethod
    def shown(resource, version, value):
        return {**value, "apiVersion": resource.api_version(version), "kind": resource.kind}

    def collection(self, verb, resource, version, namespace, query):
        selects = selector(query)
        if verb == "watch":
            return self.watch(resource, version, namespace, selects, query)
        limit = int(query.get("limit", 0))
        values, at, token, remaining = self.store.list(resource, namespace, limit, query.get("continue"))
        metadata = {"resourceVersion": str(at)}
        if token:
            metadata.update({"continue": token, "remainingItemCount": remaining})
        # Items of typed lists do not say what they are, those of custom resources do.
        items = [self.shown(resource, version, value) if resource.custom else
                 {key: item for key, item in value.items() if key not in ("apiVersion", "kind")}
                 for value in values if selects(value)]
        return 200, {"kind": f"{resource.kind}List", "apiVersion": resource.api_version(version), "metadata": metadata,
                     "items": items}

    def watch(self, resource, version, namespace, selects, query):
        since = query.get("resourceVersion", "")
        initial = query.get("sendInitialEvents") == "true"
        if initial and not self.streaming_lists:
            raise Refused(422, "Invalid", "ListOptions.meta.k8s.io \"\" is invalid: sendInitialEvents: Forbidden: "
                          "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled")
        if initial and query.get("resourceVersionMatch") != "NotOlderThan":
            raise Refused(422, "Invalid", "resourceVersionMatch: Forbidden: sendInitialEvents requires setting "
                          "resourceVersionMatch to NotOlderThan")
        events = []
        if initial or since in ("", "0"):
            events = [("ADDED", value) for (place, _), value
                      in sorted(self.store.of(resource.group, resource.plural).items())
                      if (not namespace or place == namespace) and selects(value)]
            since = self.store.version
        elif int(since) < self.store.oldest:
            events = [("ERROR", Refused(410, "Expired", f"too old resource version: {since} ({self.store.oldest})"))]
            since = None
        else:
            since = int(since)
        return Watch(resource, version, namespace, selects, since, events,
                     query.get("allowWatchBookmarks") in ("1", "true"), float(query.get("timeoutSeconds", 1800)), initial)

    def single(self, verb, resource, version, namespace, name, subresource, query, headers, body, user):
        store = self.store
        if verb == "get":
            return 200, self.shown(resource, version, store.get(resource, namespace, name))
        if verb == "delete":
            options = json.loads(body) if body else {}
            value = store.delete(resource, namespace, name, options.get("preconditions") or {})
            return 200, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
                         "details": {"name": name, "kind": resource.plural, "uid": value["metadata"]["uid"]}}
        patch = json.loads(body)
        if query.get("dryRun"):
            return 200, self.shown(resource, version, patch)
        if resource.plural == "clustertrustbundles" and verb != "patch":
            self.check_trust_bundle(patch["metadata"]["name"], patch, user)
        if verb == "create":
            return 201, self.shown(resource, version, store.create(resource, namespace, patch))
        if verb == "update":
            return 200, self.shown(resource, version, store.replace(resource, namespace, name, patch, subresource))
        kind = PATCH_KINDS.get(headers.get("content-type", "").split(";")[0])
        if kind is None:
            raise Refused(415, "UnsupportedMediaType", "the body of the request was in an unknown format")
        if kind == "strategic" and resource.custom:
            raise Refused(415, "UnsupportedMediaType", "strategic merge patch is not for custom resources")
        if kind == "apply" and not query.get("fieldManager"):
            raise Refused(400, "BadRequest", "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value")
        if resource.plural == "clustertrustbundles" and kind == "apply":
            self.check_trust_bundle(name, patch, user)
        value, isNew = store.patch(resource, namespace, name, kind, patch, query.get("fieldManager", "unknown"),
                                   query.get("force") == "true", subresource)
        return 201 if isNew else 200, self.shown(resource, version, value)

    def check_trust_bundle(self, name, value, user):
        """What an API server asks of a ClusterTrustBundle: the right to attest, a name that begins with its signer, certificates."""
        signer, text = value["spec"].get("signerName", ""), value["spec"].get("trustBundle", "")
        if signer:
            self.authorize("attest", "certificates.k8s.io", "signers", user)
        prefix = signer.replace("/", ":") + ":"
        if (signer and not name.startswith(prefix)) or (not signer and ":" in name):
            raise Refused(422, "Invalid", f'ClusterTrustBundle.certificates.k8s.io "{name}" is invalid: metadata.name: Invalid '
                          f'value: "{name}": ClusterTrustBundle for signerName {signer} must be named with prefix {prefix}')
        blocks = re.findall(r"-----BEGIN CERTIFICATE-----\n[^-]+-----END CERTIFICATE-----\n", text)
        if not blocks or "".join(blocks) != text or len(set(blocks)) != len(blocks):
            raise Refused(422, "Invalid", f'ClusterTrustBundle.certificates.k8s.io "{name}" is invalid: spec.trustBundle: '
                          "Invalid value: no certificates, or other things than certificates, or one twice")

    def review_token(self, review):
        spec = review["spec"]
        known = self.reviewable.get(spec["token"])
        if known is None or not set(spec.get("audiences", ["api"])) & set(known.get("audiences", ["api"])):
            review["status"] = {"authenticated": False, "error": "invalid bearer token"}
        else:
            review["status"] = {"authenticated": True, **known}
        return review

    def review_access(self, review, user):
        wanted = review["spec"].get("resourceAttributes", {})
        what = "/".join(filter(None, [wanted.get("resource"), wanted.get("subresource")]))
        review["status"] = {"allowed": self.is_allowed(wanted.get("verb"), wanted.get("group", ""), what, user)}
        return review

    # What only tests ask

    def control(self, what, value):
        if what == "fault":
            self.faults.append({"times": 1, **value})
        elif what == "heal":
            self.faults.clear()
        elif what == "goaway":
            for connection in list(self.connections):
                connection.go_away()
        elif what == "compact":
            self.store.compact()
        elif what == "settings":
            self.streaming_lists = value.get("streamingLists", self.streaming_lists)
            if "clusterTrustBundles" in value:
                versions = tuple(value["clusterTrustBundles"])
                kind = dataclasses.replace(resources.CLUSTER_TRUST_BUNDLES, versions=versions)
                self.store.optional = [kind] if versions else []
        elif what == "users":
            self.users.update(value)
        elif what == "reviewable":
            self.reviewable.update(value)
        elif what == "used":
            return 200, {"rights": sorted(self.used.get(value["user"], ()))}
        elif what == "requests":
            return 200, {"requests": self.requests[value.get("from", 0):], "time": now()}
        return 200, {}


def selector(query):
    """A function that tells whether an object is selected."""
    wanted = []
    for term in filter(None, query.get("labelSelector", "").split(",")):
        if "!=" in term:
            key, value = term.split("!=")
            wanted.append(lambda meta, key=key, value=value: meta.get("labels", {}).get(key) != value)
        elif "=" in term:
            key, value = term.replace("==", "=").split("=")
            wanted.append(lambda meta, key=key, value=value: meta.get("labels", {}).get(key) == value)
        else:
            wanted.append(lambda meta, key=term: key in meta.get("labels", {}))
    fields = [term.replace("==", "=").split("=") for term in filter(None, query.get("fieldSelector", "").split(","))]

    def look(value, path):
        for key in path.split("."):
            value = value.get(key, {}) if isinstance(value, dict) else {}
        return value or ""

    return lambda value: all(test(value["metadata"]) for test in wanted) \
        and all(look(value, path) == wish for path, wish in fields)
