// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// Why a connection was not served: one value of the label `reason` of `ambit_refusals_total` each.
///
/// Every end that a connection does not reach by itself is one of these, also when it comes before anything is known of
/// the two ends.
package enum RefusalReason: UInt8, CaseIterable, Sendable {
    /// The pod that the connection comes from is not known.
    case unknownSource
    /// The connection asks for a pod or a port that is not served here.
    case unknownDestination
    /// The connection goes to one of our own ports: a loop.
    case loop
    /// An authorization policy denied it.
    case policyDenied
    /// Policies allow some connections, and not this one.
    case policyNotAllowed
    /// The workload accepts mutual TLS only.
    case plaintextRefused
    /// The client's handshake was not TLS, or was broken.
    case handshakeFailed
    /// A handshake took too long.
    case handshakeTimeout
    /// The peer's certificate is not one of the mesh, expired, or of the wrong use.
    case certificateRejected
    /// The peer's certificate is revoked.
    case certificateRevoked
    /// The peer has an identity, and not the one that the destination must have.
    case identityMismatch
    /// We have no certificate for the identity.
    case noCertificate
    /// No endpoint of the service is ready.
    case noHealthyUpstream
    /// The waypoint is not known or not ready.
    case noWaypoint
    /// The destination refused to be connected.
    case connectRefused
    /// Connecting timed out.
    case connectTimeout
    /// The destination or its network reset the attempt or was not reachable.
    case connectFailed
    /// The far tunnel answered the CONNECT with a status other than 200.
    case tunnelRefused
    /// The far tunnel did not answer the CONNECT in time.
    case tunnelTimeout
    /// The peer broke HTTP/2 or HBONE.
    case protocolViolation
    /// The pod has as many connections as it may have.
    case connectionLimit
    /// The pod has as many handshakes in flight as it may have.
    case handshakeLimit
    /// The pod opens connections faster than it may.
    case rateLimit
    /// The pod's buffers are full.
    case bufferLimit
    /// The memory ceiling of the tunnel is reached.
    case memoryCeiling
    /// The tunnel is out of file descriptors.
    case outOfDescriptors
    /// The tunnel is about to end.
    case draining
    /// A bound on the life of a connection was reached: idle, half-closed or drained for too long.
    case timeout

    /// The value of the label.
    package var label: String {
        switch self {
        case .unknownSource: "unknown_source"
        case .unknownDestination: "unknown_destination"
        case .loop: "loop"
        case .policyDenied: "policy_denied"
        case .policyNotAllowed: "policy_not_allowed"
        case .plaintextRefused: "plaintext_refused"
        case .handshakeFailed: "handshake_failed"
        case .handshakeTimeout: "handshake_timeout"
        case .certificateRejected: "certificate_rejected"
        case .certificateRevoked: "certificate_revoked"
        case .identityMismatch: "identity_mismatch"
        case .noCertificate: "no_certificate"
        case .noHealthyUpstream: "no_healthy_upstream"
        case .noWaypoint: "no_waypoint"
        case .connectRefused: "connect_refused"
        case .connectTimeout: "connect_timeout"
        case .connectFailed: "connect_failed"
        case .tunnelRefused: "tunnel_refused"
        case .tunnelTimeout: "tunnel_timeout"
        case .protocolViolation: "protocol_violation"
        case .connectionLimit: "connection_limit"
        case .handshakeLimit: "handshake_limit"
        case .rateLimit: "rate_limit"
        case .bufferLimit: "buffer_limit"
        case .memoryCeiling: "memory_ceiling"
        case .outOfDescriptors: "out_of_descriptors"
        case .draining: "draining"
        case .timeout: "timeout"
        }
    }
}
