// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import RegularExpressions

/// The compiled expressions of the table before: most are the next one's, and to compile them costs more than all else of a table.
struct ExpressionCache: Sendable {
    /// By pattern; nil for what cannot be compiled.
    private var expressions: [String: RegularExpression?] = [:]
    private var previous: [String: RegularExpression?] = [:]

    /// What is kept, sorted.
    var patterns: [String] { expressions.keys.sorted() }

    /// Begins another table.
    mutating func begin() {
        swap(&previous, &expressions)
        expressions = [:]
    }

    /// The expression of a pattern; nil when it cannot be compiled: Manifest reports it.
    mutating func expression(_ pattern: String) -> RegularExpression? {
        if let known = expressions[pattern] ?? previous[pattern] {
            expressions.updateValue(known, forKey: pattern)
            return known
        }
        var compiled: RegularExpression?
        do throws(RegularExpressionError) { compiled = try RegularExpression(pattern) } catch { compiled = nil }
        expressions.updateValue(compiled, forKey: pattern)
        return compiled
    }

    /// Forgets what the table has not asked for.
    mutating func finish() {
        previous = [:]
    }
}
