// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// Why a regular expression cannot be used.
package enum RegularExpressionError: Error, Hashable, Sendable, CaseIterable {
    /// It is longer than `RegularExpression.maximumLength`.
    case tooLong
    /// It compiles to more than `RegularExpression.maximumInstructions`.
    case tooLarge
    /// Groups stand deeper in each other than `RegularExpression.maximumDepth`.
    case tooDeep
    /// A count of repetitions beyond 1000, or nested counts that multiply to more (RE2's limit).
    case repetitionTooLarge
    /// `*`, `+`, `?` or a count with nothing in front of it.
    case nothingToRepeat
    /// A repetition of a repetition, as in `a**` or `a*+`.
    case repeatedRepetition
    /// A parenthesis without its counterpart.
    case unbalancedParenthesis
    /// A bracket without its counterpart.
    case unbalancedBracket
    /// A range whose end lies before its beginning, or an unknown class `[:name:]`.
    case badRange
    /// A backslash at the end, or in front of a letter or digit that means nothing.
    case badEscape
    /// `(?` followed by what RE2 does not know.
    case badGroup
    /// Backreferences, which no expression in linear time can have.
    case backreference
    /// Looking ahead or behind, which RE2 does not have.
    case lookaround
    /// `\p`, `\P`, `\X`: classes of Unicode.
    case unicodeClass
    /// `\C`: single octets.
    case singleOctet
    /// `(?i)` with letters beyond ASCII.
    case caseBeyondASCII
}

extension RegularExpressionError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .tooLong: "the expression is longer than \(RegularExpression.maximumLength) octets"
        case .tooLarge:
            "the expression needs more than \(RegularExpression.maximumInstructions) instructions; use smaller counts"
        case .tooDeep: "groups stand more than \(RegularExpression.maximumDepth) deep in each other"
        case .repetitionTooLarge: "a count of repetitions must be at most 1000, also where counts stand in each other"
        case .nothingToRepeat: "there is nothing to repeat in front of *, +, ? or {"
        case .repeatedRepetition: "a repetition cannot be repeated; put it into a group"
        case .unbalancedParenthesis: "a parenthesis has no counterpart"
        case .unbalancedBracket: "a bracket [ has no ]"
        case .badRange: "a range in brackets is not one"
        case .badEscape: "a backslash stands in front of what needs none, or at the end"
        case .badGroup: "what follows (? is not RE2 syntax"
        case .backreference: "backreferences are not supported: they cannot be matched in linear time (RE2)"
        case .lookaround: "looking ahead or behind is not supported (RE2)"
        case .unicodeClass: "classes of Unicode (\\p, \\P, \\X) are not supported; write ranges"
        case .singleOctet: "\\C is not supported"
        case .caseBeyondASCII: "(?i) is supported for ASCII letters only"
        }
    }
}
