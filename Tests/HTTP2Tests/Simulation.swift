// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes

@testable import HTTP2

/// Two cores, two applications and the network between them, all driven by one seed.
///
/// After every step the invariants of both cores are checked; at the end everything that was not reset must have arrived
/// completely and in order, and both sides must agree on every window.
final class Simulation {
    private var random: RandomSource
    private var now = MonotonicTime(nanoseconds: 1_000_000_000)
    private let sides: [SimulatedSide]
    private var exchanges: [UInt32: Exchange] = [:]
    private let stepCount: Int
    private let allowsResets: Bool
    private var isSettling = false
    private(set) var octetsMoved = 0

    init(seed: UInt64) {
        random = RandomSource(seed: seed)
        stepCount = 20 + Int(random.next() % 100)
        allowsResets = random.next() % 2 == 0
        let client = Self.configuration(&random)
        let server = Self.configuration(&random)
        sides = [SimulatedSide(0, client, now: now), SimulatedSide(1, server, now: now)]
    }

    private static func configuration(_ random: inout RandomSource) -> HTTP2Configuration {
        func pick<T>(_ values: [T]) -> T { values[Int(random.next() % UInt64(values.count))] }
        var result = HTTP2Configuration()
        result.initialStreamWindow = pick([1, 17, 1_000, 65_535, 100_000, 1 << 20])
        result.connectionWindow = pick([65_535, 66_000, 1 << 20])
        result.maxStreamWindow = pick([1_000, 1 << 20])
        result.maxConnectionWindow = 4 << 20
        result.growsWindows = pick([true, false])
        result.maxFrameSize = pick([16_384, 20_000, 1 << 20])
        result.maxConcurrentStreams = pick([1, 3, 100])
        result.decoderTableSize = pick([0, 64, 200, 4_096, 8_192])
        result.encoderTableSize = pick([0, 64, 200, 4_096, 8_192])
        result.enablesConnectProtocol = pick([true, false])
        return result
    }

    private func chance(_ percent: UInt64) -> Bool { random.next() % 100 < percent }
    private func below(_ bound: Int) -> Int { bound <= 0 ? 0 : Int(random.next() % UInt64(bound)) }

    func run() throws {
        for _ in 0..<stepCount {
            try step()
            try check()
        }
        try settle()
    }

    private func step() throws {
        now = now + .microseconds(Int64(below(20_000)))
        switch below(10) {
        case 0: open()
        case 1: if allowsResets, chance(30) { resetSomething() }
        case 2: for side in sides { consume(side, all: false) }
        case 3: try tick()
        case 4: if chance(5) { drain() }
        case 5, 6: send()
        default: try deliver(to: below(2), all: false)
        }
    }

    private func check() throws {
        for side in sides {
            if let text = side.core.violatedInvariant() {
                throw SimulationFailure(description: "side \(side.index): \(text)")
            }
            guard side.core.output.count < 200_000, side.core.decoder.tableSize <= 8_192 else {
                throw SimulationFailure(description: "side \(side.index): memory is not bounded")
            }
        }
    }

    // MARK: Actions

    private func open() {
        let side = sides[0]
        guard let stream = side.core.openStream(context: UInt64(exchanges.count)) else { return }
        var exchange = Exchange()
        exchange.isTunnel = chance(50)
        exchange.wanted = sides.map { side in
            // The window of the other side; a tiny one would take thousands of round trips.
            let window = Int(sides[1 - side.index].core.configuration.initialStreamWindow)
            return min(window * 20, chance(20) ? below(60_000) : below(1_000))
        }
        exchange.usesTrailers = [chance(30), chance(30)]
        side.core.beginHeaders(stream)
        side.core.addField(name: ":method", value: exchange.isTunnel ? "CONNECT" : "POST")
        if !exchange.isTunnel {
            side.core.addField(name: ":scheme", value: "https")
            side.core.addField(name: ":path", value: "/\(below(5))".utf8.span)
        }
        side.core.addField(name: ":authority", value: "10.0.0.\(below(9)):80".utf8.span)
        side.core.addField(name: "x-id", value: "\(stream.id)".utf8.span, indexing: .notIndexed)
        let baggage = "k8s.cluster.name=c\(below(3))," + String(repeating: "x", count: below(300))
        side.core.addField(name: "baggage", value: baggage.utf8.span)
        side.core.endHeaders(isEndStream: false)
        side.handles[stream.id.rawValue] = stream
        exchanges[stream.id.rawValue] = exchange
        side.flush()
    }

