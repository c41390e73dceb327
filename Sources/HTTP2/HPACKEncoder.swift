// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// Encodes header blocks (RFC 7541 §6) into an `OutputBuffer`.
struct HPACKEncoder: ~Copyable {
    private var table: HPACKDynamicTable
    private var search = HPACKSearchIndex()
    /// What we want at most, whatever the peer allows.
    private let wanted: Int
    /// The smallest size since the last block, to be announced first (RFC 7541 §4.2); -1 when nothing is due.
    private var smallestDue = -1

    /// Starts with the size that RFC 9113 §6.5.2 gives before SETTINGS.
    init(wanted: Int) {
        self.wanted = wanted
        table = HPACKDynamicTable(maxSize: min(wanted, 4_096))
        if wanted < 4_096 { smallestDue = wanted }
    }

    /// Memory of the dynamic table.
    var memoryBytes: Int { table.memoryBytes }

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

    /// Begins a header block: announces size changes.
    mutating func begin(into output: inout OutputBuffer) {
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
    mutating func encode(
        name: Span<UInt8>, value: Span<UInt8>, staticName: Int, indexing: FieldIndexing, into output: inout OutputBuffer
    ) {
        // Pseudo-header fields mostly are in the static table, others are not.
        var nameIndex = staticName
        let isPseudo = staticName != 0 || name.count > 0 && name[0] == UInt8(ascii: ":")
        if isPseudo {
            if nameIndex == 0 { nameIndex = HPACKStaticTable.find(name: name) }
            if encodeStatic(nameIndex, value, indexing, into: &output) { return }
        }
        let nameHash = HPACKSearchIndex.hash(name)
        let hash = HPACKSearchIndex.hash(name: nameHash, value: HPACKSearchIndex.hash(value))
        if indexing != .neverIndexed, let index = search.find(hash, name: name, value: value, in: table) {
            Self.integer(HPACKStaticTable.count + 1 + index, prefix: 7, flags: 0x80, into: &output)
            return
        }
        if !isPseudo {
            nameIndex = HPACKStaticTable.find(name: name)
            if encodeStatic(nameIndex, value, indexing, into: &output) { return }
        }
        let policy = indexing == .automatic ? Self.policy(name: name, value: value) : indexing
        if nameIndex == 0, let index = search.find(nameHash: nameHash, name: name, in: table) {
            nameIndex = HPACKStaticTable.count + 1 + index
        }
        // A value too large for half of the table would throw out what is of use.
        let cost = name.count + value.count + HPACKDynamicTable.entryOverhead
        guard policy == .indexed, cost <= table.maxSize / 2 else {
            literal(nameIndex, policy == .neverIndexed ? 0x10 : 0, prefix: 4, name: name, value: value, into: &output)
            return
        }
        literal(nameIndex, 0x40, prefix: 6, name: name, value: value, into: &output)
        search.insert(hash, nameHash: nameHash, name: name, value: value, into: &table)
    }

    /// Writes the index of a static entry with this very value.
    ///
    /// - Returns: false, with nothing written, when there is none or the field must not be indexed.
    private func encodeStatic(
        _ nameIndex: Int, _ value: Span<UInt8>, _ indexing: FieldIndexing, into output: inout OutputBuffer
    ) -> Bool {
        guard nameIndex != 0, indexing != .neverIndexed else { return false }
        let index = findStatic(nameIndex, value: value)
        guard index > 0 else { return false }
        output.append(0x80 | UInt8(index))
        return true
    }

    private func literal(
        _ nameIndex: Int, _ flags: UInt8, prefix: Int, name: Span<UInt8>, value: Span<UInt8>,
        into output: inout OutputBuffer
    ) {
        Self.integer(nameIndex, prefix: prefix, flags: flags, into: &output)
        if nameIndex == 0 { Self.string(name, into: &output) }
        Self.string(value, into: &output)
    }

    /// Index of a static entry with this very value, or 0.
    private func findStatic(_ nameIndex: Int, value: Span<UInt8>) -> Int {
        // Only these names have values in the static table (RFC 7541 appendix A).
        let last =
            switch nameIndex {
            case 2: 3
            case 4: 5
            case 6: 7
            case 8: 14
            case 16: 16
            default: 0
            }
        guard last > 0 else { return 0 }
        for index in nameIndex...last where value.equals(HPACKStaticTable.value(index)) { return index }
        return 0
    }

    /// RFC 7541 §5.1.
    static func integer(_ value: Int, prefix: Int, flags: UInt8, into output: inout OutputBuffer) {
        let mask = 1 << prefix - 1
        guard value >= mask else {
            output.append(flags | UInt8(value))
            return
        }
        output.append(flags | UInt8(mask))
        var rest = value - mask
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
    private static func policy(name: Span<UInt8>, value: Span<UInt8>) -> FieldIndexing {
        switch name.count {
        case 3: name.equals("age") ? .notIndexed : .indexed
        // A date changes once a second at most and is worth its place, as nghttp2 finds too.
        case 4: name.equals("etag") ? .notIndexed : .indexed
        case 5: name.equals(":path") ? .notIndexed : .indexed
        // Short cookies can be guessed by probing (RFC 7541 §7.1.3); nghttp2 draws the line at 20 octets too.
        case 6: name.equals("cookie") && value.count < 20 ? .neverIndexed : .indexed
        case 8: name.equals("location") ? .notIndexed : .indexed
        case 10: name.equals("set-cookie") ? .neverIndexed : name.equals("tracestate") ? .notIndexed : .indexed
        case 11: name.equals("traceparent") ? .notIndexed : .indexed
        case 12: name.equals("x-request-id") ? .notIndexed : .indexed
        case 13:
            name.equals("authorization")
                ? .neverIndexed
                : name.equals("if-none-match") || name.equals("last-modified") || name.equals("content-range")
                    ? .notIndexed : .indexed
        case 14: name.equals("content-length") ? .notIndexed : .indexed
        case 17: name.equals("if-modified-since") ? .notIndexed : .indexed
        case 19: name.equals("proxy-authorization") ? .neverIndexed : .indexed
        default: .indexed
        }
    }
}
