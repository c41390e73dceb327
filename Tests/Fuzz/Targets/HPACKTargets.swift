// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes

@testable import HTTP2

/// Frame headers: what is read is written back the same, but for the reserved bit.
func fuzzHTTP2Frame(_ input: Span<UInt8>) -> String? {
    guard input.count >= FrameHeader.size else { return nil }
    let header = FrameHeader(input, at: 0)
    var written = InlineArray<9, UInt8>(repeating: 0)
    var span = written.mutableSpan
    header.write(into: &span, at: 0)
    for index in 0..<FrameHeader.size {
        let expected = index == 5 ? input[index] & 0x7F : input[index]
        guard written[index] == expected else { return "octet \(index) is not written back" }
    }
    return nil
}

/// HPACK: blocks behind a length octet each, on one decoder; what decodes must survive our encoder and a second decoder.
func fuzzHPACK(_ input: Span<UInt8>) -> String? {
    guard input.count > 0 else { return nil }
    let maxListSize = input[0] & 1 == 0 ? 32_768 : 200
    var decoder = HPACKDecoder()
    var encoder = HPACKEncoder(wanted: input[0] & 2 == 0 ? 4096 : 100)
    var second = HPACKDecoder()
    var fields = HTTP2Fields()
    var copy = HTTP2Fields()
    var offset = 1
    while offset < input.count {
        let end = min(input.count, offset + 1 + Int(input[offset]))
        let block = input.extracting((offset + 1)..<end)
        offset = end
        do throws(HPACKError) {
            fields.reset()
            let fits = try decoder.decode(block, into: &fields, maxListSize: maxListSize)
            guard decoder.tableSize <= 4096 else { return "the table has grown beyond its limit" }
            guard fits else { continue }
            var output = OutputBuffer()
            encoder.begin(into: &output)
            for index in 0..<fields.count {
                encoder.encode(
                    name: fields.name(index), value: fields.value(index), staticName: 0,
                    indexing: fields.isSensitive(index) ? .neverIndexed : .automatic, into: &output)
            }
            copy.reset()
            guard try second.decode(output.bytes.span, into: &copy, maxListSize: 1 << 20) else {
                return "the copy is larger"
            }
            guard second.tableSize == encoder.tableSize else { return "the tables are of different size" }
        } catch {
            return nil
        }
        if let violation = compare(fields, copy) { return violation }
    }
    return nil
}

private func compare(_ left: borrowing HTTP2Fields, _ right: borrowing HTTP2Fields) -> String? {
    guard left.count == right.count else { return "\(left.count) fields became \(right.count)" }
    for index in 0..<left.count {
        guard left.name(index).equals(right.name(index)), left.value(index).equals(right.value(index)) else {
            return "field \(index) has changed"
        }
        if left.isSensitive(index), !right.isSensitive(index) { return "field \(index) is not sensitive any more" }
    }
    return nil
}
