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

    /// Octets behind the encoding that `encode` overwrites.
    static var encodingSlack: Int { 8 }

    /// Writes the encoding of `bytes` at `position`, padded with ones (§5.2).
    ///
    /// `output` has room for `encodedLength` and `encodingSlack`: eight octets are written at a time, so that no branch
    /// depends on code lengths, unless a code is rare.
    @_lifetime(output: copy output)
    static func encode(_ bytes: Span<UInt8>, into output: inout MutableSpan<UInt8>, at position: Int) {
        var writer = BitWriter(position: position)
        var index = 0
        while bytes.count - index >= 4 {
            var codes: UInt64 = 0
            var bitCount: UInt64 = 0
            for next in index..<(index + 4) { append(bytes[next], to: &codes, &bitCount) }
            // Seven bits may be left over from before; only codes of control characters and of octets above 127 are long.
            guard bitCount <= 56 else { break }
            writer.write(codes, bitCount, into: &output)
            index += 4
        }
        while index < bytes.count {
            var code: UInt64 = 0
            var bitCount: UInt64 = 0
            append(bytes[index], to: &code, &bitCount)
            writer.write(code, bitCount, into: &output)
            index += 1
        }
        writer.pad(&output)
    }

    @inline(__always)
    private static func append(_ symbol: UInt8, to codes: inout UInt64, _ bitCount: inout UInt64) {
        let length = UInt64(HuffmanTables.lengths[Int(symbol)])
        codes = codes &<< length | UInt64(HuffmanTables.codes[Int(symbol)])
        bitCount &+= length
    }

    /// Writes bits behind each other; at most seven wait, in the high end of `pending`.
    private struct BitWriter {
        var position: Int
        var pending: UInt64 = 0
        var count: UInt64 = 0

        init(position: Int) {
            self.position = position
        }

        /// Writes the low `length` bits of `bits`, 1 to 56.
        @inline(__always)
        @_lifetime(output: copy output)
        mutating func write(_ bits: UInt64, _ length: UInt64, into output: inout MutableSpan<UInt8>) {
            count &+= length
            pending |= bits &<< (64 &- count)
            output.writeUInt64BigEndian(pending, at: position)
            position &+= Int(truncatingIfNeeded: count &>> 3)
            pending &<<= count & ~7
            count &= 7
        }

        /// Fills the last octet with ones.
        @_lifetime(output: copy output)
        mutating func pad(_ output: inout MutableSpan<UInt8>) {
            guard count > 0 else { return }
            output[position] = UInt8(truncatingIfNeeded: pending &>> 56) | 0xFF &>> UInt8(truncatingIfNeeded: count)
        }
    }

    /// Appends the decoding of `bytes`.
    ///
    /// - Throws: `.invalidHuffmanCode` for EOS inside, for padding of eight bits or more, or that is not all ones (§5.2).
    /// - Complexity: one table look-up per symbol of up to eight bits; the output is at most 8/5 of the input.
    static func decode(_ bytes: Span<UInt8>, into output: inout UniqueArray<UInt8>) throws(HPACKError) {
        let start = output.count
        // The shortest code has five bits.
        output.appendUninitialized(bytes.count * 8 / 5)
        var span = output.mutableSpan
        let end = try decode(bytes, into: &span, at: start)
        output.removeLast(output.count - end)
    }

    /// - Returns: the position behind the last octet written.
    @_lifetime(output: copy output)
    private static func decode(
        _ bytes: Span<UInt8>, into output: inout MutableSpan<UInt8>, at start: Int
    ) throws(HPACKError) -> Int {
        // Bits wait in the high end of `pending`.
        var pending: UInt64 = 0
        var bitCount = 0
        var offset = 0
        var position = start
        // While eight octets can be read at once, up to seven codes of at most eight bits follow each reading.
        while bytes.count - offset >= 8 {
            pending |= bytes.readUInt64BigEndian(at: offset) &>> UInt64(bitCount)
            let taken = (63 - bitCount) >> 3
            offset += taken
            bitCount += taken * 8
            var symbols = 0
            while symbols < 7 {
                let entry = HuffmanTables.short[Int(pending >> 56)]
                guard entry != 0 else { break }
                output[position] = UInt8(truncatingIfNeeded: entry)
                position += 1
                let length = UInt64(entry >> 8)
                pending &<<= length
                bitCount &-= Int(length)
                symbols += 1
            }
            guard symbols == 0 else { continue }
            let (length, symbol) = try decodeLong(UInt32(truncatingIfNeeded: pending >> 32), available: bitCount)
            output[position] = symbol
            position += 1
            pending &<<= UInt64(length)
            bitCount -= length
        }
        // Below the bits that count are some of octets that have not been taken.
        pending &= ~(UInt64.max >> UInt64(bitCount))
        while true {
            // Codes have at most 30 bits.
            while bitCount <= 30, offset < bytes.count {
                pending |= UInt64(bytes[offset]) << UInt64(56 - bitCount)
                bitCount += 8
                offset += 1
            }
            if bitCount == 0 { return position }
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
                return position
            }
            output[position] = symbol
            position += 1
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
