// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Testing

@testable import GRPC

@Suite("Protocol Buffers")
struct ProtobufTests {
    @Test("What is written is read")
    func roundTrip() throws {
        var writer = ProtobufWriter()
        writer.field(1, text: "Grüße")
        writer.field(3, integer: UInt64.max)
        writer.field(536_870_911, bytes: [UInt8](repeating: 7, count: 300))
        var reader = ProtobufReader(0..<writer.bytes.count)
        let first = try #require(try reader.next(writer.bytes.span))
        let range = try first.bytes()
        let text = try ProtobufReader.text(writer.bytes.span, range)
        #expect(first.number == 1 && text == "Grüße")
        let second = try #require(try reader.next(writer.bytes.span))
        #expect(try second.integer() == UInt64.max)
        let third = try #require(try reader.next(writer.bytes.span))
        #expect(try third.bytes().count == 300 && third.number == 536_870_911)
        let end = try reader.next(writer.bytes.span)
        #expect(end == nil)
    }

    @Test(
        "What is no message is refused by name",
        arguments: [
            ([0x08], .truncated), ([0x08, 0x80], .truncated), ([0x0A, 0x05, 1], .truncated),
            ([0x09, 1, 2, 3], .truncated), ([0x0D, 1], .truncated), ([0x00, 0x00], .invalidFieldNumber),
            ([0x0B], .invalidWireType), ([0x0C], .invalidWireType), ([0x0F], .invalidWireType),
            ([0x08] + [UInt8](repeating: 0xFF, count: 10), .varintTooLong),
            ([0x08] + [UInt8](repeating: 0x80, count: 9) + [0x02], .varintTooLong),
            ([0x80, 0x80, 0x80, 0x80, 0x10, 0x00], .invalidFieldNumber),
            ([0x0A] + [UInt8](repeating: 0xFF, count: 9) + [0x01], .truncated),
        ] as [([UInt8], ProtobufError)])
    func malformed(_ bytes: [UInt8], _ expected: ProtobufError) {
        #expect(throws: expected) {
            var reader = ProtobufReader(0..<bytes.count)
            while try reader.next(bytes.span) != nil {}
        }
    }
}
