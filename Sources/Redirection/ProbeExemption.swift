// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import LinuxIO

/// Writes and removes what exempts the kubelet's probes on a node: two tables in the node's network namespace.
///
/// It owns a handle on the process's own network namespace. The thread is in the node's only while sockets are opened.
///
/// ## Concurrency model
/// As `PodRedirection`.
package struct ProbeExemption: ~Copyable, Sendable {
    private let own: NetworkNamespace

    /// Remembers the namespace of the calling thread as the one to return to.
    package init() throws(RedirectionError) {
        do { own = try NetworkNamespace.own() } catch { throw .namespace(error) }
    }

    /// Makes the tables of a node those of `plan`, whatever they were.
    ///
    /// Who must not use the probe address is kept from it before anybody gets it. Pods that come and go change the set of
    /// addresses alone. The level of a control group counts from the root of the calling thread's control group namespace
    /// (Linux 6.11): call it in that of the node.
    ///
    /// - Complexity: about fifteen system calls; 0.4 ms when pods come, 10 ms when pods go or the kubelet is another one.
    package func apply(_ plan: ProbePlan, in namespace: borrowing NetworkNamespace) throws(RedirectionError) {
        let tables = try connect(to: namespace)
        try RedirectionError.retrying { () throws(RedirectionError) in try tables.bridge.replace(with: plan.bridge) }
        try RedirectionError.retrying { () throws(RedirectionError) in try tables.node.replace(with: plan.table) }
    }

    /// Tries whether the kernel takes the rules, by writing those of a node without pods and removing them again.
    ///
    /// Rules that are there already have answered that, and stay.
    package func attempt(_ kubelet: ControlGroup, in namespace: borrowing NetworkNamespace) throws(RedirectionError) {
        let tables = try connect(to: namespace)
        let isThere = try RedirectionError.retrying { () throws(RedirectionError) in
            let flags = [try tables.node.flags(), try tables.bridge.flags()]
            return !flags.contains(nil)
        }
        guard !isThere else { return }
        try apply(ProbePlan(kubelet: kubelet, pods: []), in: namespace)
        try remove(in: namespace)
    }

    /// Takes the tables of a node away; succeeds when there are none.
    package func remove(in namespace: borrowing NetworkNamespace) throws(RedirectionError) {
        let tables = try connect(to: namespace)
        try RedirectionError.retrying { () throws(RedirectionError) in try tables.node.remove() }
        try RedirectionError.retrying { () throws(RedirectionError) in try tables.bridge.remove() }
    }

    private struct Tables: ~Copyable {
        let node: NetfilterTable
        let bridge: NetfilterTable
    }

    private func connect(to namespace: borrowing NetworkNamespace) throws(RedirectionError) -> Tables {
        try namespace.within(returningTo: own, orThrow: { .namespace($0) }) { () throws(RedirectionError) in
            try Tables(node: NetfilterTable(.node), bridge: NetfilterTable(.bridge))
        }
    }
}
