// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// A workload behind a service.
package struct Endpoint: Equatable, Sendable {
    /// The service.
    package var service: ServiceKey
    /// The workload's `uid`.
    package var workloadUID: String
    /// The port on the workload for each service port; a service port that is absent falls back to the service's own.
    package var ports: [UInt16: UInt16]
    /// EndpointSlice condition `ready`.
    package var isReady: Bool
    /// EndpointSlice condition `serving`: like ready, but also while terminating.
    package var isServing: Bool
    /// EndpointSlice condition `terminating`: takes new connections only while it serves and no other
    /// endpoint is ready, or when the service publishes unready addresses.
    package var isTerminating: Bool

    /// A ready endpoint with the service's own ports; the rest is set afterwards.
    package init(service: ServiceKey, workloadUID: String, ports: [UInt16: UInt16] = [:], isReady: Bool = true) {
        self.service = service
        self.workloadUID = workloadUID
        self.ports = ports
        self.isReady = isReady
        isServing = isReady
        isTerminating = false
    }
}
