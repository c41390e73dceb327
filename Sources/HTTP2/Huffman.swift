// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// The Huffman code of HPACK (RFC 7541 §5.2 and appendix B).
enum Huffman {
    /// Octets that `bytes` would take encoded, padding included.
    static func encodedLength(_ bytes: Span<UInt8>) -> Int {
        var bits = 0
        for index in bytes.indices { bits &+= Int(HuffmanTables.lengths[Int(bytes[index])]) }
        return (bits + 7) >> 3
    }

    /// Appends the encoding of `bytes`, padded with ones (§5.2); `output` has room for `encodedLength`.
    @_lifetime(output: copy output)
    static func encode(_ bytes: Span<UInt8>, into output: inout OutputSpan<UInt8>) {
        var pending: UInt64 = 0
        var bitCount = 0
        for index in bytes.indices {
            let symbol = Int(bytes[index])
            let length = Int(HuffmanTables.lengths[symbol])
            pending = pending << UInt64(length) | UInt64(HuffmanTables.codes[symbol])
            bitCount += length
            // At most 31 bits are left over and 30 come in.
            while bitCount >= 32 {
                bitCount -= 32
                let word = UInt32(truncatingIfNeeded: pending >> UInt64(bitCount))
                output.append(UInt8(truncatingIfNeeded: word >> 24))
                output.append(UInt8(truncatingIfNeeded: word >> 16))
                output.append(UInt8(truncatingIfNeeded: word >> 8))
                output.append(UInt8(truncatingIfNeeded: word))
            }
        }
        while bitCount >= 8 {
            bitCount -= 8
            output.append(UInt8(truncatingIfNeeded: pending >> UInt64(bitCount)))
        }
        if bitCount > 0 {
            let padding = 8 - bitCount
            output.append(UInt8(truncatingIfNeeded: pending << UInt64(padding) | (1 << UInt64(padding) - 1)))
        }
    }

    /// Appends the decoding of `bytes`.
    ///
    /// - Throws: `.invalidHuffmanCode` for EOS inside, for padding of eight bits or more, or that is not all ones (§5.2).
    /// - Complexity: one table look-up per symbol of up to eight bits; the output is at most 8/5 of the input.
    static func decode(_ bytes: Span<UInt8>, into output: inout [UInt8]) throws(HPACKError) {
        // The shortest code has five bits.
        try output.append(addingCapacity: bytes.count * 8 / 5) { (span: inout OutputSpan<UInt8>) throws(HPACKError) in
            try decode(bytes, into: &span)
        }
    }

    @_lifetime(output: copy output)
    private static func decode(_ bytes: Span<UInt8>, into output: inout OutputSpan<UInt8>) throws(HPACKError) {
        // Bits wait in the high end of `pending`; what is below `bitCount` is zero.
        var pending: UInt64 = 0
        var bitCount = 0
        var offset = 0
        while true {
            if bitCount <= 32, bytes.count - offset >= 4 {
                pending |= UInt64(bytes.readUInt32BigEndian(at: offset)) << UInt64(32 - bitCount)
                bitCount += 32
                offset += 4
            }
            // A code has at most 30 bits.
            while bitCount <= 30, offset < bytes.count {
                pending |= UInt64(bytes[offset]) << UInt64(56 - bitCount)
                bitCount += 8
                offset += 1
            }
            if bitCount == 0 { return }
            let entry = HuffmanTables.short[Int(pending >> 56)]
            let length: Int
            let symbol: UInt8
            if entry != 0 {
                length = Int(entry >> 8)
                symbol = UInt8(truncatingIfNeeded: entry)
            } else {
                (length, symbol) = try decodeLong(UInt32(truncatingIfNeeded: pending >> 32), available: bitCount)
            }
            if length > bitCount {
                // No code is all ones and shorter than eight bits, so padding always ends up here.
                guard bitCount < 8, isPadding(pending, bitCount) else { throw .invalidHuffmanCode }
                return
            }
            output.append(symbol)
            pending <<= UInt64(length)
            bitCount -= length
        }
    }

    /// Whether the `count` highest bits are all ones.
    private static func isPadding(_ pending: UInt64, _ count: Int) -> Bool {
        pending >> UInt64(64 - count) == 1 << UInt64(count) - 1
    }

    private static func decodeLong(
        _ bits: UInt32, available: Int
    ) throws(HPACKError) -> (length: Int, symbol: UInt8) {
        for index in HuffmanTables.longLast.indices where bits <= HuffmanTables.longLast[index] {
            let length = Int(HuffmanTables.longLengths[index])
            let distance = (bits - HuffmanTables.longFirst[index]) >> UInt32(32 - length)
            let symbol = HuffmanTables.longSymbols[Int(HuffmanTables.longOffset[index]) + Int(distance)]
            // Fewer bits than the code has: the caller decides whether they are padding.
            if length > available { return (length, 0) }
            guard symbol < 256 else { throw .invalidHuffmanCode }
            return (length, UInt8(truncatingIfNeeded: symbol))
        }
        throw .invalidHuffmanCode
    }
}
