# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""Which resources there are: built in, and brought by CustomResourceDefinitions."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Resource:
    group: str
    versions: tuple
    plural: str
    kind: str
    namespaced: bool = True
    short: tuple = ()
    custom: bool = False
    verbs: tuple = field(default=("create", "delete", "get", "list", "patch", "update", "watch"))

    def api_version(self, version):
        return f"{self.group}/{version}" if self.group else version


BUILT_IN = [
    Resource("", ("v1",), "namespaces", "Namespace", False, ("ns",)),
    Resource("", ("v1",), "nodes", "Node", False, ("no",)),
    Resource("", ("v1",), "pods", "Pod", short=("po",)),
    Resource("", ("v1",), "services", "Service", short=("svc",)),
    Resource("", ("v1",), "serviceaccounts", "ServiceAccount", short=("sa",)),
    Resource("", ("v1",), "secrets", "Secret"),
    Resource("", ("v1",), "configmaps", "ConfigMap", short=("cm",)),
    Resource("", ("v1",), "events", "Event", short=("ev",)),
    Resource("discovery.k8s.io", ("v1",), "endpointslices", "EndpointSlice"),
    Resource("coordination.k8s.io", ("v1",), "leases", "Lease"),
    Resource("apps", ("v1",), "deployments", "Deployment", short=("deploy",)),
    Resource("apps", ("v1",), "daemonsets", "DaemonSet", short=("ds",)),
    Resource("networking.k8s.io", ("v1",), "networkpolicies", "NetworkPolicy", short=("netpol",)),
    Resource("autoscaling", ("v2",), "horizontalpodautoscalers", "HorizontalPodAutoscaler", short=("hpa",)),
    Resource("policy", ("v1",), "poddisruptionbudgets", "PodDisruptionBudget", short=("pdb",)),
    Resource("rbac.authorization.k8s.io", ("v1",), "clusterroles", "ClusterRole", False),
    Resource("rbac.authorization.k8s.io", ("v1",), "clusterrolebindings", "ClusterRoleBinding", False),
    Resource("rbac.authorization.k8s.io", ("v1",), "roles", "Role"),
    Resource("rbac.authorization.k8s.io", ("v1",), "rolebindings", "RoleBinding"),
    Resource("apiextensions.k8s.io", ("v1",), "customresourcedefinitions", "CustomResourceDefinition", False,
             ("crd", "crds")),
    Resource("authentication.k8s.io", ("v1",), "tokenreviews", "TokenReview", False, verbs=("create",)),
    Resource("authorization.k8s.io", ("v1",), "selfsubjectaccessreviews", "SelfSubjectAccessReview", False,
             verbs=("create",)),
]

#: Not every cluster has it: a test says which versions its own has.
CLUSTER_TRUST_BUNDLES = Resource("certificates.k8s.io", ("v1beta1",), "clustertrustbundles", "ClusterTrustBundle", False)


def custom(definition):
    """The resource that a CustomResourceDefinition brings."""
    spec = definition["spec"]
    versions = tuple(version["name"] for version in spec["versions"] if version.get("served", True))
    names = spec["names"]
    return Resource(spec["group"], versions, names["plural"], names["kind"], spec.get("scope") != "Cluster",
                    tuple(names.get("shortNames", ())), True)


def definition(group, versions, plural, kind, namespaced=True):
    """A CustomResourceDefinition that takes anything."""
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{plural}.{group}"},
            "spec": {"group": group, "scope": "Namespaced" if namespaced else "Cluster",
                     "names": {"plural": plural, "kind": kind, "singular": kind.lower(), "listKind": f"{kind}List"},
                     "versions": [{"name": name, "served": True, "storage": index == 0, "schema": schema}
                                  for index, name in enumerate(versions)]}}


#: The kinds of the mesh, as their projects install them.
MESH_DEFINITIONS = [
    definition("gateway.networking.k8s.io", ("v1", "v1beta1"), "gatewayclasses", "GatewayClass", False),
    definition("gateway.networking.k8s.io", ("v1", "v1beta1"), "gateways", "Gateway"),
    definition("gateway.networking.k8s.io", ("v1", "v1beta1"), "httproutes", "HTTPRoute"),
    definition("security.istio.io", ("v1", "v1beta1"), "authorizationpolicies", "AuthorizationPolicy"),
    definition("security.istio.io", ("v1", "v1beta1"), "peerauthentications", "PeerAuthentication"),
    definition("networking.istio.io", ("v1", "v1beta1"), "serviceentries", "ServiceEntry"),
    definition("networking.istio.io", ("v1", "v1beta1"), "workloadentries", "WorkloadEntry"),
]
