// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// How the last streams ended, so that a late frame is judged as RFC 9113 §5.1 judges it.
///
/// A ring of fixed size; what has fallen out of it is treated with indulgence (ignored, within the glitch budget), since
/// nobody can tell any more whether the frame was wrong.
struct ClosedStreams {
    enum Cause: UInt32 {
        /// END_STREAM from both sides: more frames are a connection error.
        case ended = 0
        /// RST_STREAM from the peer: more frames are a stream error.
        case resetByPeer = 1
        /// RST_STREAM from us: the peer may not have seen it yet, so its frames are ignored.
        case resetByUs = 2
    }

    enum Verdict {
        case known(Cause)
        /// Skipped when a higher stream was opened (RFC 9113 §5.1.1).
        case neverUsed
        /// Closed, too long ago to know how.
        case forgotten
    }

    /// Streams remembered; several round trips of a busy connection.
    private static var capacity: Int { 64 }

    /// Identifiers with the cause in bits 0 and 31: nobody pushes, so all identifiers are odd and bit 0 tells nothing.
    private var ring = InlineArray<64, UInt32>(repeating: 0)
    private var position = 0
    /// Entries in use.
    private var count = 0
    /// The largest identifier that has fallen out.
    private var forgottenUpTo: UInt32 = 0

    private static func pack(_ id: StreamID, _ cause: Cause) -> UInt32 {
        id.rawValue & ~1 | cause.rawValue & 1 | (cause.rawValue >> 1) << 31
    }

    mutating func note(_ id: StreamID, _ cause: Cause) {
        if count == Self.capacity {
            forgottenUpTo = max(forgottenUpTo, ring[position] & 0x7FFF_FFFE | 1)
        } else {
            count += 1
        }
        ring[position] = Self.pack(id, cause)
        position = (position + 1) % Self.capacity
    }

    /// How `id`, which is neither idle nor open, has ended.
    func verdict(_ id: StreamID) -> Verdict {
        let wanted = id.rawValue & ~1
        var index = position
        for _ in 0..<count {
            index = (index + Self.capacity - 1) % Self.capacity
            let entry = ring[index]
            if entry & 0x7FFF_FFFE == wanted, let cause = Cause(rawValue: entry & 1 | (entry >> 31) << 1) {
                return .known(cause)
            }
        }
        return id.rawValue <= forgottenUpTo ? .forgotten : .neverUsed
    }
}
