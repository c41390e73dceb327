// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
package import Mesh

/// What is known of a connection when it is to be decided where it goes.
package struct OutboundRequest: Sendable {
    /// The pod it comes from; nil when nothing is known of it.
    package var source: WorkloadIndex?
    /// Where the pod connected to.
    package var destination: SocketAddress
    /// Endpoints that could not be connected to.
    package var tried = TriedWorkloads()
    /// The tunnel's own ports.
    package var illegalPorts = IllegalPorts()

    /// A first attempt.
    package init(source: WorkloadIndex?, destination: SocketAddress) {
        self.source = source
        self.destination = destination
    }
}
