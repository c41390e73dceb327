// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Manifest

/// Reads objects of the API server and leaves out what the mesh does not need.
struct ObjectReduction {
    let reader: ManifestReader
    /// Label keys and values, owners' kinds and the like are the same for thousands of objects: they share their memory.
    private var texts: Set<String> = []
    /// A bound on what is kept for sharing.
    private static let maximumTexts = 20_000

    init(reader: ManifestReader) {
        self.reader = reader
    }

    /// What an object means, as an update.
    mutating func update(_ node: YAMLNode, _ kind: ObjectKind, apiVersion: String) -> ClusterUpdate {
        var contents = ManifestReader.Contents()
        reader.read(node, type: (apiVersion, kind.name), into: &contents)
        // The API server has checked its own kinds against their schema; unknown fields of theirs are news, not mistakes.
        let isChecked = [.namespace, .node, .pod, .service, .endpointSlice].contains(kind)
        let findings = contents.findings.filter { !isChecked || $0.severity == .error }.map { finding in
            var finding = finding
            finding.line = 0
            return finding
        }
        if var object = contents.objects.first, object.key.kind == kind {
            object.line = 0
            reduce(&object.metadata)
            return .set(object, findings)
        }
        if let key = contents.refused.first { return .refused(key, findings) }
        return .lost(kind, findings)
    }

    /// The key of an object that is gone; nil when it cannot be told.
    static func key(_ node: YAMLNode, _ kind: ObjectKind) -> ObjectKey? {
        guard let metadata = node["metadata"], let name = metadata["name"]?.string, !name.isEmpty else { return nil }
        let namespace = kind.isClusterScoped ? "" : metadata["namespace"]?.string ?? "default"
        return ObjectKey(kind: kind, namespace: namespace, name: name)
    }

    private mutating func reduce(_ metadata: inout ObjectMetadata) {
        metadata.labels = shared(metadata.labels)
        metadata.annotations = shared(metadata.annotations.filter { Self.isRead($0.key) })
        if let owner = metadata.controller {
            metadata.controller?.kind = shared(owner.kind)
            metadata.controller?.name = shared(owner.name)
        }
    }

    /// Annotations that somebody in the mesh may read; not those that hold whole manifests.
    static func isRead(_ key: String) -> Bool {
        guard let slash = key.utf8.firstIndex(of: UInt8(ascii: "/")) else { return false }
        let domain = key[..<slash]
        return domain.hasSuffix("istio.io") || domain.hasSuffix("ambit.dev") || domain.hasSuffix("linkerd.io")
            || domain == "service.kubernetes.io"
    }

    private mutating func shared(_ map: [String: String]) -> [String: String] {
        var result = [String: String](minimumCapacity: map.count)
        for (key, value) in map { result[shared(key)] = shared(value) }
        return result
    }

    private mutating func shared(_ text: String) -> String {
        // Up to 15 octets a string holds no memory of its own.
        guard text.utf8.count > 15 else { return text }
        if texts.count >= Self.maximumTexts { texts.removeAll() }
        return texts.insert(text).memberAfterInsert
    }
}
