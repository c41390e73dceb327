// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// Reads the fields of a Protocol Buffers message one after the other (protobuf.dev, "Encoding").
///
/// It never allocates: text and nested messages are ranges of the input.
package struct ProtobufReader: Sendable {
    /// The value of a field.
    package enum Value: Hashable, Sendable {
        case varint(UInt64)
        case fixed64(UInt64)
        /// Where the octets lie in the input.
        case bytes(Range<Int>)
        case fixed32(UInt32)
    }

    /// A field.
    package struct Field: Hashable, Sendable {
        /// The number in the definition.
        package let number: UInt32
        /// The value.
        package let value: Value

        /// The octets of a text, bytes or message field.
        ///
        /// - Throws: `.unexpectedWireType`.
        package func bytes() throws(ProtobufError) -> Range<Int> {
            guard case .bytes(let range) = value else { throw .unexpectedWireType }
            return range
        }

        /// The number of an integer, enumeration or boolean field.
        ///
        /// - Throws: `.unexpectedWireType`.
        package func integer() throws(ProtobufError) -> UInt64 {
            guard case .varint(let number) = value else { throw .unexpectedWireType }
            return number
        }
    }

    /// The most fields of one message that are read; ours have a dozen, chains some hundred.
    package static let maximumFields = 4_096

    private var offset: Int
    private let end: Int
    private var count = 0

    /// Reads `range` of an input, which `next` must always be given.
    package init(_ range: Range<Int>) {
        offset = range.lowerBound
        end = range.upperBound
    }

    /// The next field; nil at the end.
    ///
    /// - Throws: `.truncated`, `.varintTooLong`, `.invalidFieldNumber`, `.invalidWireType`, `.tooManyFields`.
    package mutating func next(_ input: Span<UInt8>) throws(ProtobufError) -> Field? {
        guard offset < end else { return nil }
        count += 1
        guard count <= Self.maximumFields else { throw .tooManyFields }
        let key = try varint(input)
        guard key >> 3 > 0, key >> 3 < 1 << 29 else { throw .invalidFieldNumber }
        let number = UInt32(key >> 3)
        switch key & 7 {
        case 0: return Field(number: number, value: .varint(try varint(input)))
        case 1:
            let start = try take(8)
            return Field(number: number, value: .fixed64(Self.littleEndian(input, start, 8)))
        case 2:
            let length = try varint(input)
            guard length <= UInt64(end - offset) else { throw .truncated }
            let start = try take(Int(length))
            return Field(number: number, value: .bytes(start..<(start + Int(length))))
        case 5:
            let start = try take(4)
            return Field(number: number, value: .fixed32(UInt32(Self.littleEndian(input, start, 4))))
        default: throw .invalidWireType
        }
    }

    /// The text in a range of the input.
    ///
    /// - Throws: `.invalidText`.
    package static func text(_ input: Span<UInt8>, _ range: Range<Int>) throws(ProtobufError) -> String {
        guard let text = String(validating: Array(copying: input.extracting(range)), as: UTF8.self) else {
            throw .invalidText
        }
        return text
    }

    private mutating func take(_ length: Int) throws(ProtobufError) -> Int {
        guard length <= end - offset else { throw .truncated }
        defer { offset += length }
        return offset
    }

    private mutating func varint(_ input: Span<UInt8>) throws(ProtobufError) -> UInt64 {
        var value: UInt64 = 0
        for position in 0..<10 {
            guard offset < end else { throw .truncated }
            let byte = input[offset]
            offset += 1
            guard position < 9 || byte <= 1 else { throw .varintTooLong }
            value |= UInt64(byte & 0x7F) << UInt64(7 * position)
            if byte & 0x80 == 0 { return value }
        }
        throw .varintTooLong
    }

    private static func littleEndian(_ input: Span<UInt8>, _ start: Int, _ count: Int) -> UInt64 {
        var value: UInt64 = 0
        for index in (0..<count).reversed() { value = value << 8 | UInt64(input[start + index]) }
        return value
    }
}
