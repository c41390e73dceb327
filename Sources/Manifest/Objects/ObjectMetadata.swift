// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Mesh

/// What every object says about itself (`metadata`).
package struct ObjectMetadata: Equatable, Sendable {
    /// The UID, where it is one of those that name a pod's cgroup.
    package var uid: PodUID?
    /// Whether the object is being deleted.
    package var isDeleting = false
    /// The labels.
    package var labels: [String: String] = [:]
    /// The annotations.
    package var annotations: [String: String] = [:]
    /// Seconds since 1970; 0 when unknown.
    package var creationTimestamp: Int64 = 0
    /// The object that made this one: the owner that is its controller.
    package var controller: OwnerReference?

    /// An owner, as far as the name of a workload needs it.
    package struct OwnerReference: Equatable, Sendable {
        /// Its kind, as in `ReplicaSet`.
        package var kind: String
        /// Its name.
        package var name: String
    }
}
