// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Telemetry

/// An answer that the waypoint gives by itself.
struct LocalReply {
    var status: UInt16
    var body: StaticString
    var outcome: RequestFlags
    /// Envoy's words for the access log (%RESPONSE_CODE_DETAILS%).
    var details: StaticString
    /// The gRPC status when the client speaks gRPC; nil: what the HTTP status means (gRPC, http-grpc-status-mapping.md).
    var grpcStatus: UInt8?
    /// A limit of ours was hit: another proxy may have room.
    var isOverload: Bool
    /// Head and content are there already; to be given at once.
    var isPrepared = false

    init(
        _ status: UInt16, _ outcome: RequestFlags, _ details: StaticString, body: StaticString = "",
        grpcStatus: UInt8? = nil, isOverload: Bool = false
    ) {
        self.status = status
        self.outcome = outcome
        self.details = details
        self.body = body
        self.grpcStatus = grpcStatus
        self.isOverload = isOverload
    }

    /// An answer whose head is in the worker's `response`, and whose content in `preparedContent`.
    init(prepared status: UInt16, _ details: StaticString) {
        self.init(status, [], details)
        isPrepared = true
    }

    static let noEndpoint = LocalReply(503, .noHealthyUpstream, "no_healthy_upstream", body: "no healthy upstream")
    static let noRoute = LocalReply(404, .noRoute, "route_not_found")
    static let noCluster = LocalReply(500, .noCluster, "cluster_not_found", grpcStatus: 14)
    static let timeout = LocalReply(504, .upstreamTimeout, "response_timeout", body: "upstream request timeout")
    static let overload = LocalReply(503, .overload, "overload", body: "no memory left")
    static let overflow = LocalReply(
        503, .upstreamOverflow, "upstream_reset_before_response_started{overflow}",
        body: "upstream connect error or disconnect/reset before headers. reset reason: overflow", isOverload: true)
    static let connectFailure = LocalReply(
        503, .upstreamConnectFailure, "upstream_reset_before_response_started{connection_failure}",
        body: "upstream connect error or disconnect/reset before headers. reset reason: connection failure")
    static let noTLS = LocalReply(
        503, .upstreamConnectFailure, "upstream_tls_not_supported",
        body: "upstream connect error: TLS to the application is not supported")
    static let termination = LocalReply(
        503, .upstreamTermination, "upstream_reset_before_response_started{connection_termination}",
        body: "upstream connect error or disconnect/reset before headers. reset reason: connection termination")
    static let reset = LocalReply(
        503, .upstreamReset, "upstream_reset_before_response_started{remote_reset}",
        body: "upstream connect error or disconnect/reset before headers. reset reason: remote reset")
    static let protocolError = LocalReply(
        502, .upstreamProtocolError, "upstream_reset_before_response_started{protocol_error}",
        body: "upstream connect error or disconnect/reset before headers. reset reason: protocol error")

    /// The gRPC status for a client that speaks gRPC.
    var effectiveGRPCStatus: UInt8 {
        if let grpcStatus { return grpcStatus }
        switch status {
        case 400: return 13
        case 401: return 16
        case 403: return 7
        case 404: return 12
        case 429, 502, 503, 504: return 14
        default: return 2
        }
    }
}
