// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

/// A connection that is open now.
package struct ConnectionRow: AdminRow {
    /// Names the connection for as long as it is open.
    package var id = ""
    /// The namespace of the pod on this node.
    package var namespace = ""
    /// The pod on this node.
    package var workload = ""
    /// Outbound is the source's side.
    package var reporter: Reporter
    /// The client's address.
    package var source: SocketAddress
    /// Where the client sent the connection.
    package var destination: SocketAddress
    /// Where the connection goes: the transport address of the far tunnel, or the application.
    package var transport: SocketAddress
    /// The host name of the service that was called.
    package var service = ""
    /// The other end's workload, as `namespace/name`.
    package var peer = ""
    /// The SPIFFE ID that the peer has proved.
    package var peerIdentity = ""
    /// `HBONE` or `TCP`.
    package var tunnelProtocol = "TCP"
    /// `connecting`, `open`, or `closing` when one side has finished.
    package var state = "open"
    /// How long it has been open.
    package var age = Nanoseconds(0)
    /// Bytes that this side sent to its peer.
    package var bytesSent: UInt64 = 0
    /// Bytes that this side received from its peer.
    package var bytesReceived: UInt64 = 0

    /// The least that is known of a connection.
    package init(
        _ reporter: Reporter, source: SocketAddress, destination: SocketAddress, transport: SocketAddress
    ) {
        self.reporter = reporter
        self.source = source
        self.destination = destination
        self.transport = transport
    }

    package var chosenBy: String? { namespace }

    package func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("id", id)
            json.member("namespace", namespace)
            json.member("workload", workload)
            json.member("direction", reporter.direction)
            json.member("src", source.description)
            json.member("originalDst", destination.description)
            json.member("actualDst", transport.description)
            json.member("service", service)
            json.member("peer", peer)
            json.member("peerIdentity", peerIdentity)
            json.member("protocol", tunnelProtocol)
            json.member("state", state)
            json.member("ageMilliseconds", age.milliseconds)
            json.member("bytesSent", bytesSent)
            json.member("bytesReceived", bytesReceived)
        }
    }
}
