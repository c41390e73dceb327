// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// Why the octets of a message are refused.
package enum GRPCError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The compressed flag is set, and no compression was agreed on.
    case compressed
    /// The compressed flag is neither 0 nor 1.
    case invalidFlag
    /// The message is longer than the limit.
    case messageTooLarge
    /// A unary call carries a second message.
    case severalMessages
    /// The stream ended within a message, or without any.
    case truncated

    package var description: String {
        switch self {
        case .compressed: "compressed messages are not supported; use grpc-encoding: identity"
        case .invalidFlag: "message has an invalid compression flag"
        case .messageTooLarge: "message is too large"
        case .severalMessages: "a unary call carries one message only"
        case .truncated: "message is incomplete"
        }
    }

    /// The status that says so to the peer (gRPC over HTTP/2, "Compression"; ours for the rest as grpc-go has it).
    package var status: GRPCStatus {
        switch self {
        case .compressed: GRPCStatus(.unimplemented, description)
        case .messageTooLarge: GRPCStatus(.resourceExhausted, description)
        case .invalidFlag, .severalMessages, .truncated: GRPCStatus(.internal, description)
        }
    }
}
