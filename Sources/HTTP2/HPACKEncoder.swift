// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// Encodes header blocks (RFC 7541 §6) into an `OutputBuffer`.
package struct HPACKEncoder: ~Copyable {
    private var table: HPACKDynamicTable
    private var search = HPACKSearchIndex()
    /// What we want at most, whatever the peer allows.
    private let wanted: Int
    /// The smallest size since the last block, to be announced first (RFC 7541 §4.2); -1 when nothing is due.
    private var smallestDue = -1

    /// Starts with the size that RFC 9113 §6.5.2 gives before SETTINGS.
    ///
    /// - Parameter wanted: octets of the dynamic table at most, whatever the peer allows.
    package init(wanted: Int) {
        self.wanted = wanted
        table = HPACKDynamicTable(maxSize: min(wanted, 4_096))
        if wanted < 4_096 { smallestDue = wanted }
    }

    /// Memory of the dynamic table and of what finds fields in it.
    var memoryBytes: Int { table.memoryBytes + search.memoryBytes }

    /// Size of the dynamic table now.
    var tableSize: Int { table.size }

    /// The peer's SETTINGS_HEADER_TABLE_SIZE arrived.
    mutating func apply(limit: Int) {
        let size = min(limit, wanted)
        guard size != table.maxSize else { return }
        smallestDue = smallestDue < 0 ? min(size, table.maxSize) : min(smallestDue, size)
        table.setMaxSize(size)
    }

    /// Forgets the dynamic table; the next block tells the peer (RFC 7541 §4.3).
    mutating func releaseMemory() {
        guard table.count > 0 else { return }
        smallestDue = 0
        let size = table.maxSize
        table.releaseMemory()
        table.setMaxSize(size)
        search.releaseMemory()
    }

    /// Begins a header block: announces size changes (RFC 7541 §4.2).
    package mutating func begin(into output: inout OutputBuffer) {
        guard smallestDue >= 0 else { return }
        if smallestDue < table.maxSize { Self.integer(smallestDue, prefix: 5, flags: 0x20, into: &output) }
        Self.integer(table.maxSize, prefix: 5, flags: 0x20, into: &output)
        smallestDue = -1
    }

    /// Appends a fully indexed field of the static table (RFC 7541 §6.1).
    func encode(staticIndex: Int, into output: inout OutputBuffer) {
        output.append(0x80 | UInt8(staticIndex))
    }

    /// Appends one field.
    ///
    /// - Parameter staticName: an index of the static table with the same name, or 0 when the caller has none at hand.
    package mutating func encode(
        name: Span<UInt8>, value: Span<UInt8>, staticName: Int, indexing: FieldIndexing, into output: inout OutputBuffer
    ) {
        let nameHash = HPACKSearchIndex.hash(name)
        // Pseudo-header fields mostly are in the static table, others in the dynamic one.
        let isPseudo = staticName != 0 || name.count > 0 && name[0] == UInt8(ascii: ":")
        var nameIndex = staticName
        if isPseudo {
            if nameIndex == 0 { nameIndex = HPACKStaticTable.find(name: name, hash: nameHash) }
            if encodeStatic(nameIndex, value, indexing, into: &output) { return }
        }
        let hash = HPACKSearchIndex.hash(name: nameHash, value: HPACKSearchIndex.hash(value))
        if indexing != .neverIndexed, let index = search.find(hash, name: name, value: value, in: table) {
            Self.integer(HPACKStaticTable.count + 1 + index, prefix: 7, flags: 0x80, into: &output)
            return
        }
        if !isPseudo {
            nameIndex = HPACKStaticTable.find(name: name, hash: nameHash)
            if encodeStatic(nameIndex, value, indexing, into: &output) { return }
        }
        encodeLiteral(nameIndex, name, value, (nameHash, hash), indexing, into: &output)
    }

    /// Appends a field that is in neither table, and enters it if that is of use.
    @inline(never)
    private mutating func encodeLiteral(
        _ staticName: Int, _ name: Span<UInt8>, _ value: Span<UInt8>, _ hashes: (name: UInt32, field: UInt32),
        _ indexing: FieldIndexing, into output: inout OutputBuffer
    ) {
        var nameIndex = staticName
        let policy = indexing == .automatic ? Self.policy(nameIndex, name, value) : indexing
        if nameIndex == 0, let index = search.find(nameHash: hashes.name, name: name, in: table) {
            nameIndex = HPACKStaticTable.count + 1 + index
        }
        // A value too large for half of the table would throw out what is of use.
        let cost = name.count + value.count + HPACKDynamicTable.entryOverhead
        guard policy == .indexed, cost <= table.maxSize / 2 else {
            literal(nameIndex, policy == .neverIndexed ? 0x10 : 0, prefix: 4, name: name, value: value, into: &output)
            return
        }
        literal(nameIndex, 0x40, prefix: 6, name: name, value: value, into: &output)
        search.insert(hashes.field, nameHash: hashes.name, name: name, value: value, into: &table)
    }

    /// Writes the index of a static entry with this very value.
    ///
    /// - Returns: false, with nothing written, when there is none or the field must not be indexed.
    @inline(__always)
    private func encodeStatic(
        _ nameIndex: Int, _ value: Span<UInt8>, _ indexing: FieldIndexing, into output: inout OutputBuffer
    ) -> Bool {
        guard HPACKStaticTable.hasValues(nameIndex), indexing != .neverIndexed else { return false }
        let index = HPACKStaticTable.find(value: value, nameIndex: nameIndex)
        if index > 0 { output.append(0x80 | UInt8(truncatingIfNeeded: index)) }
        return index > 0
    }

    private func literal(
        _ nameIndex: Int, _ flags: UInt8, prefix: Int, name: Span<UInt8>, value: Span<UInt8>,
        into output: inout OutputBuffer
    ) {
        Self.integer(nameIndex, prefix: prefix, flags: flags, into: &output)
        if nameIndex == 0 { Self.string(name, into: &output) }
        Self.string(value, into: &output)
    }

    /// RFC 7541 §5.1.
    @inline(__always)
    static func integer(_ value: Int, prefix: Int, flags: UInt8, into output: inout OutputBuffer) {
        let mask = 1 << prefix - 1
        if value < mask {
            output.append(flags | UInt8(truncatingIfNeeded: value))
        } else {
            output.append(flags | UInt8(truncatingIfNeeded: mask))
            longInteger(value - mask, into: &output)
        }
    }

    /// The octets of an integer behind its prefix.
    @inline(never)
    private static func longInteger(_ value: Int, into output: inout OutputBuffer) {
        var rest = value
        while rest >= 0x80 {
            output.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        output.append(UInt8(rest))
    }

    /// RFC 7541 §5.2; Huffman when that is shorter.
    private static func string(_ text: Span<UInt8>, into output: inout OutputBuffer) {
        let length = Huffman.encodedLength(text)
        if length < text.count {
            integer(length, prefix: 7, flags: 0x80, into: &output)
            output.appendHuffman(text, length: length)
        } else {
            integer(text.count, prefix: 7, flags: 0, into: &output)
            output.append(copying: text)
        }
    }

    /// What `.automatic` means for a field.
    ///
    /// - Parameter nameIndex: the index of the name in the static table, 0 when it is not there.
    private static func policy(_ nameIndex: Int, _ name: Span<UInt8>, _ value: Span<UInt8>) -> FieldIndexing {
        switch nameIndex {
        case 0: isNewWithEachMessage(name) ? .notIndexed : .indexed
        // :path, age, content-length, content-range, etag, if-modified-since, if-none-match, last-modified, location.
        // A date changes once a second at most and is worth its place, as nghttp2 finds too.
        case 4, 21, 28, 30, 34, 40, 41, 44, 46: .notIndexed
        // authorization, proxy-authorization, set-cookie.
        case 23, 49, 55: .neverIndexed
        // Short cookies can be guessed by probing (RFC 7541 §7.1.3); nghttp2 draws the line at 20 octets too.
        case 32: value.count < 20 ? .neverIndexed : .indexed
        default: .indexed
        }
    }

    /// Identifiers of requests, which the static table does not know.
    private static func isNewWithEachMessage(_ name: Span<UInt8>) -> Bool {
        switch name.count {
        case 10: name.equals("tracestate")
        case 11: name.equals("traceparent")
        case 12: name.equals("x-request-id")
        default: false
        }
    }
}
