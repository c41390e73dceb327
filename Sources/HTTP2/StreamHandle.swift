// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// Names one stream of one connection for as long as the core keeps its state; afterwards it is stale and misses.
///
/// It is the slot of the stream and its identifier. Identifiers are never used twice on a connection (RFC 9113 §5.1.1), so
/// the identifier is the generation tag.
package struct StreamHandle: Hashable, Sendable {
    /// The slot.
    let index: UInt32
    /// The identifier on the wire.
    package let id: StreamID

    init(index: UInt32, id: StreamID) {
        self.index = index
        self.id = id
    }

    /// Restores a handle from `bits`.
    package init(bits: UInt64) {
        index = UInt32(truncatingIfNeeded: bits >> 32)
        id = StreamID(UInt32(truncatingIfNeeded: bits))
    }

    /// The handle as 64 bits: slot in the high half, identifier in the low half.
    package var bits: UInt64 { UInt64(index) << 32 | UInt64(id.rawValue) }
}
