// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

/// What a node must know about one of its pods to capture its traffic; not needed for any decision about a connection.
package struct Enrollment: Equatable, Sendable {
    /// The workload's `uid`.
    package var workloadUID: String
    /// Whether its traffic is to be captured (label `istio.io/dataplane-mode`, pod before namespace).
    package var isEnrolled: Bool
    /// Path of its network namespace (annotation `ambit.dev/netns` in a folder); nil in a folder is the tunnel's own namespace.
    package var networkNamespacePath: String?
    /// The pod's UID, by which its namespace is found in a cluster; nil when it has none that could name a cgroup.
    package var podUID: PodUID?
    /// The pod's addresses, which its namespace must have.
    package var addresses: [IPAddress] = []
    /// Destination ports of connections to the pod that are left alone.
    package var excludedInboundPorts: [ClosedRange<UInt16>]
    /// Destination ports of connections of the pod that are left alone.
    package var excludedOutboundPorts: [ClosedRange<UInt16>]
    /// Source addresses of connections to the pod that are left alone.
    package var excludedInboundCIDRs: [CIDR]
    /// Destination addresses of connections of the pod that are left alone.
    package var excludedOutboundCIDRs: [CIDR]

    /// An enrollment without exclusions.
    package init(workloadUID: String, isEnrolled: Bool, networkNamespacePath: String?) {
        self.workloadUID = workloadUID
        self.isEnrolled = isEnrolled
        self.networkNamespacePath = networkNamespacePath
        excludedInboundPorts = []
        excludedOutboundPorts = []
        excludedInboundCIDRs = []
        excludedOutboundCIDRs = []
    }
}
