// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Testing

@testable import HTTP2

@Suite("Huffman")
struct HuffmanTests {
    static func encode(_ bytes: [UInt8]) -> [UInt8] {
        var output = OutputBuffer()
        output.appendHuffman(bytes.span, length: Huffman.encodedLength(bytes.span))
        return Array(copying: output.bytes.span)
    }

    static func decode(_ bytes: [UInt8]) throws(HPACKError) -> [UInt8] {
        var output = UniqueArray<UInt8>()
        output.append(0x2A)
        try Huffman.decode(bytes.span, into: &output)
        return Array(copying: output.slice(1, output.count - 1))
    }

    @Test(
        "RFC 7541 appendix C: strings and their Huffman codes",
        arguments: [
            ("www.example.com", "f1e3 c2e5 f23a 6ba0 ab90 f4ff"),  // C.4.1
            ("no-cache", "a8eb 1064 9cbf"),  // C.4.2
            ("custom-key", "25a8 49e9 5ba9 7d7f"),  // C.4.3
            ("custom-value", "25a8 49e9 5bb8 e8b4 bf"),  // C.4.3
            ("302", "6402"),  // C.6.1
            ("private", "aec3 771a 4b"),  // C.6.1
            ("Mon, 21 Oct 2013 20:13:21 GMT", "d07a be94 1054 d444 a820 0595 040b 8166 e082 a62d 1bff"),  // C.6.1
            ("https://www.example.com", "9d29 ad17 1863 c78f 0b97 c8e9 ae82 ae43 d3"),  // C.6.1
            ("gzip", "9bd9 ab"),  // C.6.3
        ])
    func vectors(text: String, hex: String) throws {
        #expect(Self.encode(Array(text.utf8)) == Wire.hex(hex))
        #expect(try Self.decode(Wire.hex(hex)) == Array(text.utf8))
    }

    /// Codes by their bits behind a one, with their symbols; 256 is EOS.
    private static let symbols: [UInt64: Int] = {
        var result: [UInt64: Int] = [1 << 30 | 0x3FFF_FFFF: 256]
        for symbol in 0...255 {
            result[1 << UInt64(HuffmanTables.lengths[symbol]) | UInt64(HuffmanTables.codes[symbol])] = symbol
        }
        return result
    }()

    /// Decodes bit by bit, as the RFC reads; nil for an error.
    static func decodeSlowly(_ bytes: [UInt8]) -> [UInt8]? {
        var output: [UInt8] = []
        var code: UInt64 = 1
        for bit in 0..<(bytes.count * 8) {
            code = code << 1 | UInt64(bytes[bit / 8] >> UInt8(7 - bit % 8) & 1)
            guard let symbol = symbols[code] else { continue }
            guard symbol < 256 else { return nil }
            output.append(UInt8(symbol))
            code = 1
        }
        // What is left is padding: up to seven ones.
        return code < 256 && (code + 1) & code == 0 ? output : nil
    }

    @Test("RFC 7541 §5.2: what is decoded in words is what is decoded bit by bit, also of damaged strings")
    func agreesWithReference() throws {
        var random = RandomSource(seed: 7541)
        var refused = 0
        for round in 0..<20_000 {
            // Mostly letters, whose codes are short, then whatever there is.
            let text = (0..<Int(random.next() % 60)).map { _ in
                random.next() % 8 < 7 ? UInt8(0x61 + random.next() % 26) : UInt8(truncatingIfNeeded: random.next())
            }
            var code = Self.encode(text)
            #expect(code.count == Huffman.encodedLength(text.span))
            if round % 2 == 1, !code.isEmpty {
                code[Int(random.next() % UInt64(code.count))] ^= 1 << UInt8(random.next() % 8)
            } else if Self.decodeSlowly(code) != text {
                Issue.record("\(text) is encoded wrongly")
            }
            let expected = Self.decodeSlowly(code)
            do throws(HPACKError) {
                if try Self.decode(code) != expected { Issue.record("\(code) is decoded wrongly") }
            } catch {
                refused += 1
                if expected != nil { Issue.record("\(code) is refused") }
            }
        }
        #expect(refused > 100)
    }

    @Test("RFC 7541 §5.2: every octet comes back, alone and beside every other")
    func roundTrip() throws {
        for first in 0...255 {
            let alone = [UInt8(first)]
            #expect(try Self.decode(Self.encode(alone)) == alone)
            for second in 0...255 {
                let pair = [UInt8(first), UInt8(second)]
                guard try Self.decode(Self.encode(pair)) != pair else { continue }
                Issue.record("octets \(pair)")
            }
        }
    }

    @Test(
        "RFC 7541 §5.2: EOS, long padding, and padding that is not all ones are errors",
        arguments: [
            "ff ff ff ff",  // EOS and more
            "ff ff ff fc",  // 30 ones: EOS itself
            "1f ff",  // 'a' is 00011; then 11 ones: more than seven bits of padding
            "ff",  // eight bits of padding and nothing else
            "18",  // 'a', then 000 where 111 belongs
            "ff ff ff f0",  // a cut off code of 30 bits
        ])
    func invalid(hex: String) {
        #expect(throws: HPACKError.invalidHuffmanCode) { try Self.decode(Wire.hex(hex)) }
    }

    @Test("An empty string is an empty code")
    func empty() throws {
        #expect(Self.encode([]) == [])
        #expect(try Self.decode([]) == [])
    }
}
