// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Manifest
internal import Mesh

/// Finds what will not do what its author meant, beyond what a single object shows by itself.
///
/// Pure: the same content gives the same findings. It looks at objects as they are written, so that each finding has its
/// file, line and field; and at the mesh they make, which says what a waypoint would do with them.
package struct MeshAnalysis {
    let entries: [ObjectStore.Entry]
    let model: MeshModel
    let snapshot: MeshSnapshot
    /// Whether a host that is not known does not exist.
    let knowsAllHosts: Bool
    /// Services by host name.
    let services: [String: Service]
    /// Host names with a wildcard, without it: `.example.com`.
    let wildcards: [String]
    var findings: [Finding] = []

    private init(_ content: ConfigurationFolder.Content, isComplete: Bool) {
        entries = content.entries
        model = content.model
        snapshot = MeshSnapshot(content.model, generation: 0)
        services = Dictionary(model.services.map { ($0.hostname, $0) }) { first, _ in first }
        wildcards = model.services.filter { $0.hostname.hasPrefix("*.") }.map { String($0.hostname.dropFirst()) }
        knowsAllHosts = isComplete || !model.services.isEmpty
    }

    /// All findings: those of the objects themselves, and those of what they say together.
    ///
    /// - Parameters:
    ///   - content: read with `keepsSource`.
    ///   - isComplete: whether the content is all there is, so that a host that is not in it does not exist. Else that is said only
    ///     when the content has services at all.
    /// - Returns: in the order of files and lines.
    package static func findings(
        _ content: ConfigurationFolder.Content, isComplete: Bool = true
    ) -> [Finding] {
        var analysis = MeshAnalysis(content, isComplete: isComplete)
        analysis.checkReferences()
        analysis.checkWeights()
        analysis.checkBindings()
        analysis.checkPolicies()
        analysis.checkShadows()
        var known: Set<String> = []
        // One finding for one field: what the reader of the object says comes first, but for references to nothing, which
        // stand here with their place and their effect.
        let others = content.findings.filter { other in !analysis.findings.contains { $0.repeats(other) } }
        return (others + analysis.findings)
            .filter { finding in
                let what = finding.field.isEmpty ? finding.text : finding.field
                return known.insert("\(finding.file):\(finding.line) \(finding.object) \(what)").inserted
            }
            .enumerated().sorted { left, right in
                (left.element.file, left.element.line, left.offset)
                    < (right.element.file, right.element.line, right.offset)
            }
            .map(\.element)
    }

    /// The objects of some kinds, as they are written.
    func objects(_ kinds: ObjectKind...) -> [Field] {
        entries.filter { kinds.contains($0.object.key.kind) }.compactMap { Field($0) }
    }
}

extension Finding {
    /// Whether both say of one place that something is not there, or that nothing has a weight.
    fileprivate func repeats(_ other: Finding) -> Bool {
        guard file == other.file, object == other.object,
            ["there is no ", "all weights are 0"].contains(where: { text.contains($0) && other.text.contains($0) })
        else { return false }
        return other.field.isEmpty || field == other.field || field.hasPrefix(other.field + ".")
            || field.hasPrefix(other.field + "[") || other.field.hasPrefix(field + ".")
    }
}
