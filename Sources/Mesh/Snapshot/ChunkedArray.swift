// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// An array in pieces: a copy that changes one element copies one piece and shares the others.
///
/// The tables of a snapshot that grow with the mesh are such arrays, so that publishing a change costs what has changed
/// and not what there is. Reading an element costs one more indirection than in a plain array and does not allocate.
package struct ChunkedArray<Element: Sendable>: Sendable {
    /// Elements of a piece are 1 << `shift`: records of 112 octets are copied 28 KiB at a time.
    @usableFromInline static var shift: Int { 8 }
    @usableFromInline static var mask: Int { 1 << shift - 1 }

    @usableFromInline var chunks: ContiguousArray<ContiguousArray<Element>> = []
    /// How many elements there are.
    @usableFromInline package private(set) var count = 0

    /// No elements.
    package init() {}

    /// Adds an element at the end.
    package mutating func append(_ element: Element) {
        if count & Self.mask == 0 {
            var chunk = ContiguousArray<Element>()
            // The first grows as it must: most meshes are small.
            if !chunks.isEmpty { chunk.reserveCapacity(1 << Self.shift) }
            chunks.append(chunk)
        }
        chunks[chunks.count - 1].append(element)
        count += 1
    }

    /// Takes the last element away.
    package mutating func removeLast() -> Element {
        count -= 1
        let element = chunks[chunks.count - 1].removeLast()
        if count & Self.mask == 0 { chunks.removeLast() }
        return element
    }
}

extension ChunkedArray: RandomAccessCollection {
    @inlinable
    package var startIndex: Int { 0 }

    @inlinable
    package var endIndex: Int { count }

    /// The element at a position, which must be one of those there are.
    @inlinable
    package subscript(position: Int) -> Element {
        get { chunks[position >> Self.shift][position & Self.mask] }
        _modify { yield &chunks[position >> Self.shift][position & Self.mask] }
    }
}
