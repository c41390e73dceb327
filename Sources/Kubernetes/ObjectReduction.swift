// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Manifest

/// Reads objects of the API server and leaves out what the mesh does not need.
struct ObjectReduction {
    let reader: ManifestReader
    /// The node whose pods' captures we tell of in the API; empty for none.
    let node: String
    /// Names of nodes, namespaces and owners, all labels of a Deployment's pods and the like are the same for many objects: they
    /// share their memory.
    private var texts = SharedValues<String>()
    private var maps = SharedValues<[String: String]>()
    private var ports = SharedValues<[String: UInt16]>()

    init(reader: ManifestReader, node: String = "") {
        self.reader = reader
        self.node = node
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
            object.key.namespace = shared(object.key.namespace)
            if case .pod(let pod) = object.body { dropReports(&object.metadata, pod) }
            reduce(&object.metadata, kind)
            reduce(&object.body)
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

    private mutating func reduce(_ metadata: inout ObjectMetadata, _ kind: ObjectKind) {
        // What a slice's labels say, its service, has been read.
        guard kind != .endpointSlice else {
            (metadata.labels, metadata.annotations, metadata.controller) = ([:], [:], nil)
            return
        }
        metadata.labels = shared(metadata.labels)
        metadata.annotations = shared(metadata.annotations.filter { Self.isRead($0.key) })
        if let owner = metadata.controller {
            metadata.controller?.kind = shared(owner.kind)
            metadata.controller?.name = shared(owner.name)
        }
    }

    /// That a tunnel captures a pod decides nothing where the tunnel says that it was itself who wrote so
    /// (`PodReport.ownAnnotation`): only the tunnel of its node wants to know what it wrote.
    private func dropReports(_ metadata: inout ObjectMetadata, _ pod: PodObject) {
        guard node.isEmpty || pod.nodeName != node, metadata.annotations[PodReport.ownAnnotation] != nil else { return }
        metadata.annotations[PodReport.ownAnnotation] = nil
        metadata.annotations[PodReport.redirectionAnnotation] = nil
    }

    /// Annotations that somebody in the mesh may read; not those that hold whole manifests.
    static func isRead(_ key: String) -> Bool {
        guard let slash = key.utf8.firstIndex(of: UInt8(ascii: "/")) else { return false }
        return ObjectSelection.annotationDomains.contains { key[..<slash].hasSuffix($0) }
    }

    private mutating func reduce(_ body: inout ManifestObject.Body) {
        switch body {
        case .pod(var pod):
            pod.nodeName = shared(pod.nodeName)
            pod.serviceAccountName = shared(pod.serviceAccountName)
            pod.namedPorts = ports.shared(pod.namedPorts)
            body = .pod(pod)
        case .endpointSlice(var slice):
            slice.serviceName = shared(slice.serviceName)
            slice.ports = ports.shared(slice.ports)
            // A new array has no room to grow.
            slice.endpoints = slice.endpoints.map { endpoint in
                var endpoint = endpoint
                endpoint.nodeName = shared(endpoint.nodeName)
                endpoint.zone = shared(endpoint.zone)
                return endpoint
            }
            body = .endpointSlice(slice)
        case .service(var service):
            service.selector = shared(service.selector)
            body = .service(service)
        case .metadataOnly, .gateway, .authorizationPolicy, .peerAuthentication, .serviceEntry, .workloadEntry, .route,
            .destinationRule, .trafficSplit, .serviceProfile:
            break
        }
    }

    private mutating func shared(_ map: [String: String]) -> [String: String] {
        if map.isEmpty { return [:] }
        if let known = maps.equal(to: map) { return known }
        var result = [String: String](minimumCapacity: map.count)
        for (key, value) in map { result[shared(key)] = shared(value) }
        maps.remember(result)
        return result
    }

    private mutating func shared(_ text: String) -> String {
        // Up to 15 octets a string holds no memory of its own.
        text.utf8.count > 15 ? texts.shared(text) : text
    }
}

/// Values of which equal ones share their memory, as far as they are remembered.
private struct SharedValues<Value: Hashable> {
    private var known: Set<Value> = []
    /// A bound on what is kept for sharing: objects come in the order of their names, so that equal ones are near each other.
    private static var maximum: Int { 4_096 }

    /// The one that is remembered of those equal to a value.
    func equal(to value: Value) -> Value? {
        known.firstIndex(of: value).map { known[$0] }
    }

    /// Remembers a value to which none that is remembered is equal.
    mutating func remember(_ value: Value) {
        if known.count >= Self.maximum { known.removeAll() }
        known.insert(value)
    }

    /// The one that is remembered of those equal to a value; from now on that is the value itself if there was none.
    mutating func shared(_ value: Value) -> Value {
        if let known = equal(to: value) { return known }
        remember(value)
        return value
    }
}
