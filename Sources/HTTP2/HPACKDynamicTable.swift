// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// The dynamic table of HPACK (RFC 7541 §2.3.2, §4): newest entry first, oldest evicted first.
///
/// The octets of all entries lie in one array in order of age; an entry never wraps around. When the end is reached, the
/// live octets are moved to the front. Nothing is allocated before the first insertion.
struct HPACKDynamicTable: ~Copyable {
    struct Entry {
        var offset: UInt32
        var nameLength: UInt32
        var valueLength: UInt32
        /// Hash of name and value, for the encoder's search.
        var hash: UInt32
        /// Numbers of the entries before this one in the encoder's chains (`HPACKSearchIndex`); 0 ends a chain.
        var previousField: UInt32
        var previousName: UInt32

        /// RFC 7541 §4.1.
        var size: Int { Int(nameLength) + Int(valueLength) + HPACKDynamicTable.entryOverhead }
    }

    /// What every entry costs beside its octets (RFC 7541 §4.1).
    static var entryOverhead: Int { 32 }
    /// Octets the array may grow to before compaction is thought of.
    private static var smallCapacity: Int { 256 }

    private var bytes = UniqueArray<UInt8>()
    /// A ring whose capacity is a power of two; entry number n is at n modulo that.
    private var ring = UniqueArray<Entry>()
    private(set) var count = 0
    /// Entries inserted so far; the newest has this number, the first had 1.
    private(set) var newest: UInt32 = 0
    /// Sum of the entries' sizes.
    private(set) var size = 0
    /// The size it may have now.
    private(set) var maxSize: Int

    /// Memory of the entries.
    var memoryBytes: Int { bytes.capacity + ring.capacity * MemoryLayout<Entry>.stride }

    init(maxSize: Int) {
        self.maxSize = maxSize
    }

    /// Entry `index`, 0 being the newest.
    func entry(_ index: Int) -> Entry { ring[slot(newest &- UInt32(truncatingIfNeeded: index))] }

    private func slot(_ number: UInt32) -> Int { Int(number) & (ring.count - 1) }

    /// The number of the oldest entry, when there is one.
    private var oldest: UInt32 { newest &- UInt32(truncatingIfNeeded: count) &+ 1 }

    @_lifetime(borrow self)
    func name(of entry: Entry) -> Span<UInt8> { bytes.slice(Int(entry.offset), Int(entry.nameLength)) }

    @_lifetime(borrow self)
    func value(of entry: Entry) -> Span<UInt8> {
        bytes.slice(Int(entry.offset) + Int(entry.nameLength), Int(entry.valueLength))
    }

    /// Name and value, one behind the other.
    @_lifetime(borrow self)
    func field(of entry: Entry) -> Span<UInt8> {
        bytes.slice(Int(entry.offset), Int(entry.nameLength) + Int(entry.valueLength))
    }

    /// Whether the entry with this number is in the table: not evicted, and not 0.
    @inline(__always)
    func contains(_ number: UInt32) -> Bool { number != 0 && Int(newest &- number) < count }

    /// Position of an entry that is in the table.
    @inline(__always)
    func index(of number: UInt32) -> Int { Int(newest &- number) }

    @inline(__always)
    func hash(of number: UInt32) -> UInt32 { ring[slot(number)].hash }

    @inline(__always)
    func previousField(of number: UInt32) -> UInt32 { ring[slot(number)].previousField }

    @inline(__always)
    func previousName(of number: UInt32) -> UInt32 { ring[slot(number)].previousName }

    /// Whether an entry has this name and value.
    func isField(_ number: UInt32, name: Span<UInt8>, value: Span<UInt8>) -> Bool {
        let entry = ring[slot(number)]
        return self.value(of: entry).equals(value) && self.name(of: entry).equals(name)
    }

    /// Whether an entry has this name.
    func isName(_ number: UInt32, _ name: Span<UInt8>) -> Bool {
        self.name(of: ring[slot(number)]).equals(name)
    }

