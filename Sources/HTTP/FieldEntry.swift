// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// Where a field of a `FieldList` lies in its octets.
struct FieldEntry {
    var nameOffset: UInt32
    var nameLength: UInt32
    var valueOffset: UInt32
    var valueLength: UInt32
    /// `FieldList.hash(of:)` of the name.
    var hash: UInt32
    /// Must not enter a compression table, here or at any hop behind us (RFC 7541 §7.1.3).
    var isSensitive: Bool

    var name: Range<Int> { Int(nameOffset)..<Int(nameOffset) + Int(nameLength) }
    var value: Range<Int> { Int(valueOffset)..<Int(valueOffset) + Int(valueLength) }
}
