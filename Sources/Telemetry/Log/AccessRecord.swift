// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

/// One end of a connection in the access log; what is empty is left out.
package struct AccessPeer: Sendable {
    /// The pod's name.
    package var workload = ""
    /// The namespace.
    package var namespace = ""
    /// The SPIFFE ID; only from a handshake of mutual TLS.
    package var identity = ""
    /// The cluster.
    package var cluster = ""

    /// All unknown.
    package init() {}

    /// What is known of one end.
    package init(workload: String, namespace: String, identity: String, cluster: String) {
        self.workload = workload
        self.namespace = namespace
        self.identity = identity
        self.cluster = cluster
    }
}

/// One event of a connection, for the access log.
package struct AccessRecord: Sendable {
    /// What happened.
    package enum Event: Sendable {
        /// The upstream is connected.
        case opened
        /// The connection has been open for long.
        case progress
        /// The connection is over, well or not.
        case complete
        /// The connection was refused before much was known about it.
        case failed
    }

    /// What happened.
    package var event: Event
    /// Whether this is the client's or the server's side.
    package var reporter: Reporter
    /// The client's address.
    package var sourceAddress: SocketAddress
    /// The client.
    package var source = AccessPeer()
    /// The transport address of the server's side: port 15008 for HBONE.
    package var destinationAddress: SocketAddress
    /// The authority of the CONNECT, an address or a host name with a port; nil when the connection is not HBONE.
    package var authority: String?
    /// Host name of the service that was called.
    package var destinationService = ""
    /// The server.
    package var destination = AccessPeer()
    /// Bytes that this side sent to its peer.
    package var bytesSent: UInt64 = 0
    /// Bytes that this side received from its peer.
    package var bytesReceived: UInt64 = 0
    /// How long the connection has been open.
    package var duration = Nanoseconds(0)
    /// Why it failed; empty when it did not.
    package var error = ""

    /// The least that is known of every connection.
    package init(
        _ event: Event, _ reporter: Reporter, source sourceAddress: SocketAddress,
        destination destinationAddress: SocketAddress
    ) {
        self.event = event
        self.reporter = reporter
        self.sourceAddress = sourceAddress
        self.destinationAddress = destinationAddress
    }

    /// The level at which the event is logged.
    package var level: LogLevel {
        switch event {
        case .opened: .debug
        case .progress: .info
        case .complete: error.isEmpty ? .info : .error
        case .failed: .warn
        }
    }
}
