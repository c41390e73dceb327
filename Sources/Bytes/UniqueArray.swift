// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// A growable array with one owner, for trivial elements: appending costs neither a uniqueness check nor a reference count.
///
/// Holds no memory before the first element. Every access is bounds-checked, as with `Array`. Public for the same reason as
/// `Slab`.
@safe
public struct UniqueArray<Element: BitwiseCopyable>: ~Copyable {
    @usableFromInline var base: UnsafeMutablePointer<Element>?
    @usableFromInline var used: Int
    @usableFromInline var room: Int

    /// The smallest allocation, in octets.
    @inlinable static var smallest: Int { 64 }

    /// An array without elements or memory.
    @inlinable
    package init() {
        unsafe base = nil
        used = 0
        room = 0
    }

    @inlinable
    deinit {
        unsafe base?.deallocate()
    }

    /// Number of elements.
    @inlinable
    package var count: Int { used }

    /// Elements that fit without allocating.
    @inlinable
    package var capacity: Int { room }

    /// Whether there are no elements.
    @inlinable
    package var isEmpty: Bool { count == 0 }

    /// Element `index`; traps outside.
    @inlinable
    package subscript(index: Int) -> Element {
        get {
            precondition(index >= 0 && index < count)
            // Safety: the precondition bounds the element; without memory there is none, so base is there.
            return unsafe base.unsafelyUnwrapped[index]
        }
        set {
            precondition(index >= 0 && index < count)
            // Safety: as above.
            unsafe base.unsafelyUnwrapped[index] = newValue
        }
    }

    /// The elements.
    @inlinable
    package var span: Span<Element> {
        @_lifetime(borrow self)
        borrowing get {
            // Safety: the first `count` elements are initialised and live as long as self.
            let span = unsafe Span(_unsafeElements: UnsafeBufferPointer(start: base, count: count))
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// The elements, to change in place.
    @inlinable
    package var mutableSpan: MutableSpan<Element> {
        @_lifetime(&self)
        mutating get {
            // Safety: as for `span`; exclusive because the getter is mutating.
            let span = unsafe MutableSpan(_unsafeElements: UnsafeMutableBufferPointer(start: base, count: count))
            return unsafe _overrideLifetime(span, mutating: &self)
        }
    }

    /// Makes room for `additional` elements behind those that are there; grows by doubling at least.
    @inlinable
    package mutating func reserve(_ additional: Int) {
        if additional > capacity &- count { grow(additional) }
    }

    @inlinable
    @inline(never)
    mutating func grow(_ additional: Int) {
        let wanted = max(count + additional, capacity * 2, Self.smallest / MemoryLayout<Element>.stride)
        let larger = UnsafeMutablePointer<Element>.allocate(capacity: wanted)
        // Safety: both regions hold `count` elements, and the new one is another allocation.
        if let base = unsafe base {
            unsafe larger.initialize(from: base, count: count)
            unsafe base.deallocate()
        }
        unsafe base = larger
        room = wanted
    }

    /// Gives back the memory behind the elements; for what will not grow again soon.
    package mutating func trim() {
        guard capacity > count else { return }
        guard let old = unsafe base, count > 0 else {
            releaseMemory()
            return
        }
        let smaller = UnsafeMutablePointer<Element>.allocate(capacity: count)
        // Safety: both regions hold `count` elements, and the new one is another allocation.
        unsafe smaller.initialize(from: old, count: count)
        unsafe old.deallocate()
        unsafe base = smaller
        room = count
    }

    /// Adds an element.
    @inlinable
    package mutating func append(_ element: Element) {
        reserve(1)
        // Safety: room for one more element was made.
        unsafe base.unsafelyUnwrapped[count] = element
        used &+= 1
    }

    /// Removes the last `length` elements.
    @inlinable
    package mutating func removeLast(_ length: Int) {
        precondition(length >= 0 && length <= count)
        used &-= length
    }

    /// Removes the first `length` elements; moves the others.
    @inlinable
    package mutating func removeFirst(_ length: Int) {
        precondition(length >= 0 && length <= count)
        used -= length
        // Safety: both ranges lie within the elements that were there; `update` allows overlap.
        if let base = unsafe base { unsafe base.update(from: base + length, count: count) }
    }

    /// Removes all elements, keeping the memory.
    @inlinable
    package mutating func removeAll() { used = 0 }

    /// Removes all elements and gives the memory back.
    @inlinable
    package mutating func releaseMemory() {
        unsafe base?.deallocate()
        unsafe base = nil
        used = 0
        room = 0
    }
}

extension UniqueArray where Element == UInt8 {
    /// The `length` octets from `offset` on; traps outside.
    @inlinable
    @_lifetime(borrow self)
    package func slice(_ offset: Int, _ length: Int) -> Span<UInt8> {
        precondition(offset >= 0 && length >= 0 && offset <= count && length <= count &- offset)
        guard let base = unsafe base else { return Span() }
        // Safety: the precondition bounds the region, which lives as long as self.
        let span = unsafe Span(_unsafeElements: UnsafeBufferPointer(start: base + offset, count: length))
        return unsafe _overrideLifetime(span, borrowing: self)
    }

    /// Appends a copy of `bytes`.
    @inlinable
    package mutating func append(copying bytes: Span<UInt8>) {
        let length = bytes.count
        reserve(length)
        guard length > 0 else { return }
        unsafe bytes.withUnsafeBufferPointer { source in
            // Safety: there is room for `length` octets; the source cannot lie in an array that is being changed.
            let from = unsafe UnsafeRawPointer(source.baseAddress.unsafelyUnwrapped)
            let to = unsafe UnsafeMutableRawPointer(base.unsafelyUnwrapped + count)
            unsafe Self.copy(from, to, length)
        }
        used &+= length
    }

    /// Copies `length` octets, 1 at least; up to 32 without a call, since header fields are short.
    @unsafe
    @inlinable
    @inline(__always)
    static func copy(_ from: UnsafeRawPointer, _ to: UnsafeMutableRawPointer, _ length: Int) {
        if length > 32 {
            unsafe to.copyMemory(from: from, byteCount: length)
        } else if length >= 16 {
            unsafe copyEnds(from, to, length, SIMD16<UInt8>.self)
        } else if length >= 8 {
            unsafe copyEnds(from, to, length, UInt64.self)
        } else if length >= 4 {
            unsafe copyEnds(from, to, length, UInt32.self)
        } else {
            for offset in 0..<length {
                let octet = unsafe from.load(fromByteOffset: offset, as: UInt8.self)
                unsafe to.storeBytes(of: octet, toByteOffset: offset, as: UInt8.self)
            }
        }
    }

    /// Copies `length` octets as two words that may overlap; a word is at most that long, and at least half.
    @unsafe
    @inlinable
    @inline(__always)
    static func copyEnds<Word: BitwiseCopyable>(
        _ from: UnsafeRawPointer, _ to: UnsafeMutableRawPointer, _ length: Int, _ word: Word.Type
    ) {
        let last = length &- MemoryLayout<Word>.size
        let (first, second) = unsafe (
            from.loadUnaligned(as: Word.self), from.loadUnaligned(fromByteOffset: last, as: Word.self)
        )
        unsafe to.storeBytes(of: first, as: Word.self)
        unsafe to.storeBytes(of: second, toByteOffset: last, as: Word.self)
    }

    /// Appends `length` octets of no particular value, to be written through `mutableSpan`.
    @inlinable
    package mutating func appendUninitialized(_ length: Int) {
        precondition(length >= 0)
        reserve(length)
        used &+= length
    }
}
