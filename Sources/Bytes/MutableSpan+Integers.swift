// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

extension MutableSpan where Element == UInt8 {
    /// Writes `value` in network order at `offset`; the caller has checked that there is room (trap otherwise).
    @inlinable
    package mutating func writeUInt64BigEndian(_ value: UInt64, at offset: Int) {
        precondition(offset >= 0 && count - offset >= 8)
        // Safety: the precondition bounds the eight bytes and makes the region non-empty.
        unsafe withUnsafeMutableBufferPointer { bytes in
            unsafe UnsafeMutableRawPointer(bytes.baseAddress.unsafelyUnwrapped)
                .storeBytes(of: value.bigEndian, toByteOffset: offset, as: UInt64.self)
        }
    }

    /// Writes `value` in network order at `offset`; the caller has checked that there is room (trap otherwise).
    @inlinable
    package mutating func writeUInt32BigEndian(_ value: UInt32, at offset: Int) {
        precondition(offset >= 0 && count - offset >= 4)
        // Safety: as above, with four bytes.
        unsafe withUnsafeMutableBufferPointer { bytes in
            unsafe UnsafeMutableRawPointer(bytes.baseAddress.unsafelyUnwrapped)
                .storeBytes(of: value.bigEndian, toByteOffset: offset, as: UInt32.self)
        }
    }
}
