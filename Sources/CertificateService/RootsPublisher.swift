// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Kubernetes
internal import LinuxIO
package import Telemetry

/// Keeps objects of a cluster in step with the roots of the CA that is served; of several replicas one writes, by a Lease.
///
/// They are a ConfigMap (`RootsConfigMap`) and, where it is asked for and the API server has the kind, a ClusterTrustBundle
/// (`RootsTrustBundle`). Whoever writes them may rotate the root in the CA's Secret as well (`SecretRotation`), each phase of
/// which needs that they are in step. What is somebody else's is left alone, and said so. Nothing else depends on them; an API server that is
/// away changes nothing.
///
/// ## Concurrency model
/// A thread of its own asks; what it has to say comes through a mailbox.
package final class RootsPublisher {
    /// Which objects, and who writes them.
    package struct Configuration: Sendable {
        /// The namespace of the ConfigMap, which is also the Lease's.
        package var namespace: String
        /// The ConfigMap's name.
        package var name: String
        /// The ClusterTrustBundle; nil for none.
        package var trustBundle: TrustBundleName?
        /// The rotation of the root in the Secret that holds the CA; nil for none.
        package var rotation: SecretRotation?
        /// Who asks for the Lease; no two processes may have the same.
        package var identity = ""

        /// Reads `NAMESPACE/NAME`; nil for anything else.
        package init?(_ text: String) {
            let parts = text.split(separator: "/", omittingEmptySubsequences: false)
            guard parts.count == 2, parts.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy(TrustBundleName.isOfName) })
            else { return nil }
            namespace = String(parts[0])
            name = String(parts[1])
        }

        /// As it was given.
        package var text: String { "\(namespace)/\(name)" }
    }

    private let orders: Mailbox<PublishingThread.Order>
    private var thread: WorkerThread?

    /// Starts the thread; nothing is written before `publish`.
    ///
    /// - Throws: when the thread or what it waits with cannot be had, with a line that says so.
    package init(
        _ configuration: Configuration, credentials: ClusterCredentials, log: LogLane, metrics: RotationMetrics
    ) throws {
        let orders = try Mailbox<PublishingThread.Order>()
        self.orders = orders
        let work = try PublishingThread(configuration, credentials, orders, log, metrics)
        thread = try WorkerThread(name: "ambit-roots") { work.run() }
    }

    /// These are the signer and the roots from now on.
    package func publish(_ roots: ServedRoots) {
        orders.post(.publish(roots))
    }

    /// Gives the Lease up, and waits until that is done.
    package func stop() {
        orders.post(.stop)
        thread.take()?.join()
    }
}
