// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

extension RegularExpression {
    /// How many instructions one replacement may look at, summed over all matches: beyond it the rest of the text stays as it is.
    static let replacementWork = 8_000_000

    /// Copies a text with every match replaced (`RE2::GlobalReplace`): leftmost, the earlier alternative first.
    ///
    /// - Parameter substitution: `\0` stands for the match, `\1` to `\9` for what its groups matched, `\\` for a backslash.
    /// - Complexity: O(length × instructions) for each match; allocates.
    package func replaceAll(in text: Span<UInt8>, with substitution: Span<UInt8>, into result: inout [UInt8]) {
        var position = 0
        var lastEnd = -1
        var work = 0
        while position <= text.count, let found = firstMatch(in: text, from: position, &work) {
            let (begin, end) = (found[0], found[1])
            result.append(copying: text.extracting(position..<max(begin, position)))
            if begin == end, begin == lastEnd {
                // Nothing, where the match before ended: not again. One scalar further.
                guard begin < text.count else { return }
                var after = begin + 1
                while after < text.count, text[after] & 0xC0 == 0x80 { after += 1 }
                result.append(copying: text.extracting(begin..<after))
                position = after
                continue
            }
            Self.append(substitution, found, text, to: &result)
            position = end
            lastEnd = end
        }
        if position < text.count { result.append(copying: text.extracting(position..<text.count)) }
    }

    /// What is wrong with a substitution: nil when it refers to groups that are there only.
    package func checkSubstitution(_ substitution: String) -> RegularExpressionError? {
        var octets = substitution.utf8.makeIterator()
        while let octet = octets.next() {
            guard octet == UInt8(ascii: "\\") else { continue }
            guard let next = octets.next() else { return .badEscape }
            if next == UInt8(ascii: "\\") { continue }
            guard (0x30...0x39).contains(next) else { return .badEscape }
            if Int(next - 0x30) > program.groupCount { return .backreference }
        }
        return nil
    }

    private static func append(
        _ substitution: Span<UInt8>, _ found: [Int], _ text: Span<UInt8>, to result: inout [UInt8]
    ) {
        var index = 0
        while index < substitution.count {
            let octet = substitution[index]
            index += 1
            guard octet == UInt8(ascii: "\\"), index < substitution.count else {
                result.append(octet)
                continue
            }
            let next = substitution[index]
            index += 1
            if (0x30...0x39).contains(next) {
                let group = Int(next - 0x30) * 2
                guard group + 1 < found.count, found[group] >= 0, found[group + 1] >= found[group] else { continue }
                result.append(copying: text.extracting(found[group]..<found[group + 1]))
            } else {
                result.append(next)
            }
        }
    }

    // MARK: - Places

    private struct Thread {
        var instruction: UInt16
        var places: [Int]
    }

    /// The places of the leftmost match and its groups, from `start` on; nil when there is none.
    private func firstMatch(in text: Span<UInt8>, from start: Int, _ work: inout Int) -> [Int]? {
        let none = [Int](repeating: -1, count: min(program.groupCount + 1, 10) * 2)
        var current: [Thread] = []
        var best: [Int]?
        for position in start...text.count {
            if best == nil { current.append(Thread(instruction: program.start, places: none)) }
            if current.isEmpty { return best }
            let place = Surroundings(text, position)
            var visited = Marks()
            var reached: [Thread] = []
            for thread in current { follow(thread, position, place, &visited, &reached) }
            work += visited.count
            guard work < Self.replacementWork else { return best }
            current = []
            for thread in reached {
                let instruction = program.instructions[Int(thread.instruction)]
                if instruction.operation == .match {
                    // Threads behind this one are less wanted.
                    best = thread.places
                    break
                }
                if position < text.count, program.sets[Int(instruction.operand)].contains(text[position]) {
                    current.append(Thread(instruction: instruction.next, places: thread.places))
                }
            }
            if current.isEmpty, best != nil { return best }
        }
        return best
    }

    /// Follows what needs no octet, the more wanted way first.
    private func follow(
        _ thread: Thread, _ position: Int, _ place: Surroundings, _ visited: inout Marks, _ reached: inout [Thread]
    ) {
        var pending = [thread]
        while var thread = pending.popLast() {
            guard visited.insert(thread.instruction) else { continue }
            let instruction = program.instructions[Int(thread.instruction)]
            switch instruction.operation {
            case .octet, .match: reached.append(thread)
            case .split:
                var other = thread
                other.instruction = instruction.operand
                pending.append(other)
                thread.instruction = instruction.next
                pending.append(thread)
            case .save:
                if Int(instruction.operand) < thread.places.count {
                    thread.places[Int(instruction.operand)] = position
                }
                thread.instruction = instruction.next
                pending.append(thread)
            case .assert:
                guard place.holds(instruction.operand) else { break }
                thread.instruction = instruction.next
                pending.append(thread)
            }
        }
    }
}
