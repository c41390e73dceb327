// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// The fields of a message in the order received, names in lower case, without pseudo-header fields.
///
/// It holds no connection-specific fields either (RFC 9110 §7.6.1: Connection, Keep-Alive, Transfer-Encoding, Upgrade and
/// what Connection names), nor Host, which is the authority of `RequestHead`: whoever fills it leaves them out, and each
/// protocol writes its own. All octets lie in one array, and a list that is reused allocates nothing once it has grown to
/// the largest message. It checks nothing: names are lower-case tokens, values have been checked by the protocol that
/// received them or by the reader of the configuration.
package struct FieldList: ~Copyable {
    var octets: [UInt8] = []
    var entries: [FieldEntry] = []
    /// One bit for each hash in the list, so that asking for a field that is absent costs next to nothing.
    private var present: UInt64 = 0

    /// Makes an empty list, which holds no memory.
    package init() {}

    /// Number of fields.
    package var count: Int { entries.count }

    /// Whether there is no field.
    package var isEmpty: Bool { entries.isEmpty }

    /// Octets of names and values, replaced and removed ones included.
    package var octetCount: Int { octets.count }

    /// Name of field `index`, lower case.
    @_lifetime(borrow self)
    package borrowing func name(_ index: Int) -> Span<UInt8> {
        octets.span.extracting(entries[index].name)
    }

    /// Value of field `index`.
    @_lifetime(borrow self)
    package borrowing func value(_ index: Int) -> Span<UInt8> {
        octets.span.extracting(entries[index].value)
    }

    /// Whether field `index` must be sent as never-indexed (RFC 7541 §7.1.3).
    package func isSensitive(_ index: Int) -> Bool { entries[index].isSensitive }

    // MARK: Looking up

    /// The number that `firstIndex(of:hash:after:)` compares first; made of the length and both ends of the name.
    package static func hash(of name: Span<UInt8>) -> UInt32 {
        let count = name.count
        var ends: UInt64
        if count >= 4 {
            ends = UInt64(name.readUInt32BigEndian(at: 0)) << 32 | UInt64(name.readUInt32BigEndian(at: count - 4))
        } else {
            ends = 0
            for index in 0..<count { ends = ends << 8 | UInt64(name[index]) }
        }
        ends = (ends ^ UInt64(truncatingIfNeeded: count)) &* 0x9E37_79B9_7F4A_7C15  // 2⁶⁴ divided by the golden ratio
        return UInt32(truncatingIfNeeded: ends >> 32)
    }

    /// Position of the first field called `name` behind position `after`, or nil.
    ///
    /// - Parameters:
    ///   - name: lower case.
    ///   - hash: `hash(of: name)`, which a compiled route keeps.
    ///   - after: -1 for the first of all.
    package func firstIndex(of name: Span<UInt8>, hash: UInt32, after: Int = -1) -> Int? {
        guard present & Self.bit(hash) != 0 else { return nil }
        var index = after + 1
        while index < entries.count {
            if entries[index].hash == hash, octets.span.extracting(entries[index].name).equals(name) { return index }
            index += 1
        }
        return nil
    }

    /// Position of the first field called `name` (lower case) behind position `after`, or nil.
    package func firstIndex(of name: Span<UInt8>, after: Int = -1) -> Int? {
        firstIndex(of: name, hash: Self.hash(of: name), after: after)
    }

    /// Position of the first field called `name` (lower case) behind position `after`, or nil.
    package func firstIndex(of name: StaticString, after: Int = -1) -> Int? {
        firstIndex(of: name.bytes, after: after)
    }

    /// Whether a field is called `name` (lower case).
    package func contains(_ name: StaticString) -> Bool { firstIndex(of: name) != nil }

    /// Value of the first field called `name` (lower case); empty when there is none.
    @_lifetime(borrow self)
    package borrowing func value(of name: StaticString) -> Span<UInt8> {
        guard let index = firstIndex(of: name) else { return octets.span.extracting(0..<0) }
        return value(index)
    }

    /// Appends the values of all fields called `name`, joined as RFC 9110 §5.3 says.
    ///
    /// - Parameters:
    ///   - name: lower case.
    ///   - separator: a comma, or what Cookie wants (`; `, RFC 9113 §8.2.3).
    /// - Returns: whether there is such a field.
    package func appendJoined(
        _ name: Span<UInt8>, hash: UInt32, separator: StaticString = ",", into text: inout [UInt8]
    ) -> Bool {
        guard var index = firstIndex(of: name, hash: hash) else { return false }
        text.append(copying: value(index))
        while let next = firstIndex(of: name, hash: hash, after: index) {
            text.append(copying: separator.bytes)
            text.append(copying: value(next))
            index = next
        }
        return true
    }

    // MARK: Changing

    /// Appends a field behind the others; `name` is lower case.
    package mutating func append(name: Span<UInt8>, value: Span<UInt8>, isSensitive: Bool = false) {
        let hash = Self.hash(of: name)
        let start = UInt32(octets.count)
        octets.append(copying: name)
        octets.append(copying: value)
        entries.append(
            FieldEntry(
                nameOffset: start, nameLength: UInt32(name.count), valueOffset: start + UInt32(name.count),
                valueLength: UInt32(value.count), hash: hash, isSensitive: isSensitive))
        present |= Self.bit(hash)
    }

    /// Appends a field behind the others; `name` is lower case.
    package mutating func append(name: StaticString, value: Span<UInt8>, isSensitive: Bool = false) {
        append(name: name.bytes, value: value, isSensitive: isSensitive)
    }

    /// Makes `value` the only value of `name` (lower case), at the place of the first one if there is one.
    package mutating func set(name: Span<UInt8>, value: Span<UInt8>) {
        let hash = Self.hash(of: name)
        guard let index = firstIndex(of: name, hash: hash) else { return append(name: name, value: value) }
        while let other = firstIndex(of: name, hash: hash, after: index) { entries.remove(at: other) }
        entries[index].valueOffset = UInt32(octets.count)
        entries[index].valueLength = UInt32(value.count)
        octets.append(copying: value)
    }

    /// Makes `value` the only value of `name` (lower case).
    package mutating func set(name: StaticString, value: Span<UInt8>) {
        set(name: name.bytes, value: value)
    }

    /// Appends `value` to the last value of `name` behind a comma, or a field when there is none.
    package mutating func extend(name: StaticString, with value: Span<UInt8>) {
        guard var index = firstIndex(of: name) else { return append(name: name, value: value) }
        while let next = firstIndex(of: name, after: index) { index = next }
        let old = entries[index].value
        entries[index].valueOffset = UInt32(octets.count)
        entries[index].valueLength = UInt32(old.count + 1 + value.count)
        for position in old { octets.append(octets[position]) }
        octets.append(UInt8(ascii: ","))
        octets.append(copying: value)
    }

    /// Removes all fields called `name` (lower case).
    ///
    /// - Returns: whether there was one.
    @discardableResult
    package mutating func remove(_ name: Span<UInt8>) -> Bool {
        let hash = Self.hash(of: name)
        var found = false
        while let index = firstIndex(of: name, hash: hash) {
            entries.remove(at: index)
            found = true
        }
        return found
    }

    /// Removes all fields called `name` (lower case).
    @discardableResult
    package mutating func remove(_ name: StaticString) -> Bool { remove(name.bytes) }

    /// Empties the list and keeps its memory.
    package mutating func removeAll() {
        octets.removeAll(keepingCapacity: true)
        entries.removeAll(keepingCapacity: true)
        present = 0
    }

    /// Becomes a copy of `other`, in its own memory.
    package mutating func assign(_ other: borrowing FieldList) {
        octets.removeAll(keepingCapacity: true)
        entries.removeAll(keepingCapacity: true)
        octets.append(copying: other.octets.span)
        for index in 0..<other.entries.count { entries.append(other.entries[index]) }
        present = other.present
    }

    private static func bit(_ hash: UInt32) -> UInt64 { 1 << UInt64(hash & 63) }
}
