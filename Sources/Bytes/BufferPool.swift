// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// Blocks of one size, handed out and taken back by one worker; at most `limit` exist at any time.
///
/// A block that comes back is kept for the next taker, up to `keep` of them; the rest goes back to the allocator, so an
/// idle worker holds little. Owned by one thread; nothing in it is shared.
@safe
package struct BufferPool: ~Copyable {
    /// Header of a block, in front of its payload.
    @unsafe
    struct Block {
        var next: UnsafeMutablePointer<Block>?
        var readIndex: UInt32
        var writeIndex: UInt32
    }

    private var free: UnsafeMutablePointer<Block>?
    private var freeCount = 0
    private let keep: Int
    /// Payload bytes of a block.
    package let blockCapacity: Int
    /// Blocks that may exist at the same time.
    package let limit: Int
    /// Blocks handed out now.
    package private(set) var inUse = 0

    /// Makes an empty pool; nothing is allocated yet.
    package init(blockCapacity: Int, limit: Int, keep: Int) {
        precondition(blockCapacity > 0 && blockCapacity <= Int(Int32.max))
        self.blockCapacity = blockCapacity
        self.limit = limit
        self.keep = keep
        unsafe free = nil
    }

    deinit {
        var next = unsafe free
        while let block = unsafe next {
            unsafe next = block.pointee.next
            unsafe UnsafeMutableRawPointer(block).deallocate()
        }
    }

    /// Takes a block, or nil when `limit` are in use.
    @unsafe
    mutating func take() -> UnsafeMutablePointer<Block>? {
        guard inUse < limit else { return nil }
        inUse += 1
        if let block = unsafe free {
            unsafe free = block.pointee.next
            freeCount -= 1
            unsafe block.pointee = Block(next: nil, readIndex: 0, writeIndex: 0)
            return unsafe block
        }
        let raw = unsafe UnsafeMutableRawPointer.allocate(
            byteCount: MemoryLayout<Block>.stride + blockCapacity, alignment: MemoryLayout<Block>.alignment)
        let block = unsafe raw.bindMemory(to: Block.self, capacity: 1)
        unsafe block.initialize(to: Block(next: nil, readIndex: 0, writeIndex: 0))
        return unsafe block
    }

    /// Takes a block back.
    @unsafe
    mutating func giveBack(_ block: UnsafeMutablePointer<Block>) {
        inUse -= 1
        guard freeCount < keep else {
            unsafe UnsafeMutableRawPointer(block).deallocate()
            return
        }
        unsafe block.pointee.next = unsafe free
        unsafe free = block
        freeCount += 1
    }
}
