// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// A first-in first-out queue of bytes in blocks of a `BufferPool`; it holds no block while it is empty.
///
/// Whoever owns a queue must `removeAll(in:)` with the same pool before dropping it: blocks belong to the pool.
@safe
package struct BufferQueue: ~Copyable {
    private var head: UnsafeMutablePointer<BufferPool.Block>?
    private var tail: UnsafeMutablePointer<BufferPool.Block>?
    /// Bytes in the queue.
    package private(set) var count = 0

    /// Makes an empty queue.
    package init() {
        unsafe head = nil
        unsafe tail = nil
    }

    deinit {
        assert(count == 0, "a BufferQueue was dropped with blocks of the pool")
    }

    /// Whether no byte is queued.
    package var isEmpty: Bool { count == 0 }

    /// Appends all of `bytes`.
    ///
    /// - Returns: false when the pool is exhausted; the bytes that still found room are in the queue then, so the caller
    ///   must give up on whatever the queue feeds.
    package mutating func append(copying bytes: Span<UInt8>, in pool: inout BufferPool) -> Bool {
        var offset = 0
        while offset < bytes.count {
            guard let block = unsafe blockWithRoom(in: &pool) else { return false }
            let length = unsafe min(bytes.count - offset, pool.blockCapacity - Int(block.pointee.writeIndex))
            unsafe bytes.extracting(offset..<(offset + length)).withUnsafeBufferPointer { source in
                guard let from = source.baseAddress else { return }
                // Safety: the payload follows the header; writeIndex + length is within blockCapacity.
                unsafe (Self.payload(of: block) + Int(block.pointee.writeIndex)).update(from: from, count: length)
            }
            unsafe block.pointee.writeIndex += UInt32(length)
            offset += length
            count += length
        }
        return true
    }

    private mutating func blockWithRoom(in pool: inout BufferPool) -> UnsafeMutablePointer<BufferPool.Block>? {
        if let last = unsafe tail, unsafe Int(last.pointee.writeIndex) < pool.blockCapacity { return unsafe last }
        guard let block = unsafe pool.take() else { return nil }
        if let last = unsafe tail { unsafe last.pointee.next = block } else { unsafe head = block }
        unsafe tail = block
        return unsafe block
    }

    /// The bytes at the front that lie together; empty only when the queue is.
    package var first: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get {
            guard let block = unsafe head else {
                let none = unsafe Span<UInt8>(_unsafeElements: UnsafeBufferPointer(start: nil, count: 0))
                return unsafe _overrideLifetime(none, borrowing: self)
            }
            // Safety: the block is ours until it is given back, which needs a mutation of self.
            let start = unsafe Self.payload(of: block) + Int(block.pointee.readIndex)
            let length = unsafe Int(block.pointee.writeIndex - block.pointee.readIndex)
            let span = unsafe Span(_unsafeElements: UnsafeBufferPointer(start: start, count: length))
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// Drops `count` bytes from the front and returns emptied blocks to the pool.
    package mutating func consume(_ count: Int, in pool: inout BufferPool) {
        precondition(count >= 0 && count <= self.count)
        var rest = count
        self.count -= count
        while let block = unsafe head {
            let length = unsafe Int(block.pointee.writeIndex - block.pointee.readIndex)
            if rest < length {
                unsafe block.pointee.readIndex += UInt32(rest)
                return
            }
            rest -= length
            unsafe head = block.pointee.next
            if unsafe head == nil { unsafe tail = nil }
            unsafe pool.giveBack(block)
        }
    }

    /// Takes over all bytes of `other`, behind its own; both belong to one pool.
    ///
    /// - Complexity: O(1); nothing is copied.
    package mutating func takeAll(of other: inout BufferQueue) {
        guard let first = unsafe other.head else { return }
        if let last = unsafe tail { unsafe last.pointee.next = first } else { unsafe head = first }
        unsafe tail = other.tail
        count += other.count
        unsafe other.head = nil
        unsafe other.tail = nil
        other.count = 0
    }

    /// Appends a copy of all bytes to `other`; both belong to `pool`.
    ///
    /// - Returns: false when the pool is exhausted, as `append(copying:in:)`.
    package func copy(to other: inout BufferQueue, in pool: inout BufferPool) -> Bool {
        var next = unsafe head
        while let block = unsafe next {
            // Safety: as for `first`; the other queue's blocks are different ones.
            let start = unsafe Self.payload(of: block) + Int(block.pointee.readIndex)
            let length = unsafe Int(block.pointee.writeIndex - block.pointee.readIndex)
            let bytes = unsafe Span(_unsafeElements: UnsafeBufferPointer(start: start, count: length))
            guard other.append(copying: bytes, in: &pool) else { return false }
            unsafe next = block.pointee.next
        }
        return true
    }

    /// A copy of the first bytes, at most `limit`; allocates, so not for the byte path.
    package func prefix(_ limit: Int) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(min(limit, count))
        var next = unsafe head
        while let block = unsafe next, result.count < limit {
            // Safety: as for `first`.
            let start = unsafe Self.payload(of: block) + Int(block.pointee.readIndex)
            let length = unsafe min(Int(block.pointee.writeIndex - block.pointee.readIndex), limit - result.count)
            unsafe result.append(contentsOf: UnsafeBufferPointer(start: start, count: length))
            unsafe next = block.pointee.next
        }
        return result
    }

    /// Drops everything.
    package mutating func removeAll(in pool: inout BufferPool) {
        consume(count, in: &pool)
    }

    private static func payload(of block: UnsafeMutablePointer<BufferPool.Block>) -> UnsafeMutablePointer<UInt8> {
        unsafe UnsafeMutableRawPointer(block + 1).assumingMemoryBound(to: UInt8.self)
    }
}
