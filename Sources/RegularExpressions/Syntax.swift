// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// A regular expression as it is written.
indirect enum Syntax {
    case empty
    case set(ScalarSet)
    case concatenation([Syntax])
    case alternation([Syntax])
    case repetition(Syntax, minimum: Int, maximum: Int?, isGreedy: Bool)
    /// The number is that of a capturing group, from 1.
    case group(Syntax, Int)
    case assertion(Assertion)
}

/// A condition on a place between two octets.
enum Assertion: UInt8, Sendable {
    case beginText
    case endText
    case beginLine
    case endLine
    case wordBoundary
    case noWordBoundary
}

extension Syntax {
    /// The ASCII text that every match begins with, and whether the whole expression is that text.
    func literalPrefix() -> (octets: [UInt8], isWhole: Bool) {
        switch self {
        case .empty, .assertion(.beginText): return ([], true)
        case .set(let set):
            guard let scalar = set.only, scalar < 0x80 else { return ([], false) }
            return ([UInt8(scalar)], true)
        case .group(let inner, _): return inner.literalPrefix()
        case .concatenation(let parts):
            var octets: [UInt8] = []
            for part in parts {
                let (more, isWhole) = part.literalPrefix()
                octets += more
                if !isWhole { return (octets, false) }
            }
            return (octets, true)
        case .repetition(let inner, let minimum, _, _):
            return minimum > 0 ? (inner.literalPrefix().octets, false) : ([], false)
        case .alternation, .assertion: return ([], false)
        }
    }
}