    private func send() {
        let side = sides[below(2)]
        if chance(30), let stream = side.nextSendable() {
            send(side, stream.id.rawValue)
            return
        }
        guard let id = pickStream() else { return }
        send(side, id)
    }

    private func send(_ side: SimulatedSide, _ id: UInt32) {
        guard side.index == 0 || side.responded.contains(id) else { return }
        let limit = isSettling || chance(50) ? Int.max : 1 + below(100)
        side.send(id, &exchanges[id, default: Exchange()], limit: limit)
        side.flush()
    }

    /// Sends what the windows allow; while settling, all of it, since then only events wake a stream up again.
    private func pump(_ side: SimulatedSide, _ id: UInt32) {
        var before = -1
        while let exchange = exchanges[id], exchange.sent[side.index] > before {
            before = exchange.sent[side.index]
            send(side, id)
            guard isSettling else { return }
        }
        // Trailers follow when all octets are out.
        if isSettling { send(side, id) }
    }

    private func pickStream() -> UInt32? {
        let ids = exchanges.keys.sorted()
        return ids.isEmpty ? nil : ids[below(ids.count)]
    }

    private func resetSomething() {
        let side = sides[below(2)]
        guard let id = pickStream(), let stream = side.handles[id], side.isLive(stream) else { return }
        side.core.reset(stream, .cancel)
        forget(id)
        side.held[id] = nil
        side.flush()
    }

    private func forget(_ id: UInt32) { exchanges[id]?.wasReset = true }

    private func drain() {
        let side = sides[below(2)]
        side.core.beginDrain(now: now)
        side.hasGoneAway = true
        side.flush()
    }

    private func tick() throws {
        for side in sides where side.core.nextDeadline <= now {
            if try side.core.tick(now: now) != nil { throw SimulationFailure(description: "an event from tick") }
            side.flush()
        }
    }

    private func consume(_ side: SimulatedSide, all: Bool) {
        for (id, count) in side.held.sorted(by: { $0.key < $1.key }) where count > 0 {
            guard let stream = side.handles[id] else { continue }
            let part = all ? count : 1 + below(count)
            side.core.consumed(stream, count: part)
            side.held[id] = count - part
        }
        side.flush()
    }

    /// Lets octets arrive at side `index`, split anywhere.
    private func deliver(to index: Int, all: Bool) throws {
        let sender = sides[1 - index]
        let side = sides[index]
        var piece = sender.outgoing
        if !all, !piece.isEmpty {
            let count = chance(40) ? 1 + below(12) : 1 + below(piece.count)
            piece = Array(piece.prefix(count))
        }
        sender.outgoing.removeFirst(piece.count)
        var offset = 0
        while let event = try side.core.receive(piece.span, offset: &offset, now: now) {
            try handle(event, side, piece)
        }
        guard offset == piece.count else { throw SimulationFailure(description: "input was left over") }
        side.flush()
    }

    private func handle(_ event: HTTP2Event, _ side: SimulatedSide, _ piece: [UInt8]) throws {
        switch event {
        case .headers(let stream, let kind, let isEnd): try handleHeaders(side, stream, kind, isEnd)
        case .data(let stream, let offset, let count, let isEnd):
            try handleData(side, stream, piece[offset..<(offset + count)], isEnd)
        case .reset(let stream, let code, let initiator):
            let id = stream.id.rawValue
            let wasRefused = code == .refusedStream
            guard exchanges[id]?.wasReset == true || wasRefused, initiator == .peer else {
                throw SimulationFailure(description: "stream \(id) was reset with \(code) by \(initiator)")
            }
            forget(id)
            side.held[id] = nil
        case .sendWindowOpened(let stream): pump(side, stream.id.rawValue)
        case .connectionWindowOpened: while let stream = side.nextSendable() { pump(side, stream.id.rawValue) }
        case .goAway, .settingsChanged, .pingAcknowledged: break
        }
    }

