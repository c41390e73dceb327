// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// A contiguous byte buffer that owns its memory: bytes are appended at the end and consumed from the front.
///
/// Layout: `0 ..< readIndex` consumed, `readIndex ..< writeIndex` readable, `writeIndex ..< capacity` free. It never
/// grows and never reallocates, so that what a peer can make us hold is decided where the buffer is made.
@safe
package struct ByteBuffer: ~Copyable {
    @usableFromInline let storage: UnsafeMutableBufferPointer<UInt8>
    /// Offset of the first readable byte.
    package private(set) var readIndex = 0
    /// Offset behind the last readable byte.
    package private(set) var writeIndex = 0

    /// Allocates `capacity` bytes, which are not initialised to anything.
    package init(capacity: Int) {
        precondition(capacity > 0)
        unsafe storage = .allocate(capacity: capacity)
    }

    deinit {
        unsafe storage.deallocate()
    }

    /// The fixed size in bytes.
    package var capacity: Int { unsafe storage.count }
    /// Readable bytes.
    package var count: Int { writeIndex - readIndex }
    /// Bytes that can still be appended without `compact()`.
    package var freeCount: Int { unsafe storage.count - writeIndex }
    /// Whether nothing is readable.
    package var isEmpty: Bool { readIndex == writeIndex }

    /// The readable bytes.
    package var readable: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get {
            // Safety: storage lives as long as self; the indexes are kept within it by every mutation below.
            let span = unsafe Span(_unsafeElements: UnsafeBufferPointer(rebasing: storage[readIndex..<writeIndex]))
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// The readable bytes, to change in place (a frame header in front of its payload, for instance).
    package var mutableReadable: MutableSpan<UInt8> {
        @_lifetime(&self)
        mutating get {
            // Safety: as for `readable`; exclusive because the getter is mutating.
            let region = unsafe UnsafeMutableBufferPointer(rebasing: storage[readIndex..<writeIndex])
            let span = unsafe MutableSpan(_unsafeElements: region)
            return unsafe _overrideLifetime(span, mutating: &self)
        }
    }

    /// Drops `count` bytes from the front; an emptied buffer starts again at offset 0.
    package mutating func consume(_ count: Int) {
        precondition(count >= 0 && count <= self.count)
        readIndex += count
        if readIndex == writeIndex {
            readIndex = 0
            writeIndex = 0
        }
    }

    /// Drops all bytes.
    package mutating func clear() {
        readIndex = 0
        writeIndex = 0
    }

    /// Drops readable bytes from the end, so that `count` remain.
    package mutating func truncate(to count: Int) {
        precondition(count >= 0 && count <= self.count)
        writeIndex = readIndex + count
    }

    /// Moves the readable bytes to offset 0, so that all free room is behind them.
    package mutating func compact() {
        guard readIndex > 0 else { return }
        let length = count
        if length > 0, let base = unsafe storage.baseAddress {
            // Safety: both ranges lie in storage; `update` allows overlap (memmove).
            unsafe base.update(from: base + readIndex, count: length)
        }
        readIndex = 0
        writeIndex = length
    }

    /// Appends one byte.
    ///
    /// - Returns: false, with nothing appended, when the buffer is full.
    @discardableResult
    package mutating func append(_ byte: UInt8) -> Bool {
        guard freeCount > 0 else { return false }
        unsafe storage[writeIndex] = byte
        writeIndex += 1
        return true
    }

    /// Appends all of `bytes`, or nothing.
    ///
    /// - Returns: false, with nothing appended, when they do not fit.
    @discardableResult
    package mutating func append(copying bytes: Span<UInt8>) -> Bool {
        guard freeCount >= bytes.count else { return false }
        unsafe bytes.withUnsafeBufferPointer { source in
            guard let from = source.baseAddress, let base = unsafe storage.baseAddress else { return }
            // Safety: the guard above leaves room for source.count bytes; the two regions are different objects.
            unsafe (base + writeIndex).update(from: from, count: source.count)
        }
        writeIndex += bytes.count
        return true
    }

    /// Appends as many of `bytes` as fit.
    ///
    /// - Returns: how many were appended.
    package mutating func appendPrefix(copying bytes: Span<UInt8>) -> Int {
        let length = min(freeCount, bytes.count)
        append(copying: bytes.extracting(first: length))
        return length
    }

    /// Appends the UTF-8 of `text`, or nothing when it does not fit.
    @discardableResult
    package mutating func append(_ text: String) -> Bool {
        append(copying: text.utf8.span)
    }

    /// Appends `count` bytes of no particular value, to be written through `mutableReadable`.
    ///
    /// - Returns: false, with nothing appended, when they do not fit.
    package mutating func appendUninitialized(_ count: Int) -> Bool {
        precondition(count >= 0)
        guard freeCount >= count else { return false }
        writeIndex += count
        return true
    }

    /// Lends the free room to a writer (a system call, OpenSSL), which returns how many bytes it wrote.
    ///
    /// - Parameter body: gets the free region and returns the number of bytes written at its start; 0 or less appends
    ///   nothing.
    /// - Returns: what `body` returned.
    @unsafe
    package mutating func withUnsafeFree(_ body: (UnsafeMutableBufferPointer<UInt8>) -> Int) -> Int {
        // Safety: the region is inside storage, and exclusive for the duration of the call.
        let region = unsafe UnsafeMutableBufferPointer(rebasing: storage[writeIndex..<storage.count])
        let written = unsafe body(region)
        precondition(written <= region.count)
        if written > 0 { writeIndex += written }
        return written
    }
}
