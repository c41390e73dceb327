// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// A regular expression as instructions for an automaton that reads octets (UTF-8).
struct Program: Sendable {
    enum Operation: UInt8, Sendable {
        /// One octet of `sets[operand]`, then `next`.
        case octet
        /// `next` first, then `operand`.
        case split
        /// Notes the place as `operand`, then `next`.
        case save
        /// The assertion `operand` must hold, then `next`.
        case assert
        case match
    }

    struct Instruction: Sendable {
        var operation: Operation
        var next: UInt16
        var operand: UInt16
    }

    var instructions: [Instruction] = []
    var sets: [ByteSet] = []
    var start: UInt16 = 0
    var groupCount = 0
    var hasAssertions = false

    /// Compiles an expression.
    ///
    /// - Throws: `.tooLarge`.
    init(_ syntax: Syntax, groupCount: Int) throws(RegularExpressionError) {
        self.groupCount = groupCount
        var compiler = Compiler()
        let match = try compiler.add(.match, next: 0, operand: 0)
        let end = try compiler.add(.save, next: match, operand: 1)
        let body = try compiler.compile(syntax, next: end)
        start = try compiler.add(.save, next: body, operand: 0)
        instructions = compiler.instructions
        sets = compiler.sets
        hasAssertions = compiler.hasAssertions
    }
}

/// Makes instructions from the end of an expression to its beginning, so that what follows is known.
private struct Compiler {
    var instructions: [Program.Instruction] = []
    var sets: [ByteSet] = []
    var hasAssertions = false
    private var setIndexes: [ByteSet: UInt16] = [:]
    private var shared: [SharedKey: UInt16] = [:]

    private struct SharedKey: Hashable {
        let set: UInt16
        let next: UInt16
    }

    mutating func add(
        _ operation: Program.Operation, next: UInt16, operand: UInt16
    ) throws(RegularExpressionError) -> UInt16 {
        guard instructions.count < RegularExpression.maximumInstructions else { throw .tooLarge }
        instructions.append(Program.Instruction(operation: operation, next: next, operand: operand))
        return UInt16(instructions.count - 1)
    }

    /// Adds what matches an expression and goes on at `next`.
    ///
    /// - Returns: where it begins.
    mutating func compile(_ syntax: Syntax, next: UInt16) throws(RegularExpressionError) -> UInt16 {
        switch syntax {
        case .empty: return next
        case .set(let set): return try compile(set, next: next)
        case .concatenation(let parts):
            var place = next
            for part in parts.reversed() { place = try compile(part, next: place) }
            return place
        case .alternation(let branches):
            var place: UInt16?
            for branch in branches.reversed() {
                let begin = try compile(branch, next: next)
                if let other = place {
                    place = try add(.split, next: begin, operand: other)
                } else {
                    place = begin
                }
            }
            return place ?? next
        case .repetition(let inner, let minimum, let maximum, let isGreedy):
            return try compile(inner, minimum, maximum, isGreedy, next: next)
        case .group(let inner, let number):
            let end = try add(.save, next: next, operand: UInt16(number * 2 + 1))
            let body = try compile(inner, next: end)
            return try add(.save, next: body, operand: UInt16(number * 2))
        case .assertion(let assertion):
            hasAssertions = true
            return try add(.assert, next: next, operand: UInt16(assertion.rawValue))
        }
    }

    private mutating func compile(
        _ inner: Syntax, _ minimum: Int, _ maximum: Int?, _ isGreedy: Bool, next: UInt16
    ) throws(RegularExpressionError) -> UInt16 {
        var place = next
        if let maximum {
            for _ in 0..<(maximum - minimum) {
                let body = try compile(inner, next: place)
                place = try split(body, next, isGreedy)
            }
        } else {
            let loop = try add(.split, next: 0, operand: 0)
            let body = try compile(inner, next: loop)
            instructions[Int(loop)].next = isGreedy ? body : next
            instructions[Int(loop)].operand = isGreedy ? next : body
            place = loop
        }
        for _ in 0..<minimum { place = try compile(inner, next: place) }
        return place
    }

    private mutating func split(
        _ body: UInt16, _ next: UInt16, _ isGreedy: Bool
    ) throws(RegularExpressionError) -> UInt16 {
        try add(.split, next: isGreedy ? body : next, operand: isGreedy ? next : body)
    }

    // MARK: - Sets of scalars as octets

    private mutating func compile(_ set: ScalarSet, next: UInt16) throws(RegularExpressionError) -> UInt16 {
        var set = set
        set.normalize()
        var ascii = ByteSet()
        var branches: [UInt16] = []
        var hasASCII = false
        for range in set.ranges {
            if range.lowerBound < 0x80 {
                hasASCII = true
                for octet in range.lowerBound...min(range.upperBound, 0x7F) { ascii.insert(UInt8(octet)) }
            }
            guard range.upperBound >= 0x80 else { continue }
            for sequence in UTF8Ranges.sequences(max(range.lowerBound, 0x80)...range.upperBound) {
                var place = next
                for octets in sequence.reversed() { place = try octet(ByteSet(octets), next: place) }
                branches.append(place)
            }
        }
        // An empty set is one octet of none.
        if hasASCII || branches.isEmpty { branches.append(try octet(ascii, next: next)) }
        var place = branches[0]
        for branch in branches.dropFirst() { place = try add(.split, next: branch, operand: place) }
        return place
    }

    private mutating func octet(_ set: ByteSet, next: UInt16) throws(RegularExpressionError) -> UInt16 {
        let index = setIndexes[set] ?? UInt16(sets.count)
        if setIndexes[set] == nil {
            sets.append(set)
            setIndexes[set] = index
        }
        // Equal ends of sequences are the same instructions.
        let key = SharedKey(set: index, next: next)
        if let known = shared[key] { return known }
        let place = try add(.octet, next: next, operand: index)
        shared[key] = place
        return place
    }
}
