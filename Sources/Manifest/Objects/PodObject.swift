// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

/// What a Pod says, as far as the mesh wants to know.
package struct PodObject: Equatable, Sendable {
    /// Most pods have one address: it needs no memory of its own.
    private enum Addresses: Equatable, Sendable {
        case one(IPAddress)
        case any([IPAddress])
    }

    /// `spec.nodeName`; empty while the pod has none.
    package var nodeName = ""
    /// `spec.serviceAccountName`.
    package var serviceAccountName = "default"
    /// TCP ports of its containers that have a name.
    package var namedPorts: [String: UInt16] = [:]
    /// `status.podIPs`, or `status.podIP`.
    package var addresses: [IPAddress] {
        get {
            switch held {
            case .one(let address): [address]
            case .any(let addresses): addresses
            }
        }
        set { held = newValue.count == 1 ? .one(newValue[0]) : .any(newValue) }
    }
    private var held = Addresses.any([])
    /// `spec.hostNetwork`.
    package var isHostNetwork = false
    /// Condition `Ready`; without any conditions, that the phase is `Running` or not given.
    package var isReady = true
    /// Phase `Succeeded` or `Failed`: nothing runs, and its address may belong to another pod already.
    package var isFinished = false
}
