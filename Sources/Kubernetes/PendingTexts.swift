// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Manifest

/// What is to be written of objects, by their keys: texts that lie in a few large pieces of memory.
///
/// Texts of their own would lie between the objects that are made at the same time and stay: when they go, what is left of
/// each page of memory keeps the whole page (measured: docs/kubernetes.md#memory).
struct PendingTexts {
    /// What is to be done with an object's text.
    enum Change {
        case set([UInt8])
        case removed
    }

    /// Where a text lies.
    private struct Place {
        var piece: Int32
        var offset: Int32
        var count: Int32

        static var gone: Place { Place(piece: -1, offset: 0, count: 0) }
    }

    private var places: [ObjectKey: Place] = [:]
    private var pieces: [[UInt8]] = []
    /// Octets of the texts that count.
    private(set) var octets = 0
    /// Octets of all texts in the pieces.
    private var heldOctets = 0

    private static let pieceSize = 1 << 20
    /// Texts that count no more are left where they lie up to here, and up to as much as counts.
    private static let maximumWaste = 4 << 20

    /// Whether nothing is to be done.
    var isEmpty: Bool { places.isEmpty }
    /// The objects with which something is to be done, in no order.
    var keys: [ObjectKey] { Array(places.keys) }

    /// Whether something is to be done with an object.
    func contains(_ key: ObjectKey) -> Bool { places[key] != nil }

    /// What is to be done with an object; nil for nothing.
    subscript(key: ObjectKey) -> Change? {
        guard let place = places[key] else { return nil }
        return place.piece < 0 ? .removed : .set(text(place))
    }

    /// Changes what is to be done with an object; nil for nothing.
    mutating func set(_ key: ObjectKey, _ change: Change?) {
        var place: Place?
        switch change {
        case nil: break
        case .removed: place = .gone
        case .set(let text): place = add(text)
        }
        let old = place.map { places.updateValue($0, forKey: key) } ?? places.removeValue(forKey: key)
        octets += Int(place?.count ?? 0) - Int(old?.count ?? 0)
        if heldOctets > 2 * octets + Self.maximumWaste { compact() }
    }

    /// Forgets everything, because it was done.
    mutating func removeAll() {
        self = PendingTexts()
    }

    private func text(_ place: Place) -> [UInt8] {
        Array(pieces[Int(place.piece)][Int(place.offset)..<Int(place.offset + place.count)])
    }

    private mutating func add(_ text: [UInt8]) -> Place {
        if pieces.isEmpty || pieces[pieces.count - 1].count + text.count > Self.pieceSize {
            var piece: [UInt8] = []
            piece.reserveCapacity(max(Self.pieceSize, text.count))
            pieces.append(piece)
        }
        let last = pieces.count - 1
        let place = Place(piece: Int32(last), offset: Int32(pieces[last].count), count: Int32(text.count))
        pieces[last] += text
        heldOctets += text.count
        return place
    }

    private mutating func compact() {
        var others = PendingTexts()
        for (key, place) in places { others.set(key, place.piece < 0 ? .removed : .set(text(place))) }
        self = others
    }
}
