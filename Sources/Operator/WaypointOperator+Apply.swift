// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
internal import LinuxIO
internal import Manifest
internal import Mesh

extension WaypointOperator {
    /// What `apply` is to do.
    package struct ApplyOptions: Sendable {
        /// The waypoint.
        package var manifest: WaypointManifest
        /// Addresses at which proxies run that no pod in the folder stands for.
        package var addresses: [IPAddress] = []
        /// The service account of pods made for `addresses`; the waypoint's name unless given (as in Istio).
        package var serviceAccount = ""
        /// Whether the namespace gets the label `istio.io/use-waypoint`.
        package var enrollsNamespace = false
        /// Whether that label may be changed when it names another waypoint.
        package var overwrites = false
        /// How long to wait for a proxy that is ready; nil: ask once.
        package var timeout: Nanoseconds?
        /// Whether to take the proxies as ready without asking.
        package var assumesReady = false

        /// Just the Gateway.
        package init(_ manifest: WaypointManifest) {
            self.manifest = manifest
        }
    }

    /// Makes or changes a waypoint.
    ///
    /// - Throws: also when no proxy got ready in time; what was written stays then, and traffic is left as it was.
    package func apply(_ options: ApplyOptions) throws(OperatorError) {
        let name = options.manifest.name
        try folder.locked { () throws(OperatorError) in
            try checkLabel(options)
            try write(options)
        }
        say("✅ waypoint \(name) applied")
        let isReady = try isReady(options)
        if isReady {
            try folder.locked { () throws(OperatorError) in try program(options.manifest) }
            if options.timeout != nil { say("✅ waypoint \(name) is ready!") }
        }
        guard options.enrollsNamespace else { return }
        // All who follow the folder shall know the waypoint, the waypoint itself above all, before traffic is sent to it.
        if isReady { pause(Self.settlingTime) }
        try folder.locked { () throws(OperatorError) in try enroll(options) }
    }

    // MARK: - The waypoint's objects

    private func write(_ options: ApplyOptions) throws(OperatorError) {
        let manifest = options.manifest
        let content = try folder.load()
        var missing: [ManifestValue] = []
        if let entry = content.entry(manifest.name.gateway) {
            guard case .gateway(let gateway) = entry.object.body, gateway.isWaypoint else {
                throw OperatorError(
                    "Gateway \(manifest.name) in \(entry.file) is of another class, no waypoint; choose another --name")
            }
            _ = try label(entry, manifest.labels)
        } else {
            missing.append(manifest.gateway)
        }
        if let entry = content.entry(manifest.name.service) {
            guard case .service(let service) = entry.object.body,
                service.selector[WaypointLabel.gatewayName] == manifest.name.name
            else {
                throw OperatorError(
                    "Service \(manifest.name) in \(entry.file) is not the waypoint's (its selector lacks "
                        + "\(WaypointLabel.gatewayName): \(manifest.name.name)); choose another --name")
            }
        } else {
            missing.append(manifest.service)
        }
        for address in options.addresses {
            let owner = content.entries.first { entry in
                guard case .pod(let pod) = entry.object.body, !pod.isFinished else { return false }
                return pod.addresses.contains(address)
            }
            if let owner {
                guard owner.object.key.namespace == manifest.name.namespace else {
                    throw OperatorError(
                        "--address \(address) is that of \(owner.object.key), in another namespace than the waypoint")
                }
                _ = try label(owner, manifest.podLabels)
            } else {
                let account = options.serviceAccount.isEmpty ? manifest.name.name : options.serviceAccount
                missing.append(manifest.pod(at: address, serviceAccount: account))
            }
        }
        guard !missing.isEmpty else { return }
        _ = try folder.edit(manifest.name.file) { text throws(OperatorError) in
            var result = text
            for value in missing { result = try Self.appending(value, to: result) }
            return result
        }
    }

    // MARK: - Readiness

