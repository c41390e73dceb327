// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// Names a stream on the wire (RFC 9113 §5.1.1): odd when the client opened it, 0 for the connection itself.
package struct StreamID: Hashable, Sendable, Comparable {
    /// The 31-bit value.
    package let rawValue: UInt32

    /// Wraps a 31-bit value; the reserved bit is dropped.
    package init(_ rawValue: UInt32) {
        self.rawValue = rawValue & 0x7FFF_FFFF
    }

    /// The connection (RFC 9113 §5.1.1).
    package static var connection: StreamID { StreamID(0) }
    /// 2³¹-1, the largest there is.
    package static var maximum: StreamID { StreamID(0x7FFF_FFFF) }
    /// Whether a client opens streams with such a number.
    package var isClientInitiated: Bool { rawValue & 1 == 1 }

    package static func < (left: StreamID, right: StreamID) -> Bool { left.rawValue < right.rawValue }
}

extension StreamID: CustomStringConvertible {
    package var description: String { String(rawValue) }
}
