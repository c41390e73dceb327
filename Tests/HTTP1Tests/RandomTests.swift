// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Testing

@testable import HTTP1

@Suite("HTTP/1 under random input")
struct RandomTests {
    private static let corpus: [[UInt8]] =
        RequestTests.accepted.map(\.bytes) + Smuggling.requests.map(\.bytes)

    /// Changes, drops, repeats or inserts octets in one to four places.
    private func mutate(_ bytes: [UInt8], _ random: inout RandomSource) -> [UInt8] {
        var result = bytes
        let telling = Array("\r\n :;,/\t\0\u{7F}0159afAF%#@[]\"\\{}chunked".utf8)
        for _ in 0..<Int.random(in: 1...4, using: &random) where !result.isEmpty {
            let index = Int.random(in: 0..<result.count, using: &random)
            switch Int.random(in: 0..<5, using: &random) {
            case 0: result[index] = UInt8.random(in: .min ... .max, using: &random)
            case 1: result[index] = telling.randomElement(using: &random) ?? 0
            case 2: result.remove(at: index)
            case 3: result.insert(telling.randomElement(using: &random) ?? 0, at: index)
            default:
                let end = min(result.count, index + Int.random(in: 1...20, using: &random))
                result.insert(contentsOf: result[index..<end], at: index)
            }
        }
        return result
    }

    @Test("Whole and split input are seen alike by a server, for 4000 mutations", arguments: 0..<4 as Range<UInt64>)
    func serverDifferential(_ seed: UInt64) throws {
        var random = RandomSource(seed: seed)
        for round in 0..<1000 {
            let bytes = mutate(try #require(Self.corpus.randomElement(using: &random)), &random)
            let whole = Transcript.ofServer([bytes])
            let split = Transcript.ofServer(Splits.random(of: bytes, from: &random))
            #expect(
                whole == split,
                "seed \(seed), round \(round): \(String(decoding: bytes, as: UTF8.self).debugDescription)")
        }
    }

    @Test("Whole and split input are seen alike by a client, for 4000 mutations", arguments: 0..<4 as Range<UInt64>)
    func clientDifferential(_ seed: UInt64) throws {
        var random = RandomSource(seed: seed)
        for round in 0..<1000 {
            let answer = try #require(ResponseTests.answers.randomElement(using: &random))
            let bytes = mutate(answer.bytes, &random)
            let whole = answer.transcript([bytes])
            let split = answer.transcript(Splits.random(of: bytes, from: &random))
            #expect(
                whole == split,
                "seed \(seed), round \(round): \(String(decoding: bytes, as: UTF8.self).debugDescription)")
        }
    }

    @Test(
        "What a client writes a server reads, and what it answers the client reads", arguments: 0..<200 as Range<UInt64>
    )
    func roundTrip(_ seed: UInt64) throws {
        var random = RandomSource(seed: seed)
        var client = HTTP1ClientConnection()
        var server = HTTP1ServerConnection()
        for _ in 0..<3 {
            let sent = Message(&random)
            var wire = ByteBuffer(capacity: 1 << 16)
            try client.startRequest(
                method: "POST".utf8.span, target: "/x?y".utf8.span, length: sent.length, into: &wire)
            try client.appendField(name: "host".utf8.span, value: "a".utf8.span, into: &wire)
            for (name, value) in sent.fields {
                try client.appendField(name: name.span, value: value.span, into: &wire)
            }
            try client.finishHead(into: &wire)
            for piece in Splits.random(of: sent.content, from: &random) where !piece.isEmpty {
                #expect(try client.appendContent(piece.span, into: &wire) == piece.count)
            }
            try client.finish(into: &wire)

            var received = Message()
            for piece in Splits.random(of: Array(copying: wire.readable), from: &random) {
                var offset = 0
                while let event = try server.receive(piece.span, at: &offset) {
                    if case .body(let range) = event { received.content += piece[range] }
                    guard event == .head else { continue }
                    for index in 0..<server.fieldCount where server.field(index).kind == .other {
                        received.fields.append(
                            (Array(copying: server.fieldName(index)), Array(copying: server.fieldValue(index))))
                    }
                }
            }
            expectEqual(received, sent)

            let answer = Message(&random)
            wire.clear()
            try server.startResponse(status: 200, length: answer.length, into: &wire)
            for (name, value) in answer.fields {
                try server.appendField(name: name.span, value: value.span, into: &wire)
            }
            try server.finishHead(into: &wire)
            for piece in Splits.random(of: answer.content, from: &random) where !piece.isEmpty {
                #expect(try server.appendContent(piece.span, into: &wire) == piece.count)
            }
            #expect(try server.finish(into: &wire) == .keepAlive)

            received = Message()
            for piece in Splits.random(of: Array(copying: wire.readable), from: &random) {
                var offset = 0
                while let event = try client.receive(piece.span, at: &offset) {
                    if case .body(let range) = event { received.content += piece[range] }
                    guard event == .head else { continue }
                    for index in 0..<client.fieldCount where client.field(index).kind == .other {
                        received.fields.append(
                            (Array(copying: client.fieldName(index)), Array(copying: client.fieldValue(index))))
                    }
                }
            }
            expectEqual(received, answer)
            #expect(client.disposition == .keepAlive)
        }
    }

    private func expectEqual(_ left: Message, _ right: Message) {
        #expect(left.content == right.content)
        #expect(left.fields.map(\.0) == right.fields.map(\.0))
        #expect(left.fields.map(\.1) == right.fields.map(\.1))
    }

    /// Fields and content made from a random source.
    struct Message {
        var fields: [([UInt8], [UInt8])] = []
        var content: [UInt8] = []
        var length = HTTP1ContentLength.none

        init() {}

        init(_ random: inout RandomSource) {
            for _ in 0..<Int.random(in: 0...20, using: &random) {
                let name = (0..<Int.random(in: 1...20, using: &random)).map { _ in
                    UInt8.random(in: 0x61...0x7A, using: &random)
                }
                // "te" and "expect" would change the message; "x" in front makes every name another one.
                let value = (0..<Int.random(in: 0...60, using: &random)).map { _ in
                    UInt8.random(in: 0x21...0x7E, using: &random)
                }
                fields.append(([0x78] + name, value))
            }
            content = (0..<Int.random(in: 0...300, using: &random)).map { _ in
                UInt8.random(in: .min ... .max, using: &random)
            }
            length = Bool.random(using: &random) ? .unknown : .exactly(content.count)
        }
    }
}
