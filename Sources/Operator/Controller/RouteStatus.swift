// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Identity
internal import Manifest

/// What the status of a route has to say of each of its parents; the verdicts are those of the translation that waypoints route by.
struct RouteStatus {
    /// A parent of the route, as far as we have to do with it.
    struct Parent {
        /// Its place in `spec.parentRefs`.
        let index: Int
        /// Why nothing can be attached to such a parent; nil when routes can.
        var refusal: (reason: String, message: String)?
        /// What keeps requests of the service from coming to a waypoint at all; nil when one is bound.
        var unbound: (reason: String, message: String)?
    }

    /// `spec.parentRefs`.
    let references: [YAMLNode]
    let generation: Int64
    /// Why the object cannot be used as it is; nil when it can.
    let refusal: String?
    /// What was found wrong with it.
    let findings: [Finding]
    /// The parents that are ours to speak of.
    let parents: [Parent]

    /// Whether the route has an effect at a parent.
    func isEffective(_ parent: Parent) -> Bool { parent.unbound == nil && accepted(parent).isTrue }

    private func accepted(_ parent: Parent) -> ObjectCondition {
        if let refusal = parent.refusal { return ObjectCondition("Accepted", false, refusal.reason, refusal.message) }
        if let refusal { return ObjectCondition("Accepted", false, "UnsupportedValue", refusal) }
        let field = "spec.parentRefs[\(parent.index)]"
        let found = findings.first { finding in
            switch finding.reason {
            case .noMatchingParent, .unsupportedProtocol: finding.field == field || finding.field.hasPrefix(field + ".")
            case .conflicted: true
            case .backendNotFound, .invalidKind, nil: false
            }
        }
        guard let found, let reason = found.reason else {
            return ObjectCondition("Accepted", true, "Accepted", "Route was valid")
        }
        // The standard has no word for a port that speaks something else.
        let word = reason == .unsupportedProtocol ? .noMatchingParent : reason
        return ObjectCondition("Accepted", false, word.rawValue, found.text)
    }

    private var resolved: ObjectCondition {
        let found = findings.first { $0.reason == .backendNotFound || $0.reason == .invalidKind }
        guard let found, let reason = found.reason else {
            return ObjectCondition("ResolvedRefs", true, "ResolvedRefs", "All references resolved")
        }
        return ObjectCondition("ResolvedRefs", false, reason.rawValue, "\(found.field): \(found.text)")
    }

    /// A rule that cannot be understood while the others count.
    private var partiallyInvalid: ObjectCondition? {
        guard refusal == nil, let found = findings.first(where: { $0.severity == .error && $0.reason == nil }) else {
            return nil
        }
        return ObjectCondition(
            "PartiallyInvalid", true, "UnsupportedValue", "Dropped Rule: \(found.field): \(found.text)")
    }

    /// `status.parents` as it has to be: entries of others as and where they are, ours for the parents that are ours.
    func parents(existing: YAMLNode?, time: UnixTime) -> ManifestValue {
        let controller = ControllerConfiguration.controllerName
        var missing = parents.filter { references.indices.contains($0.index) }
        var result: [ManifestValue] = []
        for entry in existing?.elements.map({ $0 }) ?? [] {
            guard entry["controllerName"]?.string == controller else {
                result.append(ManifestValue(entry))
                continue
            }
            let place = missing.firstIndex { parent in
                entry["parentRef"].map { ManifestValue($0) } == ManifestValue(references[parent.index])
            }
            guard let place else { continue }
            result.append(self.entry(missing.remove(at: place), before: entry, time))
        }
        // At most 32 entries (Gateway API).
        for parent in missing where result.count < 32 { result.append(entry(parent, before: nil, time)) }
        return .sequence(result)
    }

    private func entry(_ parent: Parent, before: YAMLNode?, _ time: UnixTime) -> ManifestValue {
        var own = [accepted(parent), resolved]
        if let partiallyInvalid { own.append(partiallyInvalid) }
        if parent.refusal == nil {
            own.append(
                parent.unbound.map { ObjectCondition("ResolvedWaypoints", false, $0.reason, $0.message) }
                    ?? ObjectCondition("ResolvedWaypoints", true, "ResolvedWaypoints", "All waypoints resolved"))
        }
        let conditions = ObjectConditions(
            own: own, retired: ["PartiallyInvalid", "ResolvedWaypoints"], generation: generation)
        return .mapping([
            ("conditions", conditions.merged(with: before?["conditions"], time: time)),
            ("controllerName", .text(ControllerConfiguration.controllerName)),
            ("parentRef", ManifestValue(references[parent.index])),
        ])
    }
}
