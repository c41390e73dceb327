// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Glibc
package import LinuxIO

/// Writes, removes and checks the redirection of pods.
///
/// It owns a handle on the process's own network namespace and nothing of the pods: each call opens two netlink sockets
/// in the pod's namespace, talks through them and closes them. The thread is in the pod's namespace only while the
/// sockets are opened.
///
/// ## Concurrency model
/// Stateless but for an immutable handle: any thread may call, also for the same pod at the same time, as may another
/// process. The kernel orders the transactions and the last one stands. No call suspends; each blocks for the kernel's work
/// alone (measured: docs/redirection.md#cost), so call it from a control thread, not from a worker.
package struct PodRedirection: ~Copyable, Sendable {
    private let own: NetworkNamespace

    /// Remembers the namespace of the calling thread as the one to return to.
    package init() throws(RedirectionError) {
        do { own = try NetworkNamespace.own() } catch { throw .namespace(error) }
    }

    /// Makes the rules and routes of a pod those of `plan`, whatever they were.
    ///
    /// The rules change in one transaction: no packet meets half of them. Routes come first, so that a connection captured
    /// at once finds its way back. Live connections stay as they are. Rules that are right already stay, with what their
    /// counters have counted.
    ///
    /// - Throws: `.loopbackDown` before anything was changed; any other error leaves the old rules in force, and perhaps
    ///   the routes, which do nothing without rules. `isTransient` tells whether a later call may succeed.
    /// - Complexity: about twenty system calls. 0.4 ms for a new pod or one that is right already, 10 ms to change rules,
    ///   which are spent waiting (measured: docs/redirection.md#cost).
    package func apply(_ plan: RedirectionPlan, in namespace: borrowing NetworkNamespace) throws(RedirectionError) {
        let kernel = try connect(to: namespace)
        try RedirectionError.retrying { () throws(RedirectionError) in
            let loopback = try kernel.routing.loopback()
            guard loopback.isUp else { throw .loopbackDown }
            try kernel.routing.add(plan, by: loopback)
        }
        try RedirectionError.retrying { () throws(RedirectionError) in try kernel.table.replace(with: plan.table) }
    }

    /// Takes the rules and routes of a pod away; succeeds when there are none.
    ///
    /// Connections that are captured break, because the kernel stops translating their addresses: apply `plan.draining`
    /// first and wait for them to end.
    ///
    /// - Parameter plan: tells the mark, the table and the preference of the routes.
    package func remove(_ plan: RedirectionPlan, in namespace: borrowing NetworkNamespace) throws(RedirectionError) {
        let kernel = try connect(to: namespace)
        try RedirectionError.retrying { () throws(RedirectionError) in
            try kernel.table.remove()
        }
        try RedirectionError.retrying { () throws(RedirectionError) in
            try kernel.routing.remove(plan, by: try kernel.routing.loopback())
        }
    }

    /// Compares the rules and routes of a pod with `plan`, changing nothing.
    ///
    /// - Returns: the differences, empty when a call of `apply` would change nothing but counters.
    package func verify(
        _ plan: RedirectionPlan, in namespace: borrowing NetworkNamespace
    ) throws(RedirectionError) -> [RedirectionDifference] {
        let kernel = try connect(to: namespace)
        return try RedirectionError.retrying { () throws(RedirectionError) in
            let loopback = try kernel.routing.loopback()
            return try kernel.table.differences(from: plan.table)
                + kernel.routing.differences(from: plan, by: loopback) + (loopback.isUp ? [] : [.loopbackDown])
        }
    }

    private struct Kernel: ~Copyable {
        let table: NetfilterTable
        let routing: PolicyRouting
    }

    private func connect(to namespace: borrowing NetworkNamespace) throws(RedirectionError) -> Kernel {
        try namespace.within(returningTo: own, orThrow: { .namespace($0) }) { () throws(RedirectionError) in
            try Kernel(table: NetfilterTable(.pod), routing: PolicyRouting())
        }
    }
}
