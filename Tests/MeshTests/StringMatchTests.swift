// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Mesh
import Testing

/// The four ways to match a text.
@Suite struct StringMatchTests {
    static let rows: [(pattern: String, text: String, matches: Bool)] = [
        ("abc", "abc", true), ("abc", "abcd", false), ("abc", "ABC", false), ("", "", true), ("", "a", false),
        ("abc*", "abc", true), ("abc*", "abcd", true), ("abc*", "ab", false), ("abc*", "xabc", false),
        ("*abc", "abc", true), ("*abc", "xabc", true), ("*abc", "abcx", false), ("*abc", "bc", false),
        ("*", "a", true), ("*", "", false),
        // A star elsewhere stands for itself.
        ("a*c", "abc", false), ("a*c", "a*c", true),
        // Octets are compared, not characters: these two are canonically equivalent.
        ("\u{E9}", "e\u{301}", false),
    ]

    @Test("ztunnel string_match: exact, prefix, suffix, presence", arguments: rows)
    func matches(row: (pattern: String, text: String, matches: Bool)) {
        #expect(StringMatch(pattern: row.pattern).matches(row.text) == row.matches)
    }
}
