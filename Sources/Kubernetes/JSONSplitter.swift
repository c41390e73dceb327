// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// Cuts a stream of JSON into objects without parsing them, so that a list of any length needs the memory of one object.
///
/// It counts brackets outside of strings and leaves everything else to the parser that reads the objects. What is not JSON
/// comes out as objects that the parser refuses, or as `.malformed`.
package struct JSONSplitter: Sendable {
    /// What the stream is.
    package enum Shape: Sendable {
        /// One object after the other (a watch).
        case values
        /// One object whose member `items` is a list of objects (a list).
        case items
    }

    /// The largest object; etcd takes 1.5 MiB, which managed fields and escapes in JSON may double.
    package static let maximumPiece = 8 << 20
    /// The most of a list that is not in its items: kind, apiVersion and metadata with a token for the next page.
    static let maximumRest = 65_536

    private let shape: Shape
    private var depth = 0
    private var isInString = false
    private var isEscaped = false
    /// Whether the list at depth 1 is the value of `items`.
    private var isInItems = false
    private var piece: [UInt8] = []
    /// Everything that is in no piece.
    package private(set) var rest: [UInt8] = []
    /// The last string at depth 1: the key, if a colon follows.
    private var key: [UInt8] = []

    /// Nothing has come yet.
    package init(_ shape: Shape) {
        self.shape = shape
    }

    /// Whether no object is under way; between the values of a watch there is nothing but space.
    package var isBetweenValues: Bool {
        depth == 0 && !isInString && piece.isEmpty && (shape == .items || rest.isEmpty)
    }

    /// The depth at which a piece begins.
    private var base: Int { shape == .values ? 0 : 2 }
    private var isInPiece: Bool { shape == .values ? depth > 0 : isInItems && depth > 2 }

    /// Takes the next octets.
    ///
    /// - Parameter pieces: gets the objects that are complete by them.
    /// - Throws: `.tooLarge`, `.malformed`.
    package mutating func receive(_ octets: Span<UInt8>, into pieces: inout [[UInt8]]) throws(KubernetesError) {
        var start = 0  // of the octets that belong to the piece under way
        var index = 0
        while index < octets.count {
            let wasInPiece = isInPiece
            if isInString {
                if wasInPiece, !isEscaped { index = octets.endOfPlainText(from: index) }
                guard index < octets.count else { break }
                take(inString: octets[index])
                if !wasInPiece { try appendRest(octets[index]) }
                index += 1
                continue
            }
            let octet = octets[index]
            index += 1
            switch octet {
            case UInt8(ascii: "\""):
                isInString = true
                if depth == 1, shape == .items { key = [] }
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                if shape == .items, depth == 1, octet == UInt8(ascii: "["), key.elementsEqual("items".utf8) {
                    isInItems = true
                }
                depth += 1
                guard depth <= 512 else { throw .malformed }
                if !wasInPiece, isInPiece { start = index - 1 }
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                guard depth >= 0 else { throw .malformed }
                if wasInPiece, !isInPiece {
                    try append(octets.extracting(start..<index))
                    pieces.append(piece)
                    piece = []
                    continue
                }
                if depth == 1 { isInItems = false }
            default: break
            }
            if !isInPiece, !(isInItems && depth == 2 && octet != UInt8(ascii: "[")) { try appendRest(octet) }
        }
        if isInPiece { try append(octets.extracting(start..<octets.count)) }
    }

    private mutating func take(inString octet: UInt8) {
        if isEscaped {
            isEscaped = false
        } else if octet == UInt8(ascii: "\\") {
            isEscaped = true
        } else if octet == UInt8(ascii: "\"") {
            isInString = false
            return
        }
        if depth == 1, shape == .items, key.count < 16 { key.append(octet) }
    }

    private mutating func append(_ octets: Span<UInt8>) throws(KubernetesError) {
        guard piece.count + octets.count <= Self.maximumPiece else { throw .tooLarge }
        piece.append(copying: octets)
    }

    private mutating func appendRest(_ octet: UInt8) throws(KubernetesError) {
        guard rest.count < Self.maximumRest else { throw .tooLarge }
        if shape == .values, octet == 0x0A || octet == 0x0D || octet == 0x20 || octet == 0x09 { return }
        rest.append(octet)
    }
}
