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
    package func readUInt64BigEndian(at offset: Int) -> UInt64 {
        UInt64(readUInt32BigEndian(at: offset)) << 32 | UInt64(readUInt32BigEndian(at: offset + 4))
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

    /// Compares eight octets at a time, which the optimiser does not do by itself for a loop that may end early.
    @unsafe
    @inlinable
    static func isSame(_ left: UnsafeRawPointer, _ right: UnsafeRawPointer, _ count: Int) -> Bool {
        var offset = 0
        while count - offset >= 8 {
            let (one, other) = unsafe (
                left.loadUnaligned(fromByteOffset: offset, as: UInt64.self),
                right.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            )
            if one != other { return false }
            offset += 8
        }
        while offset < count {
            let (one, other) = unsafe (
                left.load(fromByteOffset: offset, as: UInt8.self), right.load(fromByteOffset: offset, as: UInt8.self)
            )
            if one != other { return false }
            offset += 1
        }
        return true
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
