// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Mesh

/// The workloads that could not be connected to for one connection: not chosen again.
///
/// Positions of one snapshot: ask the same snapshot again, or start anew with another.
package struct TriedWorkloads: Equatable, Sendable {
    /// How many fit: a connection that failed so often is given up (our choice; ztunnel tries one).
    package static let capacity = 4

    private var first: WorkloadIndex?
    private var second: WorkloadIndex?
    private var third: WorkloadIndex?
    private var fourth: WorkloadIndex?
    /// How many there are.
    package private(set) var count = 0

    /// None.
    package init() {}

    /// Whether a workload is among them.
    package func contains(_ workload: WorkloadIndex) -> Bool {
        if count == 0 { return false }
        return first == workload || second == workload || third == workload || fourth == workload
    }

    /// Remembers a workload.
    ///
    /// - Returns: whether it fitted; when not, the connection is to be given up.
    package mutating func insert(_ workload: WorkloadIndex) -> Bool {
        if contains(workload) { return true }
        switch count {
        case 0: first = workload
        case 1: second = workload
        case 2: third = workload
        case 3: fourth = workload
        default: return false
        }
        count += 1
        return true
    }
}
