# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""Kubernetes objects as plain values, in the form `kubectl get -o yaml` shows them."""


def namespace(name, labels=None):
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": _metadata(name, labels=labels)}


def node(name, addresses, labels=None):
    return {"apiVersion": "v1", "kind": "Node", "metadata": _metadata(name, labels=labels),
            "status": {"addresses": [{"type": "InternalIP", "address": text} for text in addresses]}}


def pod(name, namespace, node, addresses, service_account, labels=None, annotations=None, ports=None, ready=True,
        host_network=False):
    """A running pod; ports is {name: number} of its container."""
    container = {"name": "app", "image": "example.org/app"}
    if ports:
        container["ports"] = [{"name": key, "containerPort": value} for key, value in ports.items()]
    spec = {"nodeName": node, "serviceAccountName": service_account, "containers": [container]}
    if host_network:
        spec["hostNetwork"] = True
    return {"apiVersion": "v1", "kind": "Pod",
            "metadata": {**_metadata(name, namespace, labels, annotations), "uid": f"{namespace}-{name}"},
            "spec": spec,
            "status": {"phase": "Running", "podIP": addresses[0], "podIPs": [{"ip": text} for text in addresses],
                       "conditions": [{"type": "Ready", "status": "True" if ready else "False"}]}}


def service(name, namespace, addresses, ports, selector, labels=None, annotations=None, spec=None):
    """A ClusterIP service; ports is {port: target port, by number or name}."""
    return {"apiVersion": "v1", "kind": "Service", "metadata": _metadata(name, namespace, labels, annotations),
            "spec": {"type": "ClusterIP", "clusterIP": addresses[0], "clusterIPs": list(addresses),
                     "selector": selector,
                     "ports": [{"name": f"tcp-{port}", "port": port, "targetPort": target, "protocol": "TCP"}
                               for port, target in ports.items()],
                     **(spec or {})}}


def waypoint(name, namespace, address, waypoint_for="service", annotations=None):
    """The Gateway of a waypoint; address is an IP or a host name, as its controller would report it."""
    kind = "IPAddress" if ":" in address or address[-1].isdigit() else "Hostname"
    return {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
            "metadata": _metadata(name, namespace, {"istio.io/waypoint-for": waypoint_for}, annotations),
            "spec": {"gatewayClassName": "ambit-waypoint",
                     "listeners": [{"name": "mesh", "port": 15008, "protocol": "HBONE"}]},
            "status": {"addresses": [{"type": kind, "value": address}],
                       "conditions": [{"type": "Programmed", "status": "True"}]}}


def peer_authentication(name, namespace, mode, selector=None, ports=None):
    spec = {"mtls": {"mode": mode}}
    if selector:
        spec["selector"] = {"matchLabels": selector}
    if ports:
        spec["portLevelMtls"] = {str(port): {"mode": mode} for port, mode in ports.items()}
    return {"apiVersion": "security.istio.io/v1", "kind": "PeerAuthentication",
            "metadata": _metadata(name, namespace), "spec": spec}


def authorization_policy(name, namespace, action, rules=None, selector=None, annotations=None):
    spec = {"action": action}
    if selector:
        spec["selector"] = {"matchLabels": selector}
    if rules is not None:
        spec["rules"] = rules
    return {"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
            "metadata": _metadata(name, namespace, annotations=annotations), "spec": spec}


def _metadata(name, namespace=None, labels=None, annotations=None):
    metadata = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    if labels:
        metadata["labels"] = dict(labels)
    if annotations:
        metadata["annotations"] = dict(annotations)
    return metadata
