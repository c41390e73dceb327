// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Manifest
internal import Mesh

// Rules that no request reaches.
extension MeshAnalysis {
    mutating func checkShadows() {
        for binding in model.routes.bindings {
            guard let http = binding.http else { continue }
            for (rule, by) in Self.shadows(in: http) {
                // A delegate of several rules shadows itself, which nobody can do anything about here.
                guard http.rules[rule].origin != http.rules[by].origin else { continue }
                report(http.rules[rule].origin, by: http.rules[by].origin)
            }
        }
    }

    /// The rules all of whose conditions are met only by requests that an earlier condition has taken, and whose that is.
    static func shadows(in routes: HTTPRoutes) -> [(rule: Int, by: Int)] {
        var taken: [Int: Int] = [:]
        var reachable: Set<Int> = []
        for (position, entry) in routes.entries.enumerated() {
            // Two conditions of one rule may well overlap: they lead to the same.
            let earlier = routes.entries[..<position].first { $0.rule != entry.rule && $0.match.covers(entry.match) }
            if let earlier { taken[entry.rule] = earlier.rule } else { reachable.insert(entry.rule) }
        }
        return taken.filter { !reachable.contains($0.key) }.map { ($0.key, $0.value) }.sorted { $0.0 < $1.0 }
    }

    private mutating func report(_ origin: RouteOrigin, by other: RouteOrigin) {
        guard let entry = entries.first(where: { $0.object.key.description == origin.object }) else { return }
        let line = Field(entry)?.descendant(origin.field).node.position.line ?? entry.object.line
        let place = other.object == origin.object ? other.field : "\(other.field) of \(other.object)"
        findings.append(
            Finding(
                .warning, file: entry.file, line: line, object: origin.object, field: origin.field,
                text: "no request gets here: \(place) comes first and takes all that would; put this before it, "
                    + "or narrow that"))
    }
}