    private func handleHeaders(
        _ side: SimulatedSide, _ stream: StreamHandle, _ kind: HTTP2HeadersKind, _ isEnd: Bool
    ) throws {
        let id = stream.id.rawValue
        guard var exchange = exchanges[id] else { throw SimulationFailure(description: "unknown stream \(id)") }
        switch kind {
        case .request:
            guard side.index == 1, side.fieldTexts.contains("x-id: \(id)") else {
                throw SimulationFailure(description: "wrong request for stream \(id): \(side.fieldTexts)")
            }
            side.handles[id] = stream
            side.responded.insert(id)
            side.core.sendResponse(stream, status: 200, isEndStream: false)
        case .trailers:
            guard side.fieldTexts == ["x-checksum: \(exchange.seen[1 - side.index])"] else {
                throw SimulationFailure(description: "wrong trailers for stream \(id): \(side.fieldTexts)")
            }
        case .response, .informational: break
        }
        if isEnd { exchange.hasSeenEnd[1 - side.index] = true }
        exchanges[id] = exchange
        side.flush()
        if isSettling, kind == .request { pump(side, id) }
    }

    private func handleData(
        _ side: SimulatedSide, _ stream: StreamHandle, _ octets: ArraySlice<UInt8>, _ isEnd: Bool
    ) throws {
        let id = stream.id.rawValue
        let direction = 1 - side.index
        guard var exchange = exchanges[id], !exchange.hasSeenEnd[direction] else {
            throw SimulationFailure(description: "data for stream \(id), which has none")
        }
        guard octets == Exchange.octets(id, direction, exchange.seen[direction], octets.count) else {
            throw SimulationFailure(description: "stream \(id): wrong octets at \(exchange.seen[direction])")
        }
        exchange.seen[direction] += octets.count
        octetsMoved += octets.count
        exchange.hasSeenEnd[direction] = isEnd
        exchanges[id] = exchange
        side.held[id, default: 0] += octets.count
    }

    // MARK: The end

    /// Lets everything finish without more disturbance; it must finish.
    private func settle() throws {
        isSettling = true
        var isFirstRound = true
        var quietRounds = 0
        while quietRounds < 50 {
            let before = octetsMoved
            now = now + .milliseconds(1)
            for index in 0..<2 { try deliver(to: index, all: true) }
            for side in sides {
                consume(side, all: true)
                if isFirstRound { for id in exchanges.keys.sorted() { pump(side, id) } }
                while isFirstRound, let stream = side.nextSendable() { pump(side, stream.id.rawValue) }
            }
            isFirstRound = false
            try check()
            quietRounds = octetsMoved > before ? 0 : quietRounds + 1
            let isQuiet = sides.allSatisfy { $0.outgoing.isEmpty }
            if isQuiet, exchanges.values.allSatisfy(\.isOver) {
                return try checkEnd()
            }
            if isQuiet, sides.contains(where: { $0.hasGoneAway }) {
                // A stream that the peer refused silently would show as one that never ends.
                now = now + .seconds(2)
                try tick()
            }
        }
        throw SimulationFailure(description: "it does not come to an end: \(exchanges.filter { !$0.value.wasReset })")
    }

    private func checkEnd() throws {
        for (id, exchange) in exchanges where !exchange.wasReset {
            guard exchange.seen == exchange.sent, exchange.sent == exchange.wanted else {
                throw SimulationFailure(description: "stream \(id) lost octets: \(exchange)")
            }
        }
        for (sender, receiver) in [(sides[0], sides[1]), (sides[1], sides[0])] {
            guard sender.core.sendWindow == receiver.core.receiveWindow else {
                throw SimulationFailure(
                    description: "windows differ: \(sender.core.sendWindow) and \(receiver.core.receiveWindow)")
            }
            guard sender.core.activeStreamCount == 0, sender.core.table.count == 0 else {
                throw SimulationFailure(description: "streams are left")
            }
        }
    }
}
