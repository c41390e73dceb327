// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// A deterministic automaton as a table: one look-up per octet.
struct StateTable: Sendable {
    private static let dead: UInt16 = 0

    /// The class of every octet: octets of one class are in the same sets.
    private let classes: [UInt8]
    private let classCount: Int
    /// The state after an octet of a class in a state; state 0 is that of no return.
    private let transitions: [UInt16]
    private let accepts: [Bool]

    /// The threads before the next octet, and what the last one was to assertions.
    private struct State: Hashable {
        var threads: [UInt16]
        var previous: Previous
    }

    private enum Previous: UInt8 {
        case nothing
        case word
        case newline
        case other
        /// Nothing asks.
        case unasked

        init(_ octet: UInt8) {
            self = octet.isWord ? .word : octet == 0x0A ? .newline : .other
        }

        /// An octet of the kind.
        var octet: UInt8? {
            switch self {
            case .nothing: nil
            case .word: UInt8(ascii: "a")
            case .newline: 0x0A
            case .other, .unasked: UInt8(ascii: " ")
            }
        }
    }

    /// Makes the table of a program; nil when it would be too large.
    init?(_ program: Program) {
        guard program.sets.count <= 512 else { return nil }
        let (classes, representatives) = Self.classify(program)
        var states: [State] = [State(threads: [], previous: .unasked)]
        var indexes: [State: UInt16] = [:]
        let first = State(threads: [program.start], previous: program.hasAssertions ? .nothing : .unasked)
        states.append(first)
        indexes[first] = 1
        var transitions = [UInt16](repeating: Self.dead, count: representatives.count)
        var accepts = [false]
        var work = 0
        var number = 1
        while number < states.count {
            let state = states[number]
            var end = Self.follow(state, before: nil, program, &work)
            accepts.append(end.isMatch)
            // Without assertions what is reached does not depend on what follows.
            let isFixed = !program.hasAssertions
            for octet in representatives {
                if !isFixed { end = Self.follow(state, before: octet, program, &work) }
                let threads = Self.step(end.octets, octet, program)
                work += end.octets.count
                guard work < RegularExpression.tableWork else { return nil }
                if threads.isEmpty {
                    transitions.append(Self.dead)
                    continue
                }
                let next = State(threads: threads, previous: isFixed ? .unasked : Previous(octet))
                if let known = indexes[next] {
                    transitions.append(known)
                    continue
                }
                guard states.count < RegularExpression.maximumStates else { return nil }
                indexes[next] = UInt16(states.count)
                transitions.append(UInt16(states.count))
                states.append(next)
            }
            number += 1
        }
        self.classes = classes
        classCount = representatives.count
        self.transitions = transitions
        self.accepts = accepts
    }

    /// Gives octets that no set tells apart the same class.
    private static func classify(_ program: Program) -> (classes: [UInt8], representatives: [UInt8]) {
        var classes = [UInt8](repeating: 0, count: 256)
        var known: [[Bool]: UInt8] = [:]
        var representatives: [UInt8] = []
        for octet in UInt8.min...UInt8.max {
            var signature = program.sets.map { $0.contains(octet) }
            if program.hasAssertions { signature += [octet.isWord, octet == 0x0A] }
            let number = known[signature] ?? UInt8(truncatingIfNeeded: representatives.count)
            if known[signature] == nil {
                known[signature] = number
                representatives.append(octet)
            }
            classes[Int(octet)] = number
        }
        return (classes, representatives)
    }

    /// The instructions that want an octet, reached from a state, and whether the end of the expression is.
    private static func follow(
        _ state: State, before octet: UInt8?, _ program: Program, _ work: inout Int
    ) -> (octets: [UInt16], isMatch: Bool) {
        let place = Surroundings(after: state.previous == .unasked ? 0x20 : state.previous.octet, before: octet)
        var marks = Marks()
        for thread in state.threads { _ = marks.insert(thread) }
        var octets: [UInt16] = []
        var isMatch = false
        var index = 0
        while index < marks.count {
            let number = marks[index]
            let instruction = program.instructions[Int(number)]
            index += 1
            switch instruction.operation {
            case .octet: octets.append(number)
            case .split:
                _ = marks.insert(instruction.next)
                _ = marks.insert(instruction.operand)
            case .save: _ = marks.insert(instruction.next)
            case .assert: if place.holds(instruction.operand) { _ = marks.insert(instruction.next) }
            case .match: isMatch = true
            }
        }
        work += marks.count
        return (octets, isMatch)
    }

    private static func step(_ octets: [UInt16], _ octet: UInt8, _ program: Program) -> [UInt16] {
        var threads: [UInt16] = []
        for number in octets {
            let instruction = program.instructions[Int(number)]
            if program.sets[Int(instruction.operand)].contains(octet) { threads.append(instruction.next) }
        }
        threads.sort()
        var unique: [UInt16] = []
        for thread in threads where unique.last != thread { unique.append(thread) }
        return unique
    }

    /// Whether the whole text matches.
    func matches(_ text: Span<UInt8>) -> Bool {
        var state = 1
        for index in 0..<text.count {
            state = Int(transitions[state * classCount + Int(classes[Int(text[index])])])
            if state == Int(Self.dead) { return false }
        }
        return accepts[state]
    }
}
