// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Manifest
internal import Synchronization

/// Which pods run where, and as whom; kept up to date pod by pod.
///
/// ## Concurrency model
/// Guarded by a mutex: one thread sets, any thread asks.
final class PodIndex: Sendable {
    private struct Place: Sendable {
        let account: ServiceAccountName
        let node: String
    }

    private struct Tables: Sendable {
        var places: [ObjectKey: Place] = [:]
        /// Pods of an account on a node; no entry where there are none.
        var counts: [ServiceAccountName: [String: Int]] = [:]

        mutating func count(_ place: Place, _ change: Int) {
            let now = (counts[place.account]?[place.node] ?? 0) + change
            counts[place.account, default: [:]][place.node] = now > 0 ? now : nil
            if counts[place.account]?.isEmpty == true { counts[place.account] = nil }
        }
    }

    private let tables = Lock(Tables())

    /// Takes a pod as it is now, or nil when it is gone.
    ///
    /// A pod that has no node yet, and one that has finished, runs nowhere.
    func set(_ key: ObjectKey, _ object: ManifestObject?) {
        var new: Place?
        if case .pod(let pod) = object?.body, !pod.nodeName.isEmpty, !pod.isFinished {
            let account = ServiceAccountName(namespace: key.namespace, name: pod.serviceAccountName)
            new = Place(account: account, node: pod.nodeName)
        }
        tables.withLock { tables in
            if let old = tables.places.removeValue(forKey: key) { tables.count(old, -1) }
            guard let new else { return }
            tables.places[key] = new
            tables.count(new, 1)
        }
    }

    /// Whether a pod of `account` runs, or is about to run, on `node`.
    func runsPod(of account: ServiceAccountName, onNode node: String) -> Bool {
        tables.withLock { $0.counts[account]?[node] != nil }
    }

    /// The node of a pod that runs as `account`; nil when there is no such pod.
    func node(ofPod name: String, of account: ServiceAccountName) -> String? {
        let key = ObjectKey(kind: .pod, namespace: account.namespace, name: name)
        guard let place = tables.withLock({ $0.places[key] }), place.account == account else { return nil }
        return place.node
    }
}
