// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import HBONE
internal import HTTP2
internal import LinuxIO
internal import Routing
internal import TLS
internal import Telemetry

/// How a connection ended: what the log says, which flag the metric carries, what the peer is told.
enum ConnectionEnd {
    /// Both sides finished in an orderly way.
    case complete
    /// The application's connection broke, or could not be made.
    case applicationFailed(errno: CInt)
    /// The peer reset the stream.
    case resetByPeer(HTTP2ErrorCode)
    /// The HBONE connection that carried it ended.
    case connectionFailed(HBONEError)
    /// The far side answered CONNECT with this status.
    case status(Int)
    /// A policy refuses it; the text names the rule.
    case denied(String, RefusalReason)
    /// A policy change took the permission away; the text names the rule.
    case deniedLate(String)
    /// It cannot be carried.
    case refused(Refusal)
    /// A phase took longer than it may.
    case timedOut(Timeout)
    /// The pod left the mesh or the process ends.
    case drained
    /// The workload at the other end is not in the configuration any more.
    case destinationGone

    /// What a time-out waited for.
    enum Timeout {
        case connect
        case handshake
        case response
        case halfClose
        case idle
    }

    /// Why a connection was not carried.
    enum Refusal {
        /// The pod is not in the configuration (yet).
        case unknownWorkload
        /// Addressed to one of our own ports.
        case selfCall
        /// No service has the name that a forward leads to, or it has no address.
        case unknownTarget(String)
        /// The routing decision refused it; the text says why.
        case route(String, RefusalReason)
        /// The pod has as many connections as it may.
        case podLimit
        /// The pod opens connections faster than it may.
        case rateLimit
        /// As many bytes wait for the pod's slow sockets as may.
        case bufferLimit
        /// The pod has as many handshakes in flight as it may.
        case handshakeLimit
        /// Too many bytes wait for slow sockets.
        case memory
        /// No certificate has been issued for the pod's service account.
        case noIdentity
        /// The descriptors of the process are used up.
        case descriptors
        /// CONNECT is malformed or not for this pod.
        case badRequest(String, status: Int, RefusalReason)
    }

    /// Ends with FIN rather than RST.
    var isOrderly: Bool {
        if case .complete = self { return true }
        return false
    }
}

extension ConnectionEnd {
    /// The code of the RST_STREAM that tells the peer.
    var resetCode: HTTP2ErrorCode {
        switch self {
        case .complete: .noError
        case .applicationFailed, .timedOut: .connectError
        case .resetByPeer, .connectionFailed, .status, .drained, .destinationGone, .deniedLate, .denied: .cancel
        case .refused: .refusedStream
        }
    }

    /// The status that answers a CONNECT which failed before it was established (reference: 400, 401, 503).
    var responseStatus: Int {
        switch self {
        case .denied, .deniedLate: 401
        case .refused(.badRequest(_, let status, _)): status
        default: 503
        }
    }

    /// The metric's `response_flags`.
    var responseFlags: ResponseFlags {
        switch self {
        case .complete, .drained, .destinationGone: .none
        case .denied, .deniedLate, .status(401): .deny
        case .connectionFailed(.tls): .tlsFailure
        case .connectionFailed(.http2): .http2HandshakeFailure
        case .connectionFailed(.timedOut(.connect)): .networkPolicy
        case .refused(.noIdentity): .identityError
        default: .connect
        }
    }

    /// The reason for the refusals metric; nil when the connection was served.
    var reason: RefusalReason? {
        switch self {
        case .complete, .resetByPeer, .drained, .destinationGone: nil
        case .applicationFailed(let number):
            SystemError(number, "").isRefused ? .connectRefused : .connectFailed
        case .connectionFailed(let error): error.reason
        case .status: .tunnelRefused
        case .denied(_, let reason): reason
        case .deniedLate: .policyDenied
        case .refused(.unknownWorkload): .unknownSource
        case .refused(.selfCall): .loop
        case .refused(.unknownTarget): .unknownDestination
        case .refused(.route(_, let reason)): reason
        case .refused(.podLimit): .connectionLimit
        case .refused(.rateLimit): .rateLimit
        case .refused(.bufferLimit): .bufferLimit
        case .refused(.handshakeLimit): .handshakeLimit
        case .refused(.memory): .memoryCeiling
        case .refused(.noIdentity): .noCertificate
        case .refused(.descriptors): .outOfDescriptors
        case .refused(.badRequest(_, _, let reason)): reason
        case .timedOut(.connect), .timedOut(.handshake): .connectTimeout
        case .timedOut(.response): .tunnelTimeout
        case .timedOut(.halfClose), .timedOut(.idle): .timeout
        }
    }

