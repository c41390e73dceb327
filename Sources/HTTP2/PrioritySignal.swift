// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// Priority parameters (RFC 9218 §4) of a `priority` field or a PRIORITY_UPDATE frame.
struct PrioritySignal: Equatable {
    /// From 0, first, to 7, last (§4.1).
    var urgency: UInt8 = 3
    /// Whether the response is of use in parts (§4.2).
    var isIncremental = false

    /// Reads a structured-fields dictionary (RFC 8941 §3.2) as far as `u` and `i` need it.
    ///
    /// What is not understood or out of range is ignored, as §4 asks for; the last of several members counts.
    init(_ text: Span<UInt8>) {
        var offset = 0
        while offset < text.count {
            let start = offset
            while offset < text.count, text[offset] != UInt8(ascii: ",") { offset += 1 }
            apply(text.extracting(start..<offset))
            offset += 1
        }
    }

    init() {}

    private mutating func apply(_ member: Span<UInt8>) {
        var start = 0
        while start < member.count, Self.isBlank(member[start]) { start += 1 }
        var end = start
        // Parameters of the member begin with a semicolon and mean nothing here.
        while end < member.count, member[end] != UInt8(ascii: ";"), !Self.isBlank(member[end]) { end += 1 }
        let text = member.extracting(start..<end)
        if text.count == 3, text[0] == UInt8(ascii: "u"), text[1] == UInt8(ascii: "="), (0x30...0x37).contains(text[2])
        {
            urgency = text[2] - 0x30
        } else if text.count == 1, text[0] == UInt8(ascii: "i") {
            isIncremental = true
        } else if text.equals("i=?1") {
            isIncremental = true
        } else if text.equals("i=?0") {
            isIncremental = false
        }
    }

    private static func isBlank(_ octet: UInt8) -> Bool { octet == 0x20 || octet == 0x09 }
}

/// Priorities that came before their streams (RFC 9218 §7.1), a few of them.
struct EarlyPriorities {
    private var ids = InlineArray<4, UInt32>(repeating: 0)
    private var signals = InlineArray<4, PrioritySignal>(repeating: PrioritySignal())
    private var position = 0

    /// Remembers the signal for a stream that is still idle, at the cost of the oldest.
    mutating func note(_ id: StreamID, _ signal: PrioritySignal) {
        for index in ids.indices where ids[index] == id.rawValue {
            signals[index] = signal
            return
        }
        ids[position] = id.rawValue
        signals[position] = signal
        position = (position + 1) % ids.count
    }

    /// Takes the signal for `id`, if there is one.
    mutating func take(_ id: StreamID) -> PrioritySignal? {
        for index in ids.indices where ids[index] == id.rawValue {
            ids[index] = 0
            return signals[index]
        }
        return nil
    }
}
