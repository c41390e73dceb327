// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// What surrounds a place in a text, as assertions see it.
struct Surroundings {
    var isBegin: Bool
    var isEnd: Bool
    var isAfterNewline: Bool
    var isBeforeNewline: Bool
    var isAfterWord: Bool
    var isBeforeWord: Bool

    /// The place in front of `position`.
    init(_ text: Span<UInt8>, _ position: Int) {
        isBegin = position == 0
        isEnd = position == text.count
        isAfterNewline = !isBegin && text[position - 1] == 0x0A
        isBeforeNewline = !isEnd && text[position] == 0x0A
        isAfterWord = !isBegin && text[position - 1].isWord
        isBeforeWord = !isEnd && text[position].isWord
    }

    init(after previous: UInt8?, before next: UInt8?) {
        isBegin = previous == nil
        isEnd = next == nil
        isAfterNewline = previous == 0x0A
        isBeforeNewline = next == 0x0A
        isAfterWord = previous?.isWord ?? false
        isBeforeWord = next?.isWord ?? false
    }

    func holds(_ assertion: UInt16) -> Bool {
        switch Assertion(rawValue: UInt8(truncatingIfNeeded: assertion)) {
        case .beginText: isBegin
        case .endText: isEnd
        case .beginLine: isBegin || isAfterNewline
        case .endLine: isEnd || isBeforeNewline
        case .wordBoundary: isAfterWord != isBeforeWord
        case .noWordBoundary: isAfterWord == isBeforeWord
        case nil: false
        }
    }
}

extension UInt8 {
    /// Whether the octet is one of `\w`.
    var isWord: Bool {
        switch self {
        case 0x30...0x39, 0x41...0x5A, 0x5F, 0x61...0x7A: true
        default: false
        }
    }
}

/// A set of instructions in the order they were added, without memory of its own on the heap.
struct Marks {
    private var bits = InlineArray<64, UInt64>(repeating: 0)
    private var list = InlineArray<4096, UInt16>(repeating: 0)
    private(set) var count = 0

    subscript(index: Int) -> UInt16 { list[index] }

    /// Adds an instruction; false when it is there already.
    mutating func insert(_ instruction: UInt16) -> Bool {
        let word = Int(instruction >> 6)
        let bit = UInt64(1) << UInt64(instruction & 63)
        if bits[word] & bit != 0 { return false }
        bits[word] |= bit
        list[count] = instruction
        count += 1
        return true
    }

    mutating func removeAll() {
        for index in 0..<count { bits[Int(list[index] >> 6)] = 0 }
        count = 0
    }
}

extension RegularExpression {
    private enum Progress {
        case matched
        case failed
        case going
    }

    /// Runs all threads of the automaton side by side: per octet every instruction is looked at once at most.
    ///
    /// - Parameter steps: counts the instructions looked at.
    func simulate(_ text: Span<UInt8>, steps: inout Int) -> Bool {
        var even = Marks()
        var odd = Marks()
        _ = even.insert(program.start)
        for position in 0...text.count {
            let progress =
                position & 1 == 0
                ? advance(text, position, &even, &odd, &steps) : advance(text, position, &odd, &even, &steps)
            switch progress {
            case .matched: return true
            case .failed: return false
            case .going: continue
            }
        }
        return false
    }

    /// Follows what needs no octet, then takes the octet at `position`; `current` is empty afterwards.
    private func advance(
        _ text: Span<UInt8>, _ position: Int, _ current: inout Marks, _ upcoming: inout Marks, _ steps: inout Int
    ) -> Progress {
        let place = Surroundings(text, position)
        // The list grows while it is gone through.
        var index = 0
        while index < current.count {
            steps += 1
            let instruction = program.instructions[Int(current[index])]
            index += 1
            switch instruction.operation {
            case .octet:
                if position < text.count, program.sets[Int(instruction.operand)].contains(text[position]) {
                    _ = upcoming.insert(instruction.next)
                }
            case .split:
                _ = current.insert(instruction.next)
                _ = current.insert(instruction.operand)
            case .save: _ = current.insert(instruction.next)
            case .assert: if place.holds(instruction.operand) { _ = current.insert(instruction.next) }
            case .match: if position == text.count { return .matched }
            }
        }
        current.removeAll()
        return upcoming.count == 0 ? .failed : .going
    }
}
