// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// The head of a response, whichever version of HTTP it came by or goes out by; reused like `RequestHead`.
package struct ResponseHead: ~Copyable {
    /// The status code, 100 to 999; 0 in an empty head.
    package var status: UInt16 = 0
    /// The fields, without connection-specific ones.
    package var fields = FieldList()

    /// Makes an empty head, which holds no memory.
    package init() {}

    /// Whether this is gRPC's content-type.
    package var isGRPC: Bool { fields.value(of: "content-type").isGRPCContentType }

    /// Empties the head and keeps its memory.
    package mutating func reset() {
        status = 0
        fields.removeAll()
    }

    /// Becomes a copy of `other`, in its own memory.
    package mutating func assign(_ other: borrowing ResponseHead) {
        status = other.status
        fields.assign(other.fields)
    }
}
