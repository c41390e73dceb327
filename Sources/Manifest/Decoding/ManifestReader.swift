// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// Turns the documents of a file, or an object from the API server, into objects and findings.
package struct ManifestReader: Sendable {
    /// What a file, or a piece of one, holds.
    package struct Contents: Sendable {
        /// The objects that could be read, in the order of the file.
        package var objects: [ManifestObject] = []
        /// Objects that have a name but cannot be used as they stand: their last good version counts.
        package var refused: [ObjectKey] = []
        /// What is wrong.
        package var findings: [Finding] = []
        /// What of it is about documents that may be policies and cannot be told which: nothing stands for them.
        package var lost: [Finding] = []

        /// Nothing has been read.
        package init() {}
    }

    /// Whether objects that only waypoints read are kept as they are written.
    package var keepsWaypointObjects = false
    /// Whether routes and destination policies are read, also where objects are not kept as they are written.
    package var readsRoutes = false
    /// Limits of the text.
    package var limits = YAMLLimits()
    /// Lists in lists are opened down to here.
    private static let listDepth = 4

    /// A reader for a tunnel, which drops what only waypoints read.
    package init() {}

    /// Reads a file.
    ///
    /// - Parameters:
    ///   - octets: the file's text, YAML or JSON.
    ///   - file: how findings call it.
    /// - Throws: `.syntax`; nothing of the file counts then.
    package func read(_ octets: [UInt8], file: String) throws(ManifestError) -> Contents {
        var contents = Contents()
        try YAMLParser.parse(octets, limits: limits) { read($0.root, file: file, into: &contents) }
        return contents
    }

    /// Reads one object, or a List of objects; nothing for null.
    package func read(_ node: YAMLNode, file: String, into contents: inout Contents) {
        read(node, file: file, impliedType: nil, depth: 0, into: &contents)
    }

    /// Reads one object of the API server, whose items of a list do not say what they are.
    ///
    /// - Parameter type: what it is, unless it says so itself.
    package func read(_ node: YAMLNode, type: (apiVersion: String, kind: String), into contents: inout Contents) {
        read(node, file: "", impliedType: type, depth: Self.listDepth, into: &contents)
    }

    private func read(
        _ node: YAMLNode, file: String, impliedType: (apiVersion: String, kind: String)?, depth: Int,
        into contents: inout Contents
    ) {
        guard !node.isNull else { return }
        var decoder = ObjectDecoder(file: file)
        defer { contents.findings += decoder.findings }
        guard node.kind == .mapping else {
            decoder.report(
                .error, at: node, "a document must be a Kubernetes object: a mapping with apiVersion and kind")
            contents.lost += decoder.findings
            return
        }
        var apiVersion = impliedType?.apiVersion
        var kind = impliedType?.kind
        decoder.field("apiVersion", of: node) { decoder, value in apiVersion = decoder.string(value) }
        decoder.field("kind", of: node) { decoder, value in kind = decoder.string(value) }
        guard let apiVersion, let kind, !kind.isEmpty else {
            if decoder.errorCount == 0 {
                decoder.report(.error, at: node, "the object has no apiVersion or no kind; ignored")
            }
            contents.lost += decoder.findings
            return
        }
        if kind.hasSuffix("List"), let items = node["items"], depth < Self.listDepth {
            let itemKind = String(kind.dropLast(4))
            var isList = true
            decoder.field("items", of: node) { decoder, value in
                isList = value.kind == .sequence
                if !isList { decoder.reportType(value, expected: "a list") }
            }
            if !isList { contents.lost += decoder.findings }
            for item in items.elements {
                let implied = itemKind.isEmpty ? nil : (apiVersion: apiVersion, kind: itemKind)
                read(item, file: file, impliedType: implied, depth: depth + 1, into: &contents)
            }
            return
        }
        guard let objectKind = ObjectKind(apiVersion: apiVersion, kind: kind) else {
            decoder.report(
                .warning, at: node["kind"] ?? node,
                "the mesh does not read objects of kind \(printable(kind)) (\(printable(apiVersion))); ignored")
            return
        }
        read(node, objectKind, &decoder, into: &contents)
    }

    private func read(
        _ node: YAMLNode, _ kind: ObjectKind, _ decoder: inout ObjectDecoder, into contents: inout Contents
    ) {
        decoder.objectName = kind.name
        guard let (key, metadata) = decoder.identity(of: node, kind) else {
            if kind.failsClosed { contents.lost += decoder.findings }
            return
        }
        let body: ManifestObject.Body
        switch kind {
        case .namespace, .node, .serviceAccount, .secret, .configMap: body = .metadataOnly
        case .pod: body = .pod(decoder.pod(node))
        case .service: body = .service(decoder.service(node, metadata))
        case .endpointSlice: body = .endpointSlice(decoder.endpointSlice(node, metadata))
        case .gateway: body = .gateway(decoder.gateway(node))
        case .authorizationPolicy: body = .authorizationPolicy(decoder.authorizationPolicy(node, key, metadata))
        case .peerAuthentication: body = .peerAuthentication(decoder.peerAuthentication(node, key, metadata))
        case .serviceEntry: body = .serviceEntry(decoder.serviceEntry(node, metadata))
        case .workloadEntry: body = .workloadEntry(decoder.workloadEntry(node))
        case .httpRoute, .grpcRoute, .tcpRoute, .tlsRoute, .virtualService, .destinationRule, .trafficSplit,
            .serviceProfile:
            body = keepsWaypointObjects || readsRoutes ? Self.routeBody(node, kind, &decoder) : .metadataOnly
        case .gatewayClass, .referenceGrant, .requestAuthentication: body = .metadataOnly
        case .backendTLSPolicy, .telemetry:
            body = .metadataOnly
            if keepsWaypointObjects || readsRoutes {
                decoder.report(.warning, at: node, "the mesh does not act upon objects of kind \(kind.name) yet")
            }
        }
        guard decoder.errorCount == 0 || kind.failsClosed else {
            contents.refused.append(key)
            return
        }
        contents.objects.append(
            ManifestObject(
                key: key, line: node.position.line, metadata: metadata, body: body,
                source: keepsWaypointObjects && kind != .pod && kind != .endpointSlice ? node : nil))
    }

    /// Reads what only waypoints read of routes.
    private static func routeBody(
        _ node: YAMLNode, _ kind: ObjectKind, _ decoder: inout ObjectDecoder
    ) -> ManifestObject.Body {
        switch kind {
        case .httpRoute, .grpcRoute, .tcpRoute, .tlsRoute: .route(decoder.gatewayRoute(node, kind))
        case .virtualService: .route(decoder.virtualService(node))
        case .destinationRule: .destinationRule(decoder.destinationRule(node))
        case .trafficSplit: .trafficSplit(decoder.trafficSplit(node))
        case .serviceProfile: .serviceProfile(decoder.serviceProfile(node))
        default: .metadataOnly
        }
    }
}
