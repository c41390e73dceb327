// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
internal import LinuxIO
internal import Manifest

extension WaypointOperator {
    /// What `delete` is to do.
    package struct DeleteOptions: Sendable {
        /// The waypoints.
        package var names: [WaypointName]
        /// Whether the label `istio.io/use-waypoint` goes too, from all objects that name one of them.
        package var removesLabels = false
        /// How long to wait until the proxies have ended, so that their pods can go; nil: ask once.
        package var timeout: Nanoseconds?

        /// Just these.
        package init(_ names: [WaypointName]) {
            self.names = names
        }
    }

    /// The waypoints of a namespace, of one revision if given.
    package func names(namespace: String, revision: String?) throws(OperatorError) -> [WaypointName] {
        FolderWaypoint.all(in: try folder.load())
            .filter { $0.name.namespace == namespace && (revision == nil || $0.revision == revision) }
            .map(\.name)
    }

    /// Takes waypoints out of the folder.
    package func delete(_ options: DeleteOptions) throws(OperatorError) {
        for name in options.names {
            let record = try folder.locked { () throws(OperatorError) in try removeGateway(name, options) }
            guard let record else {
                // A second call may still have pods to take away that were serving at the first.
                try removePods(name, FolderWaypoint.proxies(of: name, folder.load()), options)
                say("waypoint \(name) not found")
                continue
            }
            say("waypoint \(name) deleted")
            if !options.removesLabels, !record.users.isEmpty {
                warn(
                    "still labeled with \"\(WaypointLabel.use): \(name.name)\": "
                        + record.users.map(\.description).joined(separator: ", ")
                        + "; their traffic goes direct now; --unlabel takes the label off")
            }
            try removePods(name, record.proxies, options)
        }
    }

    /// Removes the Gateway, and of what `apply` made also the Service; labels before, if asked for.
    ///
    /// - Returns: what was there; nil when there is no such waypoint.
    private func removeGateway(
        _ name: WaypointName, _ options: DeleteOptions
    ) throws(OperatorError) -> FolderWaypoint? {
        let content = try folder.load()
        guard let record = FolderWaypoint.all(in: content).first(where: { $0.name == name }) else {
            if options.removesLabels { try unlabel(FolderWaypoint.users(of: name, content), content) }
            return nil
        }
        if options.removesLabels { try unlabel(record.users, content) }
        _ = try folder.edit(record.file) { text throws(OperatorError) in try text?.removingObject(name.gateway) }
        if content.entry(name.service)?.file == name.file {
            _ = try folder.edit(name.file) { text throws(OperatorError) in try text?.removingObject(name.service) }
        }
        return record
    }

    private func unlabel(
        _ users: [ObjectKey], _ content: ConfigurationFolder.Content
    ) throws(OperatorError) {
        for key in users {
            guard let entry = content.entry(key) else { continue }
            _ = try folder.edit(entry.file) { text throws(OperatorError) in
                try text?.removing(["metadata", "labels", WaypointLabel.useNamespace], of: key)
                    .removing(["metadata", "labels", WaypointLabel.use], of: key)
            }
            say("\(key) unlabeled")
        }
    }

    /// Removes the pods that `apply` made, when nothing serves there any more: tunnels close connections to pods that are gone.
    private func removePods(
        _ name: WaypointName, _ proxies: [FolderWaypoint.Proxy], _ options: DeleteOptions
    ) throws(OperatorError) {
        var left = proxies.filter { proxy in
            proxy.addresses.contains { WaypointManifest(name).podKey(at: $0) == proxy.key }
        }
        let deadline = options.timeout.map { MonotonicClock.now() + $0 }
        while !left.isEmpty {
            for proxy in left where probe(proxy) == .notRunning {
                try folder.locked { () throws(OperatorError) in
                    _ = try folder.edit(name.file) { text throws(OperatorError) in
                        try text?.removingObject(proxy.key)
                    }
                }
                left.removeAll { $0 == proxy }
            }
            guard let deadline, MonotonicClock.now() < deadline else { break }
            if !left.isEmpty { pause(Self.interval) }
        }
        guard !left.isEmpty else { return }
        warn(
            "\(left.map(\.key.description).joined(separator: ", ")) may still carry connections and stays in "
                + "\(name.file): end `ambit-waypoint run` (SIGTERM drains it), then delete again")
    }
}
