// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

extension ObjectDecoder {
    private static let ignoredSpec: Set<String> = [
        "activeDeadlineSeconds", "affinity", "automountServiceAccountToken", "dnsConfig", "dnsPolicy",
        "enableServiceLinks", "ephemeralContainers", "hostAliases", "hostIPC", "hostPID", "hostUsers", "hostname",
        "hostnameOverride", "imagePullSecrets", "nodeSelector", "os", "overhead", "preemptionPolicy", "priority",
        "priorityClassName", "readinessGates", "resourceClaims", "resources", "restartPolicy", "runtimeClassName",
        "schedulerName", "schedulingGates", "schedulingGroup", "securityContext", "serviceAccount",
        "setHostnameAsFQDN", "shareProcessNamespace", "subdomain", "terminationGracePeriodSeconds", "tolerations",
        "topologySpreadConstraints", "volumes", "workloadRef",
    ]

    /// Reads a Pod; what the node wrote into `status` is taken where it is needed, and not searched for mistakes.
    mutating func pod(_ node: YAMLNode) -> PodObject {
        var pod = PodObject()
        fields(node) { decoder, key, value in
            switch key {
            case "apiVersion", "kind", "metadata": break
            case "spec": decoder.podSpec(value, &pod)
            case "status": decoder.podStatus(value, &pod)
            default: return false
            }
            return true
        }
        return pod
    }

    private mutating func podSpec(_ node: YAMLNode, _ pod: inout PodObject) {
        fields(node) { decoder, key, value in
            switch key {
            case "nodeName": pod.nodeName = decoder.string(value) ?? ""
            case "serviceAccountName":
                guard let name = decoder.string(value), !name.isEmpty else { break }
                if !Self.isName(name) { decoder.report(.error, at: value, "must be a DNS name") }
                pod.serviceAccountName = name
            case "hostNetwork": pod.isHostNetwork = decoder.boolean(value) ?? false
            case "containers", "initContainers":
                decoder.list(value) { decoder, container in
                    decoder.field("ports", of: container) { decoder, ports in
                        decoder.list(ports) { decoder, port in decoder.containerPort(port, &pod) }
                    }
                }
            default: return Self.ignoredSpec.contains(key)
            }
            return true
        }
    }

    private mutating func containerPort(_ node: YAMLNode, _ pod: inout PodObject) {
        var name = ""
        var number: UInt16?
        var isTCP = true
        fields(node) { decoder, key, value in
            switch key {
            case "name": name = decoder.string(value) ?? ""
            case "containerPort": number = decoder.port(value)
            case "protocol": isTCP = decoder.string(value) ?? "TCP" == "TCP"
            case "hostPort", "hostIP": break
            default: return false
            }
            return true
        }
        if isTCP, !name.isEmpty, let number, pod.namedPorts[name] == nil { pod.namedPorts[name] = number }
    }

    private mutating func podStatus(_ node: YAMLNode, _ pod: inout PodObject) {
        guard node.kind == .mapping else {
            if !node.isNull { reportType(node, expected: "a mapping") }
            return
        }
        field("podIPs", of: node) { decoder, value in
            decoder.list(value) { decoder, element in
                decoder.field("ip", of: element) { decoder, ip in
                    if let address = decoder.address(ip) { pod.addresses.append(address) }
                }
            }
        }
        field("podIP", of: node) { decoder, value in
            if let address = decoder.address(value), !pod.addresses.contains(address) {
                pod.addresses.insert(address, at: 0)
            }
        }
        var phase = ""
        field("phase", of: node) { decoder, value in phase = decoder.string(value) ?? "" }
        pod.isFinished = phase == "Succeeded" || phase == "Failed"
        pod.isReady = phase.isEmpty || phase == "Running"
        field("conditions", of: node) { decoder, value in
            decoder.list(value) { _, condition in
                guard condition["type"]?.string == "Ready" else { return }
                pod.isReady = condition["status"]?.string == "True"
            }
        }
    }
}
