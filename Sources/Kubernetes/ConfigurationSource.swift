// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
package import LinuxIO
package import Manifest

/// Where the configuration comes from: a folder of manifests, or a cluster's API server.
///
/// Owned by one thread.
package final class ConfigurationSource {
    /// A folder in a box, because it cannot be copied.
    private final class Folder {
        var source: FolderSource
        init(_ source: consuming FolderSource) { self.source = source }
    }

    private enum Origin {
        case folder(Folder)
        case cluster(ClusterSource)
    }

    private let origin: Origin

    /// A folder.
    package init(_ folder: consuming FolderSource) {
        origin = .folder(Folder(folder))
    }

    /// A cluster.
    package init(_ cluster: ClusterSource) {
        origin = .cluster(cluster)
    }

    /// A cluster, reached as a kubeconfig says, or as `ClusterCredentials.find` finds out.
    ///
    /// - Throws: with a line that says what is wrong.
    package static func cluster(
        kubeconfig: String, options: ClusterSource.Options
    ) throws -> ConfigurationSource {
        let credentials = try ClusterCredentials.find(kubeconfig: kubeconfig, environment: ProcessEnvironment.value)
        let seed = UInt64(truncatingIfNeeded: WallClock.now())
        let keeper =
            options.stateDirectory.isEmpty
            ? nil
            : try SnapshotKeeper(directory: options.stateDirectory, credentials: credentials, kinds: options.kinds)
        return ConfigurationSource(try ClusterSource(credentials, options: options, keeper: keeper, seed: seed))
    }

    /// Waits until the source has told everything once: a folder at once, a cluster when its lists are complete.
    ///
    /// A cluster that does not answer is known from the snapshot of an earlier process, if there is one.
    ///
    /// - Parameter report: gets a line about each thing that it waits for.
    /// - Returns: nil when that takes too long or a signal ends the process; `waitingFor` says what was lacking.
    package func firstChange(_ signals: SignalQueue, report: (String) -> Void) -> FolderSource.Change? {
        first(signals, report: report) { self.follow(now: $0) }
    }

    private func first<Result>(
        _ signals: SignalQueue, report: (String) -> Void, poll: (MonotonicTime) -> Result?
    ) -> Result? {
        var reported: String?
        let start = MonotonicClock.now()
        var snapshotDeadline = start + ClusterSource.snapshotPatience
        while true {
            let now = MonotonicClock.now()
            if let result = poll(now) { return result }
            var deadline = start + ClusterSource.startTimeout
            if case .cluster(let cluster) = origin {
                deadline = cluster.patienceEnds
                if let trouble = cluster.trouble, trouble != reported {
                    report(trouble)
                    reported = trouble
                }
                if snapshotDeadline <= now {
                    snapshotDeadline = .distantFuture
                    do throws(KubernetesError) {
                        try cluster.restore()
                        continue
                    } catch .snapshot(.none) {
                        // The first start, or nobody wants one.
                    } catch {
                        report("\(error)")
                    }
                }
            }
            guard now < deadline else { return nil }
            let milliseconds = CInt(clamping: (min(deadline, snapshotDeadline) - now).milliseconds + 1)
            if signals.wait(alsoFor: descriptor, milliseconds: milliseconds).signal != nil { return nil }
        }
    }

    /// Readable when something may have changed.
    package var descriptor: CInt {
        switch origin {
        case .folder(let folder): folder.source.descriptor
        case .cluster(let cluster): cluster.descriptor
        }
    }

    /// When `follow` should be called next.
    package var deadline: MonotonicTime {
        switch origin {
        case .folder(let folder): folder.source.deadline
        case .cluster(let cluster): cluster.deadline
        }
    }

    /// What a first `follow` that gave nothing waits for.
    package var waitingFor: String {
        switch origin {
        case .folder: "the folder could not be read"
        case .cluster(let cluster): cluster.waitingFor
        }
    }

    /// The namespaces whose label enrols their pods, sorted; none of a folder, where nobody asks.
    package var enrolledNamespaces: [String] {
        switch origin {
        case .folder: []
        case .cluster(let cluster): cluster.enrolledNamespaces
        }
    }

    /// The annotation of a pod as it was last seen in the API; nil without one, and in a folder.
    package func annotation(_ name: String, of pod: PodReference) -> String? {
        guard case .cluster(let cluster) = origin else { return nil }
        let key = ObjectKey(kind: .pod, namespace: pod.namespace, name: pod.name)
        return cluster.objects.object(key)?.metadata.annotations[name]
    }

    /// Has something said of a pod in the API; a folder has nobody to tell.
    package func report(_ report: PodReport) {
        guard case .cluster(let cluster) = origin else { return }
        cluster.report(report)
    }

    /// When the snapshot in use was written, in seconds since 1970; nil while everything is known first-hand.
    package var snapshotTime: Int64? {
        switch origin {
        case .folder: nil
        case .cluster(let cluster): cluster.snapshotTime
        }
    }

    /// Takes the changes that made `descriptor` readable; `deadline` may be another afterwards.
    package func receiveEvents(now: MonotonicTime) {
        switch origin {
        case .folder(let folder): folder.source.receiveEvents(now: now)
        case .cluster(let cluster): cluster.receiveEvents(now: now)
        }
    }

    /// What the source says now; nil when nothing changed since the last call, findings included.
    ///
    /// - Complexity: as what has changed (`MeshTranslator.follow`).
    package func follow(now: MonotonicTime) -> FolderSource.Change? {
        switch origin {
        case .folder(let folder): folder.source.follow(now: now)
        case .cluster(let cluster): cluster.follow(now: now)
        }
    }
}
