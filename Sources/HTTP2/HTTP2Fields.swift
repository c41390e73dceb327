// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// The field section of the last `.headers` event: names and values in the order received, as octets.
///
/// Valid until the next call of `receive`. All octets lie in one array, which is reused.
package struct HTTP2Fields: ~Copyable {
    struct Entry {
        /// Where the name begins; the value is behind it.
        var offset: UInt32
        var nameLength: UInt32
        var valueLength: UInt32
        /// Sent as never-indexed (RFC 7541 §6.2.3): must be passed on the same way.
        var isSensitive: Bool
    }

    var bytes = UniqueArray<UInt8>()
    var entries = UniqueArray<Entry>()
    /// Size as SETTINGS_MAX_HEADER_LIST_SIZE counts it (RFC 9113 §6.5.2): octets plus 32 per field.
    var listSize = 0
    /// Positions of pseudo-header fields by `PseudoField`; -1 when absent.
    var pseudo = InlineArray<6, Int32>(repeating: -1)

    /// An empty list without memory.
    package init() {}

    /// Number of fields, pseudo-header fields included.
    package var count: Int { entries.count }

    /// Name of field `index`, lower case.
    @_lifetime(borrow self)
    package func name(_ index: Int) -> Span<UInt8> {
        let entry = entries[index]
        return bytes.slice(Int(entry.offset), Int(entry.nameLength))
    }

    /// Value of field `index`.
    @_lifetime(borrow self)
    package func value(_ index: Int) -> Span<UInt8> {
        let entry = entries[index]
        return bytes.slice(Int(entry.offset) + Int(entry.nameLength), Int(entry.valueLength))
    }

    /// Whether field `index` came as never-indexed and must be sent on as such (RFC 7541 §7.1.3).
    package func isSensitive(_ index: Int) -> Bool { entries[index].isSensitive }

    /// Whether a pseudo-header field is present.
    package func contains(_ field: PseudoField) -> Bool { pseudo[field.rawValue] >= 0 }

    /// Position of the first field called `name` (lower case), or nil.
    package func firstIndex(of name: StaticString) -> Int? {
        for index in 0..<count where self.name(index).equals(name) { return index }
        return nil
    }

    /// Where the value of a pseudo-header field lies in `bytes`; empty when it is absent.
    func pseudoRange(_ field: PseudoField) -> (offset: Int, length: Int) {
        let index = pseudo[field.rawValue]
        guard index >= 0 else { return (0, 0) }
        let entry = entries[Int(index)]
        return (Int(entry.offset) + Int(entry.nameLength), Int(entry.valueLength))
    }

    /// Value of `:method`; empty when absent.
    package var method: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get {
            let range = pseudoRange(.method)
            return bytes.slice(range.offset, range.length)
        }
    }

    /// Value of `:scheme`; empty when absent.
    package var scheme: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get {
            let range = pseudoRange(.scheme)
            return bytes.slice(range.offset, range.length)
        }
    }

    /// Value of `:authority`; empty when absent.
    package var authority: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get {
            let range = pseudoRange(.authority)
            return bytes.slice(range.offset, range.length)
        }
    }

    /// Value of `:path`; empty when absent.
    package var path: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get {
            let range = pseudoRange(.path)
            return bytes.slice(range.offset, range.length)
        }
    }

    /// Value of `:protocol` (RFC 8441); empty when absent.
    package var `protocol`: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get {
            let range = pseudoRange(.protocol)
            return bytes.slice(range.offset, range.length)
        }
    }

    /// Value of `:status` as a number; 0 when absent.
    package var status: Int {
        let range = pseudoRange(.status)
        let text = bytes.slice(range.offset, range.length)
        guard text.count == 3 else { return 0 }
        return Int(text[0] &- 48) * 100 + Int(text[1] &- 48) * 10 + Int(text[2] &- 48)
    }

    /// Empties the list, keeping a little memory.
    package mutating func reset() {
        bytes.removeAll()
        entries.removeAll()
        listSize = 0
        pseudo = InlineArray(repeating: -1)
    }

    /// Gives memory back; for connections that are idle.
    mutating func releaseMemory() {
        bytes.releaseMemory()
        entries.releaseMemory()
        reset()
    }
}

/// Pseudo-header fields (RFC 9113 §8.3, RFC 8441 §4).
package enum PseudoField: Int, Sendable {
    case method
    case scheme
    case authority
    case path
    case `protocol`
    case status
}
