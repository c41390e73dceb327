// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

/// What a Pod says, as far as the mesh wants to know.
package struct PodObject: Equatable, Sendable {
    /// `spec.nodeName`; empty while the pod has none.
    package var nodeName = ""
    /// `spec.serviceAccountName`.
    package var serviceAccountName = "default"
    /// `spec.hostNetwork`.
    package var isHostNetwork = false
    /// TCP ports of its containers that have a name.
    package var namedPorts: [String: UInt16] = [:]
    /// `status.podIPs`, or `status.podIP`.
    package var addresses: [IPAddress] = []
    /// Condition `Ready`; without any conditions, that the phase is `Running` or not given.
    package var isReady = true
    /// Phase `Succeeded` or `Failed`: nothing runs, and its address may belong to another pod already.
    package var isFinished = false
}