    /// Changes the size limit and evicts what no longer fits (§4.3).
    mutating func setMaxSize(_ newValue: Int) {
        maxSize = newValue
        evict(until: newValue)
    }

    private mutating func evict(until limit: Int) {
        while size > limit, count > 0 {
            size -= ring[slot(oldest)].size
            count -= 1
        }
    }

    /// Adds an entry; one that is larger than the table only empties it (§4.4).
    ///
    /// - Returns: whether it is in the table now, with the number `newest`.
    @discardableResult
    mutating func insert(
        name: Span<UInt8>, value: Span<UInt8>, hash: UInt32, previousField: UInt32 = 0, previousName: UInt32 = 0
    ) -> Bool {
        guard let offset = makeRoom(name.count + value.count) else { return false }
        bytes.append(copying: name)
        bytes.append(copying: value)
        add(
            Entry(
                offset: offset, nameLength: UInt32(name.count), valueLength: UInt32(value.count), hash: hash,
                previousField: previousField, previousName: previousName))
        return true
    }

    /// Adds an entry whose name and value lie behind each other; for decoders, which do not search.
    mutating func insert(field: Span<UInt8>, nameLength: Int) {
        guard let offset = makeRoom(field.count) else { return }
        bytes.append(copying: field)
        add(
            Entry(
                offset: offset, nameLength: UInt32(nameLength), valueLength: UInt32(field.count - nameLength), hash: 0,
                previousField: 0, previousName: 0))
    }

    /// Evicts until an entry of `length` octets fits.
    ///
    /// - Returns: where its octets go; nil, with an empty table, when it is larger than the table.
    private mutating func makeRoom(_ length: Int) -> UInt32? {
        let cost = length + Self.entryOverhead
        guard cost <= maxSize else {
            evict(until: 0)
            return nil
        }
        evict(until: maxSize - cost)
        compactIfNeeded(for: length)
        return UInt32(bytes.count)
    }

    private mutating func add(_ entry: Entry) {
        if count == ring.count { growRing() }
        newest &+= 1
        ring[slot(newest)] = entry
        count += 1
        size += entry.size
    }

    /// Moves live octets to the front when at least half of the array is dead; otherwise the array grows.
    ///
    /// Live octets are less than `maxSize`, so the array holds less than twice as many.
    private mutating func compactIfNeeded(for length: Int) {
        guard count > 0 else {
            bytes.removeAll()
            return
        }
        guard bytes.count + length > max(bytes.capacity, Self.smallCapacity) else { return }
        if Int(ring[slot(oldest)].offset) >= bytes.count / 2 { compact() }
    }

    private mutating func compact() {
        let start = ring[slot(oldest)].offset
        bytes.removeFirst(Int(start))
        var number = oldest
        for _ in 0..<count {
            ring[slot(number)].offset -= start
            number &+= 1
        }
    }

    /// Drops all entries and the memory behind them.
    mutating func releaseMemory() {
        evict(until: 0)
        bytes.releaseMemory()
        ring.releaseMemory()
    }

    /// Gives back the memory that no entry needs; for connections that are idle.
    mutating func trim() {
        guard count > 0 else {
            releaseMemory()
            return
        }
        compact()
        bytes.trim()
        var capacity = 8
        while capacity < count { capacity *= 2 }
        resizeRing(capacity)
    }

    private mutating func growRing() { resizeRing(max(8, ring.count * 2)) }

    /// Makes another ring for all entries.
    private mutating func resizeRing(_ capacity: Int) {
        var larger = UniqueArray<Entry>()
        larger.reserve(capacity)
        let filler = Entry(offset: 0, nameLength: 0, valueLength: 0, hash: 0, previousField: 0, previousName: 0)
        for _ in 0..<capacity { larger.append(filler) }
        var number = oldest
        for _ in 0..<count {
            larger[Int(number) & (capacity - 1)] = ring[slot(number)]
            number &+= 1
        }
        ring = larger
    }
}
