// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// Collects the one message of a unary call from DATA payload (gRPC over HTTP/2, "Length-Prefixed-Message").
///
/// Layout: `compressed:8 length:32 message:length`, big-endian. Memory grows with what has arrived, never with what was
/// announced.
package struct GRPCMessageReader: Sendable {
    /// Octets in front of a message.
    package static let prefixLength = 5

    private let limit: Int
    private var bytes: [UInt8] = []

    /// Reads a message of at most `limit` octets.
    package init(limit: Int) {
        self.limit = limit
    }

    /// Octets held.
    package var count: Int { bytes.count }

    /// Takes payload.
    ///
    /// - Throws: `.compressed`, `.invalidFlag`, `.messageTooLarge` as soon as the prefix says so; `.severalMessages`
    ///   for octets behind the message.
    package mutating func receive(_ payload: Span<UInt8>) throws(GRPCError) {
        guard bytes.count + payload.count <= limit + Self.prefixLength else {
            // What is too much is a second message unless the first one itself is too long.
            if bytes.isEmpty || bytes.count < Self.prefixLength { bytes.append(copying: payload.extracting(first: 5)) }
            if let length = try messageLength(), length <= limit { throw .severalMessages }
            throw .messageTooLarge
        }
        bytes.append(copying: payload)
        if let length = try messageLength(), bytes.count > Self.prefixLength + length { throw .severalMessages }
    }

    /// The message, when the peer has ended its side.
    ///
    /// - Throws: `.truncated`.
    package func finish() throws(GRPCError) -> ArraySlice<UInt8> {
        guard let length = try messageLength(), bytes.count == Self.prefixLength + length else { throw .truncated }
        return bytes[Self.prefixLength...]
    }

    private func messageLength() throws(GRPCError) -> Int? {
        guard let flag = bytes.first else { return nil }
        guard flag != 1 else { throw .compressed }
        guard flag == 0 else { throw .invalidFlag }
        guard bytes.count >= Self.prefixLength else { return nil }
        let length = Int(bytes.span.readUInt32BigEndian(at: 1))
        guard length <= limit else { throw .messageTooLarge }
        return length
    }

    /// `message` with its prefix.
    package static func framed(_ message: [UInt8]) -> [UInt8] {
        let length = UInt32(message.count)
        let prefix = [
            0, UInt8(length >> 24), UInt8(length >> 16 & 255), UInt8(length >> 8 & 255), UInt8(length & 255),
        ]
        return prefix + message
    }
}
