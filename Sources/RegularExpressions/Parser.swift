// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// Reads the syntax of RE2 (https://github.com/google/re2/wiki/Syntax), as `RE2::Options` without changes has it.
struct Parser {
    struct Flags {
        var ignoresCase = false
        var isMultiline = false
        var dotMatchesNewline = false
        var isUngreedy = false
    }

    private let scalars: [UInt32]
    private var position = 0
    private var flags = Flags()
    private var depth = 0
    private(set) var groupCount = 0

    init(_ pattern: String) throws(RegularExpressionError) {
        guard pattern.utf8.count <= RegularExpression.maximumLength else { throw .tooLong }
        scalars = pattern.unicodeScalars.map(\.value)
    }

    private var next: UInt32? { position < scalars.count ? scalars[position] : nil }

    private func ahead(_ offset: Int) -> UInt32? {
        position + offset < scalars.count ? scalars[position + offset] : nil
    }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard next == scalar.value else { return false }
        position += 1
        return true
    }

    /// Reads the whole expression.
    mutating func parse() throws(RegularExpressionError) -> Syntax {
        let syntax = try alternation()
        guard next == nil else { throw .unbalancedParenthesis }
        _ = try Self.repetitions(in: syntax)
        return syntax
    }

    /// The largest product of nested counts.
    private static func repetitions(in syntax: Syntax) throws(RegularExpressionError) -> Int {
        switch syntax {
        case .empty, .set, .assertion: return 1
        case .group(let inner, _): return try repetitions(in: inner)
        case .concatenation(let parts), .alternation(let parts):
            var most = 1
            for part in parts { most = max(most, try repetitions(in: part)) }
            return most
        case .repetition(let inner, let minimum, let maximum, _):
            // `*`, `+` and `?` do not count, as in RE2.
            let own = maximum.map { $0 > 1 ? $0 : 1 } ?? max(minimum, 1)
            let product = try repetitions(in: inner) * own
            guard product <= RegularExpression.maximumRepetitions else { throw .repetitionTooLarge }
            return product
        }
    }

    // MARK: - Structure

    private mutating func alternation() throws(RegularExpressionError) -> Syntax {
        depth += 1
        defer { depth -= 1 }
        guard depth <= RegularExpression.maximumDepth else { throw .tooDeep }
        // A flag that is set inside a group ends with it.
        let outer = flags
        defer { flags = outer }
        var branches = [try concatenation()]
        while take("|") { branches.append(try concatenation()) }
        return branches.count == 1 ? branches[0] : .alternation(branches)
    }

    private mutating func concatenation() throws(RegularExpressionError) -> Syntax {
        var parts: [Syntax] = []
        var isRepeated = false
        while let scalar = next, scalar != 0x7C, scalar != 0x29 {
            if let (minimum, maximum) = try repetition() {
                if isRepeated { throw .repeatedRepetition }
                guard let last = parts.popLast() else { throw .nothingToRepeat }
                let isGreedy = take("?") == flags.isUngreedy
                parts.append(.repetition(last, minimum: minimum, maximum: maximum, isGreedy: isGreedy))
                isRepeated = true
                continue
            }
            try item(into: &parts)
            isRepeated = false
        }
        return parts.count == 1 ? parts[0] : parts.isEmpty ? .empty : .concatenation(parts)
    }

    /// Reads `*`, `+`, `?` or a count; nil when there is none here.
    private mutating func repetition() throws(RegularExpressionError) -> (minimum: Int, maximum: Int?)? {
        if take("*") { return (0, nil) }
        if take("+") { return (1, nil) }
        if take("?") { return (0, 1) }
        guard next == 0x7B else { return nil }
        var end = position + 1
        guard let minimum = number(&end) else { return nil }
        var maximum: Int? = minimum
        if end < scalars.count, scalars[end] == 0x2C {
            end += 1
            maximum = end < scalars.count && scalars[end] == 0x7D ? nil : number(&end)
            if maximum == nil, !(end < scalars.count && scalars[end] == 0x7D) { return nil }
        }
        guard end < scalars.count, scalars[end] == 0x7D else { return nil }
        position = end + 1
        let limit = RegularExpression.maximumRepetitions
        guard minimum <= limit, maximum.map({ $0 <= limit && $0 >= minimum }) ?? true else {
            throw .repetitionTooLarge
        }
        return (minimum, maximum)
    }

    /// Decimal digits, cut at a number that is too large anyway; nil when there are none.
    private func number(_ end: inout Int) -> Int? {
        let start = end
        var value = 0
        while end < scalars.count, (0x30...0x39).contains(scalars[end]) {
            value = min(value * 10 + Int(scalars[end] - 0x30), 1 << 20)
            end += 1
        }
        // RE2 reads no number with a leading zero.
        guard end > start, end == start + 1 || scalars[start] != 0x30 else { return nil }
        return value
    }

    private mutating func item(into parts: inout [Syntax]) throws(RegularExpressionError) {
        guard let scalar = next else { return }
        switch scalar {
        case 0x28: try group(into: &parts)
        case 0x5B: parts.append(.set(try bracket()))
        case 0x2E:
            position += 1
            parts.append(.set(flags.dotMatchesNewline ? ScalarSet().inverted() : ScalarSet(0x0A...0x0A).inverted()))
        case 0x5E:
            position += 1
            parts.append(.assertion(flags.isMultiline ? .beginLine : .beginText))
        case 0x24:
            position += 1
            parts.append(.assertion(flags.isMultiline ? .endLine : .endText))
        case 0x5C: try escape(into: &parts)
        default:
            position += 1
            parts.append(.set(try literal(scalar)))
        }
    }

    private func literal(_ scalar: UInt32) throws(RegularExpressionError) -> ScalarSet {
        var set = ScalarSet(scalar...scalar)
        if flags.ignoresCase { try fold(&set) }
        return set
    }

    private func fold(_ set: inout ScalarSet) throws(RegularExpressionError) {
        guard set.isASCII else { throw .caseBeyondASCII }
        set.foldCase()
    }

    // MARK: - Groups

    private mutating func group(into parts: inout [Syntax]) throws(RegularExpressionError) {
        position += 1
        guard take("?") else {
            try close(capturing: true, into: &parts)
            return
        }
        if next == 0x3D || next == 0x21 { throw .lookaround }
        if next == 0x3C, ahead(1) == 0x3D || ahead(1) == 0x21 { throw .lookaround }
        if next == 0x50, ahead(1) == 0x3C { position += 1 }
        if take("<") {
            try groupName()
            try close(capturing: true, into: &parts)
            return
        }
        try flagGroup(into: &parts)
    }

    private mutating func close(capturing: Bool, into parts: inout [Syntax]) throws(RegularExpressionError) {
        var number = 0
        if capturing {
            groupCount += 1
            number = groupCount
        }
        let inner = try alternation()
        guard take(")") else { throw .unbalancedParenthesis }
        // Also without capturing: what is inside is one thing to be repeated.
        parts.append(capturing ? .group(inner, number) : .concatenation([inner]))
    }

    private mutating func groupName() throws(RegularExpressionError) {
        let start = position
        while let scalar = next, scalar != 0x3E {
            guard ScalarSet.word.ranges.contains(where: { $0.contains(scalar) }) else { throw .badGroup }
            position += 1
        }
        guard position > start, take(">") else { throw .badGroup }
    }

    /// Reads `(?flags)` and `(?flags:expression)`.
    private mutating func flagGroup(into parts: inout [Syntax]) throws(RegularExpressionError) {
        let outer = flags
        var value = true
        var hasFlag = false
        while let scalar = next {
            position += 1
            switch scalar {
            case 0x69: flags.ignoresCase = value
            case 0x6D: flags.isMultiline = value
            case 0x73: flags.dotMatchesNewline = value
            case 0x55: flags.isUngreedy = value
            case 0x2D:
                guard value else { throw .badGroup }
                value = false
                hasFlag = false
                continue
            case 0x3A:
                if !value, !hasFlag { throw .badGroup }
                try close(capturing: false, into: &parts)
                flags = outer
                return
            case 0x29:
                if !value, !hasFlag { throw .badGroup }
                return
            default: throw .badGroup
            }
            hasFlag = true
        }
        throw .badGroup
    }

    // MARK: - Escapes

    private mutating func escape(into parts: inout [Syntax]) throws(RegularExpressionError) {
        guard let scalar = ahead(1) else { throw .badEscape }
        switch Unicode.Scalar(scalar) {
        case "A": parts.append(.assertion(.beginText))
        case "z": parts.append(.assertion(.endText))
        case "b": parts.append(.assertion(.wordBoundary))
        case "B": parts.append(.assertion(.noWordBoundary))
        case "Q":
            position += 2
            try quoted(into: &parts)
            return
        case "C": throw .singleOctet
        default:
            if let set = try perlClass() {
                parts.append(.set(set))
            } else {
                let value = try escapedScalar()
                parts.append(.set(try literal(value)))
            }
            return
        }
        position += 2
    }

    /// What stands between `\Q` and `\E` stands for itself.
    private mutating func quoted(into parts: inout [Syntax]) throws(RegularExpressionError) {
        while let scalar = next {
            if scalar == 0x5C, ahead(1) == 0x45 {
                position += 2
                return
            }
            parts.append(.set(try literal(scalar)))
            position += 1
        }
    }

    /// Reads `\d` and the like; nil when the escape is none of these.
    private mutating func perlClass() throws(RegularExpressionError) -> ScalarSet? {
        let set: ScalarSet
        switch ahead(1).flatMap({ Unicode.Scalar($0) }) {
        case "d": set = .digit
        case "D": set = ScalarSet.digit.inverted()
        case "w": set = .word
        case "W": set = ScalarSet.word.inverted()
        case "s": set = .space
        case "S": set = ScalarSet.space.inverted()
        case "p", "P", "X": throw .unicodeClass
        default: return nil
        }
        position += 2
        return set
    }

    /// Reads an escape that stands for one scalar.
    private mutating func escapedScalar() throws(RegularExpressionError) -> UInt32 {
        guard let scalar = ahead(1) else { throw .badEscape }
        position += 2
        switch scalar {
        case 0x31...0x37:
            guard let digit = next, (0x30...0x37).contains(digit) else { throw .backreference }
            return octal(scalar - 0x30)
        case 0x30: return octal(0)
        case 0x78: return try hexadecimal()
        case 0x61: return 0x07
        case 0x66: return 0x0C
        case 0x6E: return 0x0A
        case 0x72: return 0x0D
        case 0x74: return 0x09
        case 0x76: return 0x0B
        case 0x38, 0x39: throw .backreference
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: throw .badEscape
        default:
            guard scalar < 0x80 else { throw .badEscape }
            return scalar
        }
    }

    /// Up to two more octal digits.
    private mutating func octal(_ first: UInt32) -> UInt32 {
        var value = first
        for _ in 0..<2 {
            guard let digit = next, (0x30...0x37).contains(digit) else { break }
            value = value * 8 + digit - 0x30
            position += 1
        }
        return value
    }

    /// Two digits, or any number of them in braces.
    private mutating func hexadecimal() throws(RegularExpressionError) -> UInt32 {
        var value: UInt32 = 0
        var count = 0
        let isBraced = take("{")
        while count < (isBraced ? 8 : 2), let scalar = next, let digit = Self.digit(scalar) {
            value = value * 16 + digit
            count += 1
            position += 1
        }
        guard count > 0, isBraced || count == 2, value <= ScalarSet.last, !isBraced || take("}") else {
            throw .badEscape
        }
        return value
    }

    private static func digit(_ scalar: UInt32) -> UInt32? {
        switch scalar {
        case 0x30...0x39: scalar - 0x30
        case 0x41...0x46: scalar - 0x41 + 10
        case 0x61...0x66: scalar - 0x61 + 10
        default: nil
        }
    }

    // MARK: - Brackets

    private mutating func bracket() throws(RegularExpressionError) -> ScalarSet {
        position += 1
        let isInverted = take("^")
        var set = ScalarSet()
        var isFirst = true
        while let scalar = next, scalar != 0x5D || isFirst {
            isFirst = false
            if scalar == 0x5B, ahead(1) == 0x3A, let named = try namedClass() {
                set.formUnion(named)
                continue
            }
            if scalar == 0x5C, let named = try perlClass() {
                set.formUnion(named)
                continue
            }
            var range = ScalarSet(try range())
            if flags.ignoresCase { try fold(&range) }
            set.formUnion(range)
        }
        guard take("]") else { throw .unbalancedBracket }
        return isInverted ? set.inverted() : set
    }

    private mutating func range() throws(RegularExpressionError) -> ClosedRange<UInt32> {
        let low = try member()
        guard next == 0x2D, let after = ahead(1), after != 0x5D else { return low...low }
        position += 1
        let high = try member()
        guard high >= low else { throw .badRange }
        return low...high
    }

    private mutating func member() throws(RegularExpressionError) -> UInt32 {
        guard let scalar = next else { throw .unbalancedBracket }
        if scalar == 0x5C {
            if ahead(1) == nil { throw .badEscape }
            return try escapedScalar()
        }
        position += 1
        return scalar
    }

    /// Reads `[:alpha:]`; nil when there is no end of one.
    private mutating func namedClass() throws(RegularExpressionError) -> ScalarSet? {
        var end = position + 2
        while end + 1 < scalars.count, !(scalars[end] == 0x3A && scalars[end + 1] == 0x5D) { end += 1 }
        guard end + 1 < scalars.count else { return nil }
        var name = ""
        for scalar in scalars[(position + 2)..<end] { name.unicodeScalars.append(Unicode.Scalar(scalar) ?? "?") }
        let isInverted = name.hasPrefix("^")
        guard var set = ScalarSet.posix(isInverted ? String(name.dropFirst()) : name) else { throw .badRange }
        if flags.ignoresCase { set.foldCase() }
        position = end + 2
        return isInverted ? set.inverted() : set
    }
}
