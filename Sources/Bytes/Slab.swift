// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// Storage for noncopyable elements, addressed by keys that go stale when their element is removed.
///
/// It grows by chunks and never moves an element, so growth costs one allocation per `chunkSize` elements and nothing is
/// copied. A key is an index and the generation of the slot: a key kept too long misses instead of naming a stranger.
/// Owned by one thread.
///
/// The type is public, which is rare here: Swift 6.3 specialises a generic type of another module only if it is public and its
/// methods inlinable, and code that is not specialised looks up metadata on every call (measured: 10 % of a tunnel's CPU).
@safe
public struct Slab<Element: ~Copyable>: ~Copyable {
    /// Names one element for as long as it is stored.
    public struct Key: Hashable, Sendable {
        /// The slot.
        @usableFromInline package let index: UInt32
        /// Even numbers are free slots; at most 28 bits are used, so that a key fits an epoll token beside a kind.
        @usableFromInline package let generation: UInt32

        /// Puts a key together again that was taken apart to travel through the kernel or another module.
        @inlinable
        package init(index: UInt32, generation: UInt32) {
            self.index = index
            self.generation = generation
        }
    }

    @usableFromInline
    struct Slot: ~Copyable {
        @usableFromInline var generation: UInt32 = 0
        @usableFromInline var nextFree: UInt32 = 0
        @usableFromInline var element: Element?

        @inlinable init() { element = nil }
    }

    @inlinable static var chunkShift: UInt32 { 5 }
    @usableFromInline var chunks: UnsafeMutablePointer<UnsafeMutablePointer<Slot>>
    @usableFromInline var chunkCount = 0
    @usableFromInline var chunkCapacity = 16
    @usableFromInline var firstFree = UInt32.max
    @usableFromInline let limit: Int
    /// Elements stored.
    @inlinable package var count: Int { storedCount }
    @usableFromInline var storedCount = 0

    /// Makes an empty slab.
    ///
    /// - Parameter limit: the number of elements it refuses to exceed.
    @inlinable
    package init(limit: Int) {
        self.limit = limit
        unsafe chunks = .allocate(capacity: 16)
    }

    @inlinable
    deinit {
        let size = 1 << Int(Self.chunkShift)
        for index in 0..<chunkCount {
            unsafe chunks[index].deinitialize(count: size)
            unsafe chunks[index].deallocate()
        }
        unsafe chunks.deallocate()
    }

    /// Stores `element`.
    ///
    /// - Returns: its key, or nil (the element is destroyed) when `limit` elements are stored.
    @inlinable
    package mutating func insert(_ element: consuming Element) -> Key? {
        guard storedCount < limit else { return nil }
        if firstFree == UInt32.max { grow() }
        let index = firstFree
        let slot = unsafe slotPointer(index)
        firstFree = unsafe slot.pointee.nextFree
        unsafe slot.pointee.generation = (slot.pointee.generation &+ 1) & 0x0FFF_FFFF
        unsafe slot.pointee.element = consume element
        storedCount += 1
        return unsafe Key(index: index, generation: slot.pointee.generation)
    }

    /// Removes and returns the element of `key`, or nil when the key is stale.
    @inlinable
    package mutating func remove(_ key: Key) -> Element? {
        guard let slot = unsafe locate(key) else { return nil }
        unsafe slot.pointee.generation = (slot.pointee.generation &+ 1) & 0x0FFF_FFFF
        unsafe slot.pointee.nextFree = firstFree
        firstFree = key.index
        storedCount -= 1
        return unsafe slot.pointee.element.take()
    }

    /// Whether `key` still names an element.
    @inlinable
    package func contains(_ key: Key) -> Bool {
        unsafe locate(key) != nil
    }

    /// Lends the element of `key` to `body`; nil when the key is stale.
    ///
    /// `body` must not insert into or remove from this slab (exclusivity holds it to that).
    @inlinable
    package mutating func withElement<Result: ~Copyable, Failure: Error>(
        _ key: Key, _ body: (inout Element) throws(Failure) -> Result
    ) throws(Failure) -> Result? {
        guard let slot = unsafe locate(key) else { return nil }
        // Safety: a slot that `locate` returns is initialised and holds an element; self is borrowed exclusively.
        // swift-format-ignore: NeverForceUnwrap
        return try unsafe body(&slot.pointee.element!)
    }

    /// Keys of all elements; allocates, so not for the byte path.
    @inlinable
    package var keys: [Key] {
        var result: [Key] = []
        result.reserveCapacity(storedCount)
        for index in 0..<UInt32(chunkCount << Int(Self.chunkShift)) {
            let generation = unsafe slotPointer(index).pointee.generation
            if generation & 1 == 1 { result.append(Key(index: index, generation: generation)) }
        }
        return result
    }

    @unsafe
    @inlinable
    func slotPointer(_ index: UInt32) -> UnsafeMutablePointer<Slot> {
        unsafe chunks[Int(index >> Self.chunkShift)] + Int(index & (1 << Self.chunkShift - 1))
    }

    @unsafe
    @inlinable
    func locate(_ key: Key) -> UnsafeMutablePointer<Slot>? {
        guard key.generation & 1 == 1, Int(key.index >> Self.chunkShift) < chunkCount else { return nil }
        let slot = unsafe slotPointer(key.index)
        return unsafe slot.pointee.generation == key.generation ? slot : nil
    }

    @inlinable
    mutating func grow() {
        if chunkCount == chunkCapacity {
            let larger = UnsafeMutablePointer<UnsafeMutablePointer<Slot>>.allocate(capacity: chunkCapacity * 2)
            unsafe larger.moveInitialize(from: chunks, count: chunkCount)
            unsafe chunks.deallocate()
            unsafe chunks = larger
            chunkCapacity *= 2
        }
        let size = 1 << Int(Self.chunkShift)
        let chunk = UnsafeMutablePointer<Slot>.allocate(capacity: size)
        let base = UInt32(chunkCount << Int(Self.chunkShift))
        for offset in 0..<size {
            unsafe (chunk + offset).initialize(to: Slot())
            unsafe chunk[offset].nextFree = offset + 1 < size ? base + UInt32(offset) + 1 : firstFree
        }
        unsafe chunks[chunkCount] = chunk
        chunkCount += 1
        firstFree = base
    }
}
