// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes

@testable import HTTP2

/// What went wrong in a simulation.
struct SimulationFailure: Error, CustomStringConvertible {
    var description: String
}

/// What both applications agree on about a stream; the simulation sees both ends of it.
struct Exchange {
    /// Octets sent in each direction: by the client, by the server.
    var sent = [0, 0]
    /// Octets that the other side has seen in order.
    var seen = [0, 0]
    var hasEnded = [false, false]
    var hasSeenEnd = [false, false]
    /// Octets each side still wants to send.
    var wanted = [0, 0]
    var usesTrailers = [false, false]
    var wasReset = false
    var isTunnel = false

    /// Whether nothing more will come.
    var isOver: Bool { wasReset || hasSeenEnd == [true, true] }

    /// What all streams send: octets with a period of 32 768, from a place that depends on the stream and the direction.
    private static let pattern: [UInt8] = {
        var random = RandomSource(seed: 42)
        let period = (0..<32_768).map { _ in UInt8(truncatingIfNeeded: random.next() >> 32) }
        return period + period
    }()

    /// The `count` octets at `offset` in the direction of `side`.
    static func octets(_ id: UInt32, _ side: Int, _ offset: Int, _ count: Int) -> ArraySlice<UInt8> {
        let start = (Int(id) * 31 + side * 7 + offset) % 32_768
        return pattern[start..<(start + count)]
    }
}

/// One end: a core, the octets on their way out, and what its application holds.
final class SimulatedSide {
    let index: Int
    var core: HTTP2Connection
    /// Octets on their way to the other side.
    var outgoing: [UInt8] = []
    var handles: [UInt32: StreamHandle] = [:]
    /// Octets received and not consumed yet.
    var held: [UInt32: Int] = [:]
    var responded: Set<UInt32> = []
    var hasGoneAway = false

    init(_ index: Int, _ configuration: HTTP2Configuration, now: MonotonicTime) {
        self.index = index
        core = HTTP2Connection(role: index == 0 ? .client : .server, configuration: configuration, now: now)
    }

    func flush() {
        var buffer = ByteBuffer(capacity: 512)
        while core.hasPendingOutput {
            _ = core.drainPending(into: &buffer)
            outgoing.append(copying: buffer.readable)
            buffer.clear()
        }
    }

    var fieldTexts: [String] { core.fieldTexts }
    func sendable(_ stream: StreamHandle) -> Int { core.sendableBytes(stream) }
    func nextSendable() -> StreamHandle? { core.nextSendableStream() }
    func isLive(_ stream: StreamHandle) -> Bool { core.isLive(stream) }

    /// Sends up to `limit` octets of `exchange`; ends the stream when nothing is left.
    func send(_ id: UInt32, _ exchange: inout Exchange, limit: Int) {
        guard let stream = handles[id], isLive(stream), !exchange.hasEnded[index], !exchange.wasReset else { return }
        let left = exchange.wanted[index] - exchange.sent[index]
        let window = left > 0 ? sendable(stream) : 0
        guard left == 0 || window > 0 else { return }
        let count = min(left, min(min(window, 20_000), limit))
        let isLast = count == left
        flush()
        if isLast, exchange.usesTrailers[index], !exchange.isTunnel, count == 0 {
            core.beginHeaders(stream)
            core.addField(name: "x-checksum", value: "\(exchange.sent[index])".utf8.span)
            core.endHeaders(isEndStream: true)
            exchange.hasEnded[index] = true
            return
        }
        let endsHere = isLast && !(exchange.usesTrailers[index] && !exchange.isTunnel)
        var frame = [UInt8](repeating: 0, count: 9)
        var span = frame.mutableSpan
        core.commitData(stream, count: count, isEndStream: endsHere, header: &span)
        let start = exchange.sent[index]
        frame += Exchange.octets(id, index, start, count)
        outgoing += frame
        exchange.sent[index] += count
        exchange.hasEnded[index] = endsHere
    }
}
