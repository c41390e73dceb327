// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// A regular expression in the syntax of RE2, matched in time linear in the text.
///
/// Texts are octets taken as UTF-8: what is no UTF-8 is matched by nothing. Small expressions become a table (a deterministic automaton of
/// at most `maximumStates`), others are simulated; neither allocates, and neither goes back in the text, so that no text and no
/// expression makes them explode.
package struct RegularExpression: Sendable {
    /// The longest expression, in octets (Gateway API and Istio allow 1024 for a value).
    package static let maximumLength = 4096
    /// The most instructions: what a text may cost per octet.
    ///
    /// RE2 stops by memory, Envoy warns from 100 on.
    package static let maximumInstructions = 4096
    /// The deepest nesting of groups (RE2 allows 1000; each costs stack).
    package static let maximumDepth = 100
    /// The largest count of repetitions (RE2).
    package static let maximumRepetitions = 1000
    /// The most states of a table; 128 KiB.
    static let maximumStates = 256
    /// How many instructions may be looked at to make a table.
    static let tableWork = 200_000

    /// The expression as it was written.
    package let pattern: String
    /// An ASCII text that everything begins with that matches as a whole; may be empty.
    package let requiredPrefix: [UInt8]
    let program: Program
    let table: StateTable?

    /// Compiles an expression.
    ///
    /// - Throws: what is wrong with it; the text of the error is for whoever wrote it.
    package init(_ pattern: String) throws(RegularExpressionError) {
        try self.init(pattern, withTable: true)
    }

    /// Compiles an expression, for tests without its table.
    init(_ pattern: String, withTable: Bool) throws(RegularExpressionError) {
        var parser = try Parser(pattern)
        let syntax = try parser.parse()
        program = try Program(syntax, groupCount: parser.groupCount)
        table = withTable ? StateTable(program) : nil
        requiredPrefix = syntax.literalPrefix().octets
        self.pattern = pattern
    }

    /// Whether the whole text matches (`RE2::FullMatch`).
    ///
    /// - Complexity: O(length of the text), times the instructions of an expression too large for a table; does not allocate.
    package func matches(_ text: Span<UInt8>) -> Bool {
        if let table { return table.matches(text) }
        var steps = 0
        return simulate(text, steps: &steps)
    }

    /// Whether the whole text matches; for tests.
    package func matches(_ text: String) -> Bool { matches(Array(text.utf8).span) }
}
