// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Kubernetes
internal import LinuxIO
internal import Manifest

extension ClusterWaypoints {
    /// Makes or changes a waypoint.
    ///
    /// - Throws: also when it did not get ready in time; what was written stays then, and the namespace's label as it was.
    package func apply(_ options: WaypointOperator.ApplyOptions) throws(OperatorError) {
        let name = options.manifest.name
        if options.enrollsNamespace { _ = try checkedLabels(options) }
        if try find(name) == nil { try refuseStranger(name) }
        let query = "?fieldManager=\(Self.fieldManager)&force=false"
        let answer = try ask(
            APIRequest(
                .patch, Self.path(.gateway, name.namespace, name.name) + query, "application/apply-patch+yaml",
                Array(options.manifest.gateway.json.utf8)))
        guard answer.isGood else { throw Self.refusal(answer, "Gateway \(name)") }
        say("✅ waypoint \(name) applied")
        if let timeout = options.timeout { try wait(name, timeout) }
        guard options.enrollsNamespace else { return }
        try enroll(options)
    }

    /// A Gateway of another class under the same name is somebody else's.
    private func refuseStranger(_ name: WaypointName) throws(OperatorError) {
        let answer = try ask(APIRequest(.get, Self.path(.gateway, name.namespace, name.name)))
        guard answer.isGood else { return }
        throw OperatorError("Gateway \(name) is of another class, no waypoint; choose another --name")
    }

    private func wait(_ name: WaypointName, _ timeout: Nanoseconds) throws(OperatorError) {
        let deadline = MonotonicClock.now() + timeout
        while true {
            let found = try find(name)
            if found?.isProgrammed == true { return say("✅ waypoint \(name) is ready!") }
            guard MonotonicClock.now() < deadline else {
                let programmed = found?.rows.first { $0.type == "Programmed" }
                let reason = programmed.map { "\($0.reason): \($0.message)" } ?? "the Gateway is gone"
                throw OperatorError("waypoint \(name) did not get ready in time, traffic goes direct: \(reason)")
            }
            pause(Self.interval)
        }
    }

    // MARK: - The namespace

    /// The namespace's labels, if they allow what is asked for.
    private func checkedLabels(_ options: WaypointOperator.ApplyOptions) throws(OperatorError) -> [String: String] {
        let name = options.manifest.name
        let answer = try ask(APIRequest(.get, Self.path(.namespace, "", name.namespace)))
        guard answer.isGood else { throw Self.refusal(answer, "namespace \(name.namespace)") }
        var labels: [String: String] = [:]
        if let written = try object(answer)["metadata"]?["labels"] {
            for (key, value) in written.entries { labels[key.text] = value.text }
        }
        guard !options.overwrites, let use = labels[WaypointLabel.use], !use.isEmpty else { return labels }
        let namespace = labels[WaypointLabel.useNamespace] ?? name.namespace
        guard use != name.name || namespace != name.namespace else { return labels }
        throw OperatorError(
            "namespace \(name.namespace) is labeled with \"\(WaypointLabel.use): \(use)\" already; "
                + "--overwrite changes that")
    }

    private func enroll(_ options: WaypointOperator.ApplyOptions) throws(OperatorError) {
        let name = options.manifest.name
        let labels = try checkedLabels(options)
        // A label for another namespace's waypoint would turn the new one into nonsense.
        let change: [(key: String, value: ManifestValue)] = [
            (WaypointLabel.use, .text(name.name)), (WaypointLabel.useNamespace, .scalar("", .null)),
        ]
        try label(ObjectKey(kind: .namespace, namespace: "", name: name.namespace), change)
        say("✅ namespace \(name.namespace) labeled with \"\(WaypointLabel.use): \(name.name)\"")
        if labels[WaypointLabel.dataplaneMode] != "ambient" {
            warn(
                "namespace \(name.namespace) is not enrolled in the mesh: only traffic of pods that are goes through "
                    + "the waypoint; the label \(WaypointLabel.dataplaneMode): ambient enrols it")
        }
    }

    /// Sets labels of an object; null takes one off.
    func label(_ key: ObjectKey, _ labels: [(key: String, value: ManifestValue)]) throws(OperatorError) {
        let patch = ManifestValue.mapping([("metadata", .mapping([("labels", .mapping(labels))]))])
        let path = Self.path(key.kind, key.namespace, key.name) + "?fieldManager=\(Self.fieldManager)"
        let answer = try ask(
            APIRequest(.patch, path, "application/merge-patch+json", Array(patch.json.utf8)))
        guard answer.isGood else { throw Self.refusal(answer, "\(key)") }
    }
}
