// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Manifest
internal import Mesh

// Hosts, subsets and weights that lead nowhere.
extension MeshAnalysis {
    mutating func checkReferences() {
        guard knowsAllHosts else { return }
        let references = references
        for reference in references { check(reference) }
        checkSubsetLabels()
        checkUnbound(references)
    }

    private func exists(_ host: String) -> Bool {
        services[host] != nil || wildcards.contains { host.hasSuffix($0) && host.utf8.count > $0.utf8.count }
    }

    private mutating func check(_ reference: HostReference) {
        guard exists(reference.host) else {
            let missing = "there is no service \(reference.host)"
            let (severity, effect): (Finding.Severity, String) =
                switch reference.purpose {
                case .routed: (.warning, "the object routes nothing")
                case .policy: (.warning, "the object has no effect")
                case .destination: (.error, "its share of the requests is answered 500")
                case .mirror: (.error, "nothing is mirrored")
                }
            findings.append(reference.field.finding(severity, "\(missing): \(effect); correct the name"))
            return
        }
        guard let subset = reference.subset, let name = subset.text else { return }
        let rules = objects(.destinationRule).filter { rule in
            guard let text = rule["spec", "host"]?.text else { return false }
            return fullName(text, namespace: rule.namespace) == reference.host
        }
        let names = rules.flatMap { $0["spec"]?.elements("subsets") ?? [] }.compactMap { $0["name"]?.text }
        if names.contains(name) { return }
        let known =
            names.isEmpty ? "no DestinationRule of the host has subsets" : "there are \(names.joined(separator: ", "))"
        findings.append(
            subset.finding(
                .error,
                "there is no subset \(name) of \(reference.host) (\(known)): requests to it fail; "
                    + "add it to a DestinationRule, or correct the name"))
    }

    /// A subset whose labels no endpoint has is answered 503.
    private mutating func checkSubsetLabels() {
        let labels = Dictionary(model.workloads.map { ($0.uid, $0.labels) }) { first, _ in first }
        let endpoints = Dictionary(grouping: model.endpoints) { $0.service.hostname }
        for rule in objects(.destinationRule) {
            guard let text = rule["spec", "host"]?.text else { continue }
            let host = fullName(text, namespace: rule.namespace)
            // Without any endpoint the folder does not know pods, or the service is down: not the subset's fault.
            guard let members = endpoints[host], !members.isEmpty else { continue }
            for subset in rule["spec"]?.elements("subsets") ?? [] {
                var wanted: [String: String] = [:]
                if let entries = subset["labels"]?.node.entries {
                    for (key, value) in entries { wanted[key.text] = value.text }
                }
                let isServed = members.contains { member in
                    wanted.allSatisfy { labels[member.workloadUID]?[$0.key] == $0.value }
                }
                guard !isServed, let field = subset["labels"] else { continue }
                findings.append(
                    field.finding(
                        .warning,
                        "no endpoint of \(host) has these labels: requests to the subset are answered 503; "
                            + "correct the labels, here or of the pods"))
            }
        }
    }

    /// Weights that are all zero route to nobody.
    mutating func checkWeights() {
        for object in objects(.virtualService) {
            for kind in ["http", "tls", "tcp"] {
                for rule in object["spec"]?.elements(kind) ?? [] { checkWeights(rule["route"]) }
            }
        }
        for object in objects(.httpRoute, .grpcRoute, .tcpRoute, .tlsRoute) {
            for rule in object["spec"]?.elements("rules") ?? [] { checkWeights(rule["backendRefs"]) }
        }
        for object in objects(.trafficSplit) { checkWeights(object["spec", "backends"]) }
    }

    private mutating func checkWeights(_ list: Field?) {
        guard let list, list.node.count > 0 else { return }
        let isZero = list.elements.allSatisfy { element in
            guard let weight = element["weight"]?.node else { return false }
            // SMI's early versions have quantities: `0m`.
            return weight.integer == 0 || weight.text == "0" || weight.text == "0m"
        }
        guard isZero else { return }
        findings.append(list.finding(.error, "all weights are 0: every request is answered 500; give one a weight"))
    }

    /// Routes of services without a waypoint: nobody reads them.
    private mutating func checkUnbound(_ references: [HostReference]) {
        let statuses = Dictionary(
            snapshot.services.records.map { (snapshot[$0.hostname], $0.waypointStatus) }
        ) { first, _ in first }
        for reference in references where reference.purpose == .routed || reference.purpose == .policy {
            guard statuses[reference.host] == .unbound, let service = services[reference.host] else { continue }
            findings.append(
                reference.field.finding(
                    .warning,
                    "nothing reads this: \(service.namespace)/\(service.name) has no waypoint, and layer 7 is served only "
                        + "there; ambit-waypoint apply -n \(service.namespace) --enroll-namespace"))
        }
    }
}