    /// The log's `error`; nil when there is nothing to complain about.
    var errorText: String? {
        switch self {
        case .complete: nil
        case .applicationFailed(let number): SystemError(number, "application").description
        case .resetByPeer(let code): "stream reset by peer: \(code)"
        case .connectionFailed(let error): error.description
        case .status(401): "http status: 401 Unauthorized"
        case .status(503): "http status: 503 Service Unavailable"
        case .status(400): "http status: 400 Bad Request"
        case .status(let status): "http status: \(status)"
        case .denied(let rule, _): "connection closed due to policy rejection: \(rule)"
        case .deniedLate(let rule): "connection closed due to policy change: \(rule)"
        case .refused(.unknownWorkload): "unknown source workload: the pod is not in the configuration of this node"
        case .refused(.selfCall): "refused: the connection is addressed to the tunnel's own port"
        case .refused(.unknownTarget(let name)):
            "refused: no service with an address is called \(name); see `ambit-tunnel check --config`"
        case .refused(.route(let text, _)): text
        case .refused(.podLimit): "refused: the pod has reached its limit of connections"
        case .refused(.rateLimit): "refused: the pod opens connections faster than its limit"
        case .refused(.bufferLimit): "refused: the pod has reached its limit of bytes that wait for slow sockets"
        case .refused(.handshakeLimit): "refused: the pod has reached its limit of handshakes in flight"
        case .refused(.memory): "refused: too many bytes wait for slow sockets; the memory ceiling is reached"
        case .refused(.noIdentity): "refused: no certificate has been issued for the pod's service account"
        case .refused(.descriptors): "refused: out of file descriptors"
        case .refused(.badRequest(let text, _, _)): text
        case .timedOut(.connect): "connect to the application timed out"
        case .timedOut(.handshake): "connect timed out; a NetworkPolicy may be blocking port 15008"
        case .timedOut(.response): "no response to CONNECT in time"
        case .timedOut(.halfClose): "one side finished and the other neither sent nor closed in time"
        case .timedOut(.idle): "idle for too long"
        case .drained: "connection closed due to connection drain"
        case .destinationGone: "connection closed: its destination is not in the configuration any more"
        }
    }
}

extension HBONEError {
    /// The reason for the refusals metric.
    var reason: RefusalReason {
        switch self {
        case .socket(let number):
            SystemError(number, "").isRefused
                ? .connectRefused : SystemError(number, "").isTimeout ? .connectTimeout : .connectFailed
        case .tls(let error): error.reason
        case .http2: .protocolViolation
        case .closedByPeer, .closedLocally: .connectFailed
        case .timedOut(.connect): .connectTimeout
        case .timedOut(.handshake): .handshakeTimeout
        case .timedOut(.response): .tunnelTimeout
        case .outOfBuffers: .memoryCeiling
        }
    }
}

extension TLSError {
    /// The reason for the refusals metric.
    var reason: RefusalReason {
        switch self {
        case .noPeerCertificate, .unknownAuthority, .certificateExpired, .certificateNotYetValid, .revocationUnknown,
            .certificateUsage, .certificateRejected, .peerNotSVID, .otherTrustDomain:
            .certificateRejected
        case .certificateRevoked: .certificateRevoked
        case .unexpectedIdentity, .unexpectedServerName: .identityMismatch
        case .protocolVersion, .noApplicationProtocol, .noCommonAlgorithm, .notTLS, .protocolViolation,
            .handshakeTooLarge, .alert, .configuration, .internalFailure, .closed:
            .handshakeFailed
        }
    }
}
