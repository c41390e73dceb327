// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Identity
internal import Manifest

/// One condition that a controller says of an object (metav1.Condition).
struct ObjectCondition: Equatable {
    var type: String
    var isTrue: Bool
    var reason: String
    var message: String

    init(_ type: String, _ isTrue: Bool, _ reason: String, _ message: String) {
        self.type = type
        self.isTrue = isTrue
        self.reason = reason
        // The API server takes up to 32,768 octets; a line for an operator is shorter.
        self.message = String(message.prefix(1_024))
    }
}

/// The conditions of an object, ours among those of others.
struct ObjectConditions {
    /// What we say now.
    var own: [ObjectCondition]
    /// Types that nobody but us writes on such an object: of these goes what is not said any more.
    var retired: Set<String> = []
    /// `metadata.generation` of what was looked at; 0 where there is none.
    var generation: Int64

    /// The list as it has to be.
    ///
    /// What others wrote stays as it is and where it is; the time of a transition changes with the status only.
    func merged(with existing: YAMLNode?, time: UnixTime) -> ManifestValue {
        var result: [ManifestValue] = []
        var written: Set<String> = []
        for node in existing?.elements.map({ $0 }) ?? [] {
            let type = node["type"]?.string ?? ""
            if let condition = own.first(where: { $0.type == type }) {
                // One of a type counts.
                if written.insert(type).inserted { result.append(value(condition, before: node, time)) }
            } else if !retired.contains(type) {
                result.append(ManifestValue(node))
            }
        }
        for condition in own where !written.contains(condition.type) {
            result.append(value(condition, before: nil, time))
        }
        return .sequence(result)
    }

    private func value(_ condition: ObjectCondition, before: YAMLNode?, _ time: UnixTime) -> ManifestValue {
        let status = condition.isTrue ? "True" : "False"
        var since = "\(time)"
        if before?["status"]?.string == status, let old = before?["lastTransitionTime"]?.string { since = old }
        var entries: [(key: String, value: ManifestValue)] = [
            ("lastTransitionTime", .text(since)), ("message", .text(condition.message)),
            ("reason", .text(condition.reason)), ("status", .text(status)), ("type", .text(condition.type)),
        ]
        if generation > 0 { entries.append(("observedGeneration", .number(Int(generation)))) }
        return .mapping(entries)
    }
}
