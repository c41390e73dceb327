// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// A set of Unicode scalars as ranges.
struct ScalarSet: Hashable, Sendable {
    static let last: UInt32 = 0x10FFFF

    /// In any order, possibly overlapping, until `normalize`.
    private(set) var ranges: [ClosedRange<UInt32>] = []

    init(_ ranges: ClosedRange<UInt32>...) {
        self.ranges = ranges
    }

    mutating func insert(_ range: ClosedRange<UInt32>) {
        ranges.append(range)
    }

    mutating func formUnion(_ other: ScalarSet) {
        ranges += other.ranges
    }

    /// Sorts the ranges and joins those that touch.
    mutating func normalize() {
        ranges.sort { $0.lowerBound < $1.lowerBound }
        var result: [ClosedRange<UInt32>] = []
        for range in ranges {
            if let previous = result.last, range.lowerBound <= previous.upperBound + 1 {
                result[result.count - 1] = previous.lowerBound...max(previous.upperBound, range.upperBound)
            } else {
                result.append(range)
            }
        }
        ranges = result
    }

    /// Every scalar that is not in the set.
    func inverted() -> ScalarSet {
        var sorted = self
        sorted.normalize()
        var result = ScalarSet()
        var start: UInt32 = 0
        for range in sorted.ranges {
            if range.lowerBound > start { result.insert(start...(range.lowerBound - 1)) }
            start = range.upperBound + 1
        }
        if start <= Self.last { result.insert(start...Self.last) }
        return result
    }

    /// Whether every scalar is ASCII.
    var isASCII: Bool { ranges.allSatisfy { $0.upperBound < 0x80 } }

    /// Adds the other case of every ASCII letter, and the two letters beyond ASCII that fold to one (U+017F, U+212A).
    mutating func foldCase() {
        for range in ranges {
            for scalar in range.clamped(to: 0...0x7F) where range.overlaps(0...0x7F) {
                let lower = scalar | 0x20
                guard (0x61...0x7A).contains(lower) else { continue }
                insert((scalar ^ 0x20)...(scalar ^ 0x20))
                if lower == 0x6B { insert(0x212A...0x212A) }
                if lower == 0x73 { insert(0x17F...0x17F) }
            }
        }
    }

    /// The one scalar of a set of one.
    var only: UInt32? {
        guard ranges.count == 1, ranges[0].lowerBound == ranges[0].upperBound else { return nil }
        return ranges[0].lowerBound
    }

    static let digit = ScalarSet(0x30...0x39)
    static let word = ScalarSet(0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A)
    static let space = ScalarSet(0x09...0x0A, 0x0C...0x0D, 0x20...0x20)

    /// The classes of POSIX, by name.
    static func posix(_ name: String) -> ScalarSet? {
        switch name {
        case "alnum": ScalarSet(0x30...0x39, 0x41...0x5A, 0x61...0x7A)
        case "alpha": ScalarSet(0x41...0x5A, 0x61...0x7A)
        case "ascii": ScalarSet(0...0x7F)
        case "blank": ScalarSet(0x09...0x09, 0x20...0x20)
        case "cntrl": ScalarSet(0...0x1F, 0x7F...0x7F)
        case "digit": .digit
        case "graph": ScalarSet(0x21...0x7E)
        case "lower": ScalarSet(0x61...0x7A)
        case "print": ScalarSet(0x20...0x7E)
        case "punct": ScalarSet(0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E)
        case "space": ScalarSet(0x09...0x0D, 0x20...0x20)
        case "upper": ScalarSet(0x41...0x5A)
        case "word": .word
        case "xdigit": ScalarSet(0x30...0x39, 0x41...0x46, 0x61...0x66)
        default: nil
        }
    }
}
