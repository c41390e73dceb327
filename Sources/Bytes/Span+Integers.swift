// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

extension Span where Element == UInt8 {
    /// The big-endian 16-bit integer at `offset`; the caller has checked that two bytes are there (trap otherwise).
    @inlinable
    package func readUInt16BigEndian(at offset: Int) -> UInt16 {
        UInt16(self[offset]) << 8 | UInt16(self[offset + 1])
    }

    /// The big-endian 32-bit integer at `offset`; the caller has checked that four bytes are there (trap otherwise).
    @inlinable
    @inline(__always)
    package func readUInt32BigEndian(at offset: Int) -> UInt32 {
        precondition(offset >= 0 && count - offset >= 4)
        // Safety: the precondition bounds the four bytes and makes the region non-empty.
        // swift-format-ignore: NeverForceUnwrap
        return unsafe self.withUnsafeBufferPointer { bytes in
            unsafe UInt32(
                bigEndian: UnsafeRawPointer(bytes.baseAddress!).loadUnaligned(fromByteOffset: offset, as: UInt32.self))
        }
    }

    /// The big-endian 64-bit integer at `offset`; the caller has checked that eight bytes are there (trap otherwise).
    @inlinable
    @inline(__always)
    package func readUInt64BigEndian(at offset: Int) -> UInt64 {
        precondition(offset >= 0 && count - offset >= 8)
        // Safety: the precondition bounds the eight bytes and makes the region non-empty.
        // swift-format-ignore: NeverForceUnwrap
        return unsafe self.withUnsafeBufferPointer { bytes in
            unsafe UInt64(
                bigEndian: UnsafeRawPointer(bytes.baseAddress!).loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        }
    }

    /// Whether the bytes equal the UTF-8 of `text`.
    @inlinable
    package func equals(_ text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        return unsafe withUnsafeBufferPointer { bytes in
            guard let base = bytes.baseAddress else { return true }
            // Safety: both regions hold `count` octets.
            return unsafe Self.isSame(UnsafeRawPointer(base), UnsafeRawPointer(text.utf8Start), count)
        }
    }

    /// Whether the two hold the same bytes.
    @inlinable
    package func equals(_ other: Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        return unsafe withUnsafeBufferPointer { left in
            unsafe other.withUnsafeBufferPointer { right in
                guard let left = left.baseAddress, let right = right.baseAddress else { return true }
                // Safety: both regions hold `count` octets.
                return unsafe Self.isSame(UnsafeRawPointer(left), UnsafeRawPointer(right), count)
            }
        }
    }

    /// Compares eight octets at a time, which the optimiser does not do by itself for a loop that may end early; the last
    /// eight may overlap those before.
    @unsafe
    @inlinable
    static func isSame(_ left: UnsafeRawPointer, _ right: UnsafeRawPointer, _ count: Int) -> Bool {
        if count < 8 { return unsafe isSameShort(left, right, count) }
        let last = count &- 8
        var offset = 0
        while offset < last {
            guard unsafe isSameWord(left, right, offset, UInt64.self) else { return false }
            offset &+= 8
        }
        return unsafe isSameWord(left, right, last, UInt64.self)
    }

    @unsafe
    @inlinable
    @inline(__always)
    static func isSameShort(_ left: UnsafeRawPointer, _ right: UnsafeRawPointer, _ count: Int) -> Bool {
        if count >= 4 {
            return unsafe isSameWord(left, right, 0, UInt32.self) && isSameWord(left, right, count &- 4, UInt32.self)
        }
        for offset in 0..<count where unsafe !isSameWord(left, right, offset, UInt8.self) { return false }
        return true
    }

    @unsafe
    @inlinable
    @inline(__always)
    static func isSameWord<Word: FixedWidthInteger & BitwiseCopyable>(
        _ left: UnsafeRawPointer, _ right: UnsafeRawPointer, _ offset: Int, _ word: Word.Type
    ) -> Bool {
        unsafe left.loadUnaligned(fromByteOffset: offset, as: Word.self)
            == right.loadUnaligned(fromByteOffset: offset, as: Word.self)
    }
}

extension Array where Element == UInt8 {
    /// A copy of `bytes`.
    @inlinable
    package init(copying bytes: Span<UInt8>) {
        self = unsafe bytes.withUnsafeBufferPointer { unsafe Array($0) }
    }

    /// Appends a copy of `bytes`.
    @inlinable
    package mutating func append(copying bytes: Span<UInt8>) {
        unsafe bytes.withUnsafeBufferPointer { unsafe self.append(contentsOf: $0) }
    }
}

extension String {
    /// The text of `bytes`; what is not UTF-8 is replaced (U+FFFD), so the result may always be logged.
    package init(decoding bytes: Span<UInt8>) {
        self = unsafe bytes.withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
    }
}
