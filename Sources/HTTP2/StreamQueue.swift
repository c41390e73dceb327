// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// Streams that can send again, by urgency (RFC 9218 §4.1), first in first out within one; links are inside the streams.
struct StreamQueue: ~Copyable {
    private var heads = InlineArray<8, UInt32>(repeating: HTTP2Stream.none)
    private var tails = InlineArray<8, UInt32>(repeating: HTTP2Stream.none)
    /// Bit u is set when level u has a stream.
    private var levels: UInt8 = 0

    var isEmpty: Bool { levels == 0 }

    /// Puts stream `slot` into its level, unless it is queued already.
    ///
    /// At the end; but a stream that is not incremental goes to the front when it comes back, so that it is served to its
    /// end before the next (RFC 9218 §10).
    mutating func enqueue(_ slot: UInt32, isReturning: Bool, in streams: inout [HTTP2Stream]) {
        if isReturning, !streams[Int(slot)].isIncremental {
            prepend(slot, in: &streams)
        } else {
            append(slot, in: &streams)
        }
    }

    private mutating func prepend(_ slot: UInt32, in streams: inout [HTTP2Stream]) {
        let index = Int(slot)
        guard !streams[index].flags.contains(.isScheduled) else { return }
        let level = Int(streams[index].urgency)
        streams[index].flags.insert(.isScheduled)
        streams[index].previous = HTTP2Stream.none
        streams[index].next = heads[level]
        if heads[level] == HTTP2Stream.none { tails[level] = slot } else { streams[Int(heads[level])].previous = slot }
        heads[level] = slot
        levels |= 1 << UInt8(level)
    }

    /// Puts stream `slot` at the end of its level, unless it is queued already.
    mutating func append(_ slot: UInt32, in streams: inout [HTTP2Stream]) {
        let index = Int(slot)
        guard !streams[index].flags.contains(.isScheduled) else { return }
        let level = Int(streams[index].urgency)
        streams[index].flags.insert(.isScheduled)
        streams[index].next = HTTP2Stream.none
        streams[index].previous = tails[level]
        if tails[level] == HTTP2Stream.none { heads[level] = slot } else { streams[Int(tails[level])].next = slot }
        tails[level] = slot
        levels |= 1 << UInt8(level)
    }

    /// Takes the first stream of the most urgent level.
    mutating func popFirst(in streams: inout [HTTP2Stream]) -> UInt32? {
        guard levels != 0 else { return nil }
        let slot = heads[levels.trailingZeroBitCount]
        remove(slot, in: &streams)
        return slot
    }

    /// Takes stream `slot` out, if it is queued.
    mutating func remove(_ slot: UInt32, in streams: inout [HTTP2Stream]) {
        let stream = streams[Int(slot)]
        guard stream.flags.contains(.isScheduled) else { return }
        let level = Int(stream.urgency)
        if stream.previous == HTTP2Stream.none {
            heads[level] = stream.next
        } else {
            streams[Int(stream.previous)].next = stream.next
        }
        if stream.next == HTTP2Stream.none {
            tails[level] = stream.previous
        } else {
            streams[Int(stream.next)].previous = stream.previous
        }
        if heads[level] == HTTP2Stream.none { levels &= ~(1 << UInt8(level)) }
        streams[Int(slot)].flags.remove(.isScheduled)
        streams[Int(slot)].next = HTTP2Stream.none
        streams[Int(slot)].previous = HTTP2Stream.none
    }
}
