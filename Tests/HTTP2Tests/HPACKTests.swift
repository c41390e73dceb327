// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Testing

@testable import HTTP2

/// A decoder with its output as text.
final class DecoderBox {
    var decoder = HPACKDecoder()
    var fields = HTTP2Fields()

    func decode(_ block: [UInt8], maxListSize: Int = 1 << 20) throws(HPACKError) -> [String]? {
        fields.reset()
        guard try decoder.decode(block.span, into: &fields, maxListSize: maxListSize) else { return nil }
        var result: [String] = []
        for index in 0..<fields.count {
            let name = fields.name(index)
            let value = fields.value(index)
            result.append(String(decoding: name) + ": " + String(decoding: value))
        }
        return result
    }

    var tableSize: Int { decoder.tableSize }
}

@Suite("HPACKDecoder")
struct HPACKDecoderTests {
    struct Example: Sendable {
        var tableLimit = 4_096
        /// Blocks, and the table size after each.
        var blocks: [(hex: String, fields: [String], tableSize: Int)]
    }

    static let requests = [
        [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com"],
        [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com", "cache-control: no-cache"],
        [
            ":method: GET", ":scheme: https", ":path: /index.html", ":authority: www.example.com",
            "custom-key: custom-value",
        ],
    ]
    static let responses = [
        [
            ":status: 302", "cache-control: private", "date: Mon, 21 Oct 2013 20:13:21 GMT",
            "location: https://www.example.com",
        ],
        [
            ":status: 307", "cache-control: private", "date: Mon, 21 Oct 2013 20:13:21 GMT",
            "location: https://www.example.com",
        ],
        [
            ":status: 200", "cache-control: private", "date: Mon, 21 Oct 2013 20:13:22 GMT",
            "location: https://www.example.com", "content-encoding: gzip",
            "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
        ],
    ]

    @Test(
        "RFC 7541 appendix C: header blocks and the dynamic table after them",
        arguments: [
            // C.2.1 literal with indexing
            Example(blocks: [
                ("400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572", ["custom-key: custom-header"], 55)
            ]),
            // C.2.2 literal without indexing
            Example(blocks: [("040c 2f73 616d 706c 652f 7061 7468", [":path: /sample/path"], 0)]),
            // C.2.3 never indexed
            Example(blocks: [("1008 7061 7373 776f 7264 0673 6563 7265 74", ["password: secret"], 0)]),
            // C.2.4 indexed
            Example(blocks: [("82", [":method: GET"], 0)]),
            // C.3 requests without Huffman
            Example(blocks: [
                ("8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d", requests[0], 57),
                ("8286 84be 5808 6e6f 2d63 6163 6865", requests[1], 110),
                (
                    "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65", requests[2], 164
                ),
            ]),
            // C.4 requests with Huffman
            Example(blocks: [
                ("8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff", requests[0], 57),
                ("8286 84be 5886 a8eb 1064 9cbf", requests[1], 110),
                ("8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf", requests[2], 164),
            ]),
            // C.5 responses without Huffman, with eviction
            Example(
                tableLimit: 256,
                blocks: [
                    (
                        """
                        4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133
                        3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d
                        """, responses[0], 222
                    ),
                    ("4803 3330 37c1 c0bf", responses[1], 222),
                    (
                        """
                        88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a
                        6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d
                        6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31
                        """, responses[2], 215
                    ),
                ]),
            // C.6 responses with Huffman, with eviction
            Example(
                tableLimit: 256,
                blocks: [
                    (
                        """
                        4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d
                        29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3
                        """, responses[0], 222
                    ),
                    ("4883 640e ffc1 c0bf", responses[1], 222),
                    (
                        """
                        88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d
                        d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106
                        3d50 07
                        """, responses[2], 215
                    ),
                ]),
        ])
    func appendixC(example: Example) throws {
        let box = DecoderBox()
        if example.tableLimit != 4_096 {
            // The examples of C.5 and C.6 assume a table of 256 octets.
            _ = try box.decode(Wire.hex("3fe1 01"))
        }
        for block in example.blocks {
            #expect(try box.decode(Wire.hex(block.hex)) == block.fields)
            #expect(box.tableSize == block.tableSize)
        }
    }

    @Test(
        "RFC 7541: what a decoder must refuse",
        arguments: [
            ("80", HPACKError.invalidIndex),  // §6.1 index 0
            ("be", .invalidIndex),  // index 62 with an empty dynamic table
            ("ff ff ff ff ff 7f", .integerTooLarge),  // §5.1 more than any table
            ("ff 80 80 80 80 80 00", .integerTooLarge),  // §5.1 an integer with endless zeros
            ("7f", .truncated),  // an integer without its end
            ("40", .truncated),  // a literal without a name
            ("40 05 61", .truncated),  // a name shorter than it says
            ("40 01 61", .truncated),  // no value
            ("40 01 61 7f ff ff ff 7f", .truncated),  // a value longer than the block
            ("00 81 ff 00", .invalidHuffmanCode),  // §5.2
            ("82 20", .invalidSizeUpdate),  // §4.2 an update behind a field
            ("3f e2 1f", .invalidSizeUpdate),  // §6.3 4 097 octets
            ("7e 00 00", .invalidIndex),  // a name index of 62 with an empty dynamic table
        ])
    func refused(hex: String, error: HPACKError) {
        #expect(throws: error) { _ = try DecoderBox().decode(Wire.hex(hex)) }
    }

    @Test("RFC 7541 §4.2: after a lowered limit is acknowledged, the next block must begin with a size update")
    func missingSizeUpdate() throws {
        let box = DecoderBox()
        box.decoder.apply(limit: 100)
        #expect(throws: HPACKError.invalidSizeUpdate) { _ = try box.decode([0x82]) }
        let other = DecoderBox()
        other.decoder.apply(limit: 100)
        #expect(try other.decode(Wire.hex("3f45 82")) == [":method: GET"])
    }

    @Test("RFC 7541 §4.4: an entry larger than the table empties it and is still decoded")
    func oversizedEntry() throws {
        let box = DecoderBox()
        _ = try box.decode(Wire.hex("3f21") + Wire.hex("4001 6101 62"))  // limit 64
        #expect(box.tableSize == 34)
        let long = String(repeating: "x", count: 40)
        let block = [0x40, 1, 0x63, 40] + Array(long.utf8)
        #expect(try box.decode(block) == ["c: " + long])
        #expect(box.tableSize == 0)
    }

    @Test("RFC 7541 §7.3, HPACK bomb: references to a large entry are not kept beyond the list limit")
    func bomb() throws {
        let box = DecoderBox()
        let entry = [0x40, 1, 0x61, 0x7F, 0x81, 0x1E] + [UInt8](repeating: 0x62, count: 4_000 - 32)
        _ = try box.decode(entry)
        let kept = try box.decode([UInt8](repeating: 0xBE, count: 16_000), maxListSize: 32_768)
        #expect(kept == nil)
        #expect(box.fields.bytes.capacity <= 65_536)
        #expect(box.fields.entries.capacity <= 4_096)
        // The table has survived.
        #expect(try box.decode([0x82]) == [":method: GET"])
    }

    @Test("CVE-2019-9516: fields with empty names count 32 octets each, so their number is bounded")
    func emptyNames() throws {
        let box = DecoderBox()
        let block = [UInt8](repeating: 0, count: 30_000)
        #expect(try box.decode(block, maxListSize: 16_384) == nil)
        #expect(box.fields.entries.count <= 512)
    }

    @Test("RFC 7541 §7.1.3: never-indexed fields are marked, so that they are passed on the same way")
    func neverIndexed() throws {
        let box = DecoderBox()
        _ = try box.decode(Wire.hex("1001 6101 62 0001 6301 64"))
        #expect((0..<box.fields.count).map { box.fields.isSensitive($0) } == [true, false])
    }

    @Test("RFC 7541 appendix A: names of the static table are found at their lowest index, others nowhere")
    func staticNames() {
        var names: [String: Int] = [:]
        for index in 1...HPACKStaticTable.count {
            let name = HPACKStaticTable.name(index)
            let text = String(decoding: name)
            let lowest = names[text] ?? index
            names[text] = lowest
            #expect(HPACKStaticTable.find(name: name, hash: HPACKSearchIndex.hash(name)) == lowest)
            let value = HPACKStaticTable.value(index)
            guard !value.isEmpty else { continue }
            #expect(HPACKStaticTable.hasValues(lowest))
            #expect(HPACKStaticTable.find(value: value, nameIndex: lowest) == index)
        }
        #expect(names.count == 52)
        for name in ["", "x", "te", "priority", "grpc-status", "content-lengti", ":protocol"] {
            let bytes = name.utf8.span
            #expect(HPACKStaticTable.find(name: bytes, hash: HPACKSearchIndex.hash(bytes)) == 0)
        }
    }

    @Test("Many insertions with eviction and compaction keep the table right", arguments: [64, 200, 1_000, 4_096])
    func churn(limit: Int) throws {
        let box = DecoderBox()
        var update = OutputBuffer()
        HPACKEncoder.integer(limit, prefix: 5, flags: 0x20, into: &update)
        _ = try box.decode(Array(copying: update.bytes.span))
        var model: [String] = []
        var random = RandomSource(seed: UInt64(limit))
        for round in 0..<2_000 {
            let name = "n\(round % 7)"
            let value = String(repeating: "v", count: Int(random.next() % 90)) + "\(round)"
            let block =
                [0x40, UInt8(name.utf8.count)] + Array(name.utf8) + [UInt8(value.utf8.count)] + Array(value.utf8)
            #expect(try box.decode(block) == [name + ": " + value])
            model.insert(name + ": " + value, at: 0)
            var size = 0
            model = model.filter { entry in
                size += entry.utf8.count - 2 + 32
                return size <= limit
            }
            guard !model.isEmpty else { continue }
            let pick = Int(random.next() % UInt64(model.count))
            var reference = OutputBuffer()
            HPACKEncoder.integer(62 + pick, prefix: 7, flags: 0x80, into: &reference)
            #expect(try box.decode(Array(copying: reference.bytes.span)) == [model[pick]])
        }
    }
}
