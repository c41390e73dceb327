// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// Decodes header blocks (RFC 7541 §3, §6) into an `HTTP2Fields`.
///
/// Memory is bounded by the dynamic table and by `maxListSize`: fields beyond it are decoded for the sake of the table's
/// state but not kept. Time is linear in the block: what an index refers to is not copied any more once over the limit.
package struct HPACKDecoder: ~Copyable {
    private var table: HPACKDynamicTable
    /// The size our SETTINGS allow, in force once acknowledged.
    private(set) var limit: Int
    /// The peer must begin its next block with a size update (RFC 7541 §4.2).
    private var requiresSizeUpdate = false

    /// A decoder whose dynamic table has the size that RFC 9113 §6.5.2 gives before SETTINGS.
    package init() {
        table = HPACKDynamicTable(maxSize: 4_096)
        limit = 4_096
    }

    /// Memory of the dynamic table.
    var memoryBytes: Int { table.memoryBytes }

    /// Size of the dynamic table now.
    var tableSize: Int { table.size }

    /// Gives back what the entries do not need; they stay, since only the peer can have them forgotten.
    mutating func trimMemory() { table.trim() }

    /// Our SETTINGS_HEADER_TABLE_SIZE has been acknowledged.
    mutating func apply(limit newValue: Int) {
        limit = newValue
        if table.maxSize > newValue { requiresSizeUpdate = true }
    }

    /// Decodes a whole header block.
    ///
    /// - Parameter maxListSize: what is kept at most, counted as RFC 9113 §6.5.2 counts.
    /// - Returns: false when the list is larger than that; the table is right in that case too.
    /// - Throws: what the block breaks; the table is of no use then, and the connection is over (RFC 9113 §4.3).
    package mutating func decode(
        _ block: Span<UInt8>, into fields: inout HTTP2Fields, maxListSize: Int
    ) throws(HPACKError) -> Bool {
        var offset = 0
        var mayUpdateSize = true
        while offset < block.count {
            let first = block[offset]
            if first & 0x80 != 0 {
                let index = try Self.integer(block, &offset, prefix: 7)
                try checkSizeUpdate()
                try appendIndexed(index, to: &fields, maxListSize: maxListSize)
            } else if first & 0xE0 == 0x20 {
                guard mayUpdateSize else { throw .invalidSizeUpdate }
                let size = try Self.integer(block, &offset, prefix: 5)
                guard size <= limit else { throw .invalidSizeUpdate }
                table.setMaxSize(size)
                requiresSizeUpdate = false
                continue
            } else {
                try checkSizeUpdate()
                try appendLiteral(block, &offset, first, to: &fields, maxListSize: maxListSize)
            }
            mayUpdateSize = false
        }
        return fields.listSize <= maxListSize
    }

    @inline(__always)
    private func checkSizeUpdate() throws(HPACKError) {
        if requiresSizeUpdate { throw .invalidSizeUpdate }
    }

    @inline(__always)
    private func appendIndexed(_ index: Int, to fields: inout HTTP2Fields, maxListSize: Int) throws(HPACKError) {
        let position = index - HPACKStaticTable.count - 1
        guard index > 0, position < table.count else { throw .invalidIndex }
        if position < 0 {
            Self.keep(HPACKStaticTable.field(index), HPACKStaticTable.nameLength(index), in: &fields, maxListSize)
        } else {
            let entry = table.entry(position)
            Self.keep(table.field(of: entry), Int(entry.nameLength), in: &fields, maxListSize)
        }
    }

    @inline(__always)
    private static func keep(
        _ field: Span<UInt8>, _ nameLength: Int, in fields: inout HTTP2Fields, _ maxListSize: Int
    ) {
        guard fields.account(field.count, maxListSize) else { return }
        let start = fields.bytes.count
        fields.bytes.append(copying: field)
        fields.append(at: start, nameLength: nameLength, isSensitive: false)
    }

    private mutating func appendLiteral(
        _ block: Span<UInt8>, _ offset: inout Int, _ first: UInt8, to fields: inout HTTP2Fields, maxListSize: Int
    ) throws(HPACKError) {
        let isIndexed = first & 0x40 != 0
        let nameIndex = try Self.integer(block, &offset, prefix: isIndexed ? 6 : 4)
        let start = fields.bytes.count
        if nameIndex == 0 {
            try Self.string(block, &offset, into: &fields.bytes)
        } else if nameIndex <= HPACKStaticTable.count {
            fields.bytes.append(copying: HPACKStaticTable.name(nameIndex))
        } else {
            guard nameIndex <= HPACKStaticTable.count + table.count else { throw .invalidIndex }
            let entry = table.entry(nameIndex - HPACKStaticTable.count - 1)
            fields.bytes.append(copying: table.name(of: entry))
        }
        let middle = fields.bytes.count
        try Self.string(block, &offset, into: &fields.bytes)
        let length = fields.bytes.count - start
        if isIndexed { table.insert(field: fields.bytes.slice(start, length), nameLength: middle - start) }
        if fields.account(length, maxListSize) {
            fields.append(at: start, nameLength: middle - start, isSensitive: first & 0xF0 == 0x10)
        } else {
            fields.bytes.removeLast(length)
        }
    }

    /// RFC 7541 §5.1; at most 2²⁸ and five octets, more than any limit of ours.
    @inline(__always)
    static func integer(_ block: Span<UInt8>, _ offset: inout Int, prefix: Int) throws(HPACKError) -> Int {
        guard offset < block.count else { throw .truncated }
        let mask = 1 << prefix - 1
        let value = Int(block[offset]) & mask
        offset += 1
        return value < mask ? value : try longInteger(block, &offset, value)
    }

    /// The octets of an integer behind its prefix, which is worth `value`.
    @inline(never)
    private static func longInteger(
        _ block: Span<UInt8>, _ offset: inout Int, _ value: Int
    ) throws(HPACKError) -> Int {
        var value = value
        var shift = 0
        while true {
            guard offset < block.count else { throw .truncated }
            guard shift <= 21 else { throw .integerTooLarge }
            let octet = block[offset]
            offset += 1
            value += Int(octet & 0x7F) << shift
            if octet & 0x80 == 0 { return value }
            shift += 7
        }
    }

    /// RFC 7541 §5.2.
    private static func string(
        _ block: Span<UInt8>, _ offset: inout Int, into bytes: inout UniqueArray<UInt8>
    ) throws(HPACKError) {
        guard offset < block.count else { throw .truncated }
        let isHuffman = block[offset] & 0x80 != 0
        let length = try integer(block, &offset, prefix: 7)
        guard length <= block.count - offset else { throw .truncated }
        let text = block.extracting(offset..<(offset + length))
        offset += length
        if isHuffman {
            try Huffman.decode(text, into: &bytes)
        } else {
            bytes.append(copying: text)
        }
    }
}

extension HTTP2Fields {
    /// Counts a field of `length` octets.
    ///
    /// - Returns: whether the list is still within `maxListSize`, so that the field is to be kept.
    @inline(__always)
    mutating func account(_ length: Int, _ maxListSize: Int) -> Bool {
        listSize += length + HPACKDynamicTable.entryOverhead
        return listSize <= maxListSize
    }

    /// Adds the field whose octets are the last ones of `bytes`, from `start` on.
    @inline(__always)
    mutating func append(at start: Int, nameLength: Int, isSensitive: Bool) {
        entries.append(
            Entry(
                offset: UInt32(truncatingIfNeeded: start), nameLength: UInt32(truncatingIfNeeded: nameLength),
                valueLength: UInt32(truncatingIfNeeded: bytes.count - start - nameLength), isSensitive: isSensitive))
    }
}
