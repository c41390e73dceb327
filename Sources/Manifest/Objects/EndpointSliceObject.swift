// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

/// What an EndpointSlice says, as far as the mesh wants to know.
package struct EndpointSliceObject: Equatable, Sendable {
    /// One endpoint.
    package struct Endpoint: Equatable, Sendable {
        /// The first of its addresses (Kubernetes: all are the same pod).
        package var address: IPAddress
        /// The Pod behind it (`targetRef`); empty when there is none.
        package var podName = ""
        /// The node; empty when unknown.
        package var nodeName = ""
        /// The zone; empty when unknown.
        package var zone = ""
        /// Condition `ready`; absent is ready.
        package var isReady = true
        /// Condition `serving`; absent is as `ready`.
        package var isServing = true
        /// Condition `terminating`; absent is not terminating.
        package var isTerminating = false
    }

    /// The Service it belongs to (label `kubernetes.io/service-name`); empty when to none.
    package var serviceName = ""
    /// The TCP port on the endpoints for each port name of the service; `""` for a port without a name.
    package var ports: [String: UInt16] = [:]
    /// The endpoints.
    package var endpoints: [Endpoint] = []
}