    private func isReady(_ options: ApplyOptions) throws(OperatorError) -> Bool {
        let name = options.manifest.name
        let deadline = options.timeout.map { MonotonicClock.now() + $0 }
        while true {
            let content = try folder.load()
            let proxies = FolderWaypoint.proxies(of: name, content)
            let problem: String
            if proxies.isEmpty {
                problem =
                    "no pod carries the label \(WaypointLabel.gatewayName): \(name.name); label one, or give "
                    + "--address IP where `ambit-waypoint run` serves"
            } else if options.assumesReady {
                return true
            } else {
                let answers = proxies.map { ($0, probe($0)) }
                if answers.contains(where: { $0.1 == .ready }) { return true }
                problem = answers.map { "\($0.0.key) \(Self.text($0.1))" }.joined(separator: ", ")
            }
            guard let deadline else {
                warn("waypoint \(name) is not programmed yet, traffic goes direct: \(problem); then apply again")
                return false
            }
            guard MonotonicClock.now() < deadline else {
                throw OperatorError("waypoint \(name) did not get ready in time, traffic goes direct: \(problem)")
            }
            pause(Self.interval)
        }
    }

    /// An answer, as the end of a sentence about a pod.
    static func text(_ readiness: Readiness) -> String {
        switch readiness {
        case .ready: "is ready"
        case .notReady(let reason): reason.isEmpty ? "is not ready" : "is not ready (\(reason))"
        case .notRunning: "does not answer: start `ambit-waypoint run` there"
        case .unreachable(let reason): "cannot be asked from here (\(reason)); --assume-ready does not ask"
        }
    }

    private func program(_ manifest: WaypointManifest) throws(OperatorError) {
        let content = try folder.load()
        guard let record = FolderWaypoint.all(in: content).first(where: { $0.name == manifest.name }) else {
            throw OperatorError("Gateway \(manifest.name) is not in the folder any more; apply again")
        }
        // Addresses that lead to its pods are right as they are, whoever wrote them.
        if record.addresses.contains(manifest.name.hostname) { return }
        let isLeading = record.addresses.compactMap { IPAddress($0) }.contains { address in
            record.proxies.contains { $0.addresses.contains(address) }
                || content.model.services.contains { service in service.vips.contains { $0.contains(address) } }
        }
        if isLeading { return }
        _ = try folder.edit(record.file) { text throws(OperatorError) in
            try text?.setting(["status", "addresses"], of: manifest.name.gateway, to: manifest.addresses)
        }
    }

    // MARK: - The namespace

    private func checkLabel(_ options: ApplyOptions) throws(OperatorError) {
        let name = options.manifest.name
        guard options.enrollsNamespace, !options.overwrites else { return }
        let content = try folder.load()
        let key = ObjectKey(kind: .namespace, namespace: "", name: name.namespace)
        guard let labels = content.entry(key)?.object.metadata.labels, let use = labels[WaypointLabel.use],
            !use.isEmpty
        else { return }
        let namespace = labels[WaypointLabel.useNamespace] ?? name.namespace
        guard use != name.name || namespace != name.namespace else { return }
        throw OperatorError(
            "namespace \(name.namespace) is labeled with \"\(WaypointLabel.use): \(use)\" already; "
                + "--overwrite changes that")
    }

    private func enroll(_ options: ApplyOptions) throws(OperatorError) {
        let name = options.manifest.name
        let key = ObjectKey(kind: .namespace, namespace: "", name: name.namespace)
        let wanted = [(key: WaypointLabel.use, value: name.name)]
        try checkLabel(options)
        let content = try folder.load()
        if let entry = content.entry(key) {
            _ = try folder.edit(entry.file) { text throws(OperatorError) in
                // A label for another namespace's waypoint would turn the new one into nonsense.
                let text = try text?.removing(["metadata", "labels", WaypointLabel.useNamespace], of: key)
                return try text?.setting(
                    ["metadata", "labels", WaypointLabel.use], of: key, to: .text(name.name))
            }
        } else {
            _ = try folder.edit("namespace_\(name.namespace).yaml") { text throws(OperatorError) in
                try Self.appending(WaypointManifest.namespace(name.namespace, labels: wanted), to: text)
            }
        }
        say("✅ namespace \(name.namespace) labeled with \"\(WaypointLabel.use): \(name.name)\"")
        if content.entry(key)?.object.metadata.labels[WaypointLabel.dataplaneMode] != "ambient" {
            warn(
                "namespace \(name.namespace) is not enrolled in the mesh: only traffic of pods that are goes through "
                    + "the waypoint; the label \(WaypointLabel.dataplaneMode): ambient enrols it")
        }
    }
}
