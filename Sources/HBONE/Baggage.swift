// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// Who a workload is, as the `baggage` header of a CONNECT carries it (W3C Baggage; keys of OpenTelemetry's resources).
///
/// It is a hint for telemetry only: the peer writes what it likes, so no decision may depend on it.
package struct Baggage: Equatable, Sendable {
    /// `k8s.cluster.name`.
    package var clusterName: String?
    /// `k8s.namespace.name`.
    package var namespace: String?
    /// `deployment`, `cronjob`, `pod` or `job`: the middle of `k8s.<kind>.name`.
    package var workloadKind: String?
    /// `k8s.<kind>.name`.
    package var workloadName: String?
    /// `service.name`.
    package var serviceName: String?
    /// `service.version`.
    package var serviceVersion: String?
    /// `cloud.region`.
    package var region: String?
    /// `cloud.availability_zone`.
    package var zone: String?

    /// The longest header that is looked at; a longer one is ignored whole (our own limit; ztunnel writes some 200 bytes).
    package static let maximumBytes = 4096

    /// Names nothing.
    package init() {}

    /// The header's value: keys with a value, in ztunnel's order.
    package var headerValue: String {
        var parts: [String] = []
        func add(_ key: String, _ value: String?) {
            guard let value, !value.isEmpty else { return }
            parts.append("\(key)=\(value)")
        }
        add("k8s.cluster.name", clusterName)
        add("k8s.namespace.name", namespace)
        if let workloadKind { add("k8s.\(workloadKind).name", workloadName) }
        add("service.name", serviceName)
        add("service.version", serviceVersion)
        add("cloud.region", region)
        add("cloud.availability_zone", zone)
        return parts.joined(separator: ",")
    }

    /// Reads a header; members that are not understood are skipped, properties behind `;` too.
    package init(parsing bytes: Span<UInt8>) {
        guard bytes.count <= Self.maximumBytes else { return }
        for member in String(decoding: bytes).split(separator: ",") {
            guard let pair = member.split(separator: ";", maxSplits: 1).first,
                let equals = pair.firstIndex(of: "=")
            else { continue }
            set(Self.trimmed(pair[..<equals]), to: Self.trimmed(pair[pair.index(after: equals)...]))
        }
    }

    private mutating func set(_ key: String, to value: String) {
        guard !value.isEmpty else { return }
        switch key {
        case "k8s.cluster.name": clusterName = value
        case "k8s.namespace.name": namespace = value
        case "service.name": serviceName = value
        case "service.version": serviceVersion = value
        case "cloud.region": region = value
        case "cloud.availability_zone": zone = value
        case "k8s.deployment.name", "k8s.cronjob.name", "k8s.pod.name", "k8s.job.name":
            workloadKind = String(key.dropFirst(4).dropLast(5))
            workloadName = value
        default: break
        }
    }

    private static func trimmed(_ text: Substring) -> String {
        var text = text
        while text.first == " " || text.first == "\t" { text.removeFirst() }
        while text.last == " " || text.last == "\t" { text.removeLast() }
        return String(text)
    }
}
