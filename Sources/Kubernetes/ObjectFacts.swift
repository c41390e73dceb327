// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Manifest
internal import Telemetry

/// What of an object the mesh does not read, but who writes its status needs.
package struct ObjectFacts: Equatable, Sendable {
    /// `metadata.uid`.
    package var uid = ""
    /// `metadata.resourceVersion`: who writes says which version was read.
    package var resourceVersion = ""
    /// `metadata.generation`; 0 for kinds that have none.
    package var generation: Int64 = 0
    /// Whether the object is being deleted.
    package var isDeleting = false
    /// The version of its kind in which it was read: `v1`.
    package var version: String
    /// What the status repeats or speaks of, as JSON: `spec` of Gateways and their classes, `parentRefs` of routes, `targetRefs` of
    /// policies; empty for others.
    package var detail: [UInt8] = []
    /// `status` as JSON; empty without.
    package var status: [UInt8] = []

    /// Reads an object; nil for kinds whose status nobody of us writes.
    init?(_ node: YAMLNode, _ kind: ObjectKind, version: String) {
        let spec = node["spec"]
        let detail: YAMLNode?
        switch kind {
        case .gateway, .gatewayClass: detail = spec
        case .httpRoute, .grpcRoute, .tcpRoute, .tlsRoute: detail = spec?["parentRefs"]
        case .authorizationPolicy: detail = spec?["targetRefs"]
        case .service: detail = nil
        default: return nil
        }
        self.version = version
        if let detail { self.detail = Self.json(detail) }
        if let status = node["status"] { self.status = Self.json(status) }
        guard let metadata = node["metadata"] else { return }
        uid = metadata["uid"]?.string ?? ""
        resourceVersion = metadata["resourceVersion"]?.string ?? ""
        generation = metadata["generation"]?.integer ?? 0
        isDeleting = metadata["deletionTimestamp"].map { !$0.isNull } ?? false
    }

    private static func json(_ node: YAMLNode) -> [UInt8] {
        var json = JSONWriter()
        json.element(node)
        return json.bytes
    }
}
