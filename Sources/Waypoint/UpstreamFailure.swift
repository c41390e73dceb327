// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Telemetry

/// Why an exchange lost its connection to the endpoint.
enum UpstreamFailure {
    /// There was no connection: nothing was sent.
    case connect
    /// The connection ended.
    case termination
    /// The stream was reset.
    case reset
    /// The stream was refused before the endpoint looked at it (REFUSED_STREAM, GOAWAY).
    case refused
    /// The endpoint broke the protocol.
    case protocolError
    /// The endpoint answered the preface of HTTP/2 with something else: HTTP/1 is to be tried.
    case notHTTP2
    /// The connection ended, or time passed, and nothing came in answer to the preface of HTTP/2.
    case unspoken

    /// The time of one try is over.
    case tryTimeout

    /// What the client is told when there is no other try.
    var reply: LocalReply {
        switch self {
        case .connect: .connectFailure
        case .termination, .unspoken: .termination
        case .reset, .refused: .reset
        case .protocolError, .notHTTP2: .protocolError
        case .tryTimeout: .timeout
        }
    }
}
