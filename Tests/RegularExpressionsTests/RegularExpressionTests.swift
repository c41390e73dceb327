// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Testing

@testable internal import RegularExpressions

@Suite("Regular expressions")
struct RegularExpressionTests {
    @Test(
        "What cannot be used is refused with its reason",
        arguments: [
            ("(", .unbalancedParenthesis), ("a)", .unbalancedParenthesis), ("[a", .unbalancedBracket),
            ("[b-a]", .badRange), ("[[:foo:]]", .badRange), ("*a", .nothingToRepeat), ("a**", .repeatedRepetition),
            ("a{1001}", .repetitionTooLarge), ("(?:a{100}){100}", .repetitionTooLarge), ("\\q", .badEscape),
            ("\\", .badEscape), ("(a)\\1", .backreference), ("(?=a)", .lookaround), ("(?<!a)", .lookaround),
            ("\\p{L}", .unicodeClass), ("\\C", .singleOctet), ("(?i)é", .caseBeyondASCII), ("(?z)", .badGroup),
            (String(repeating: "(", count: 101), .tooDeep), (String(repeating: "a", count: 4097), .tooLong),
            ("[^a]{1000}", .tooLarge),
        ] as [(String, RegularExpressionError)])
    func refused(_ pattern: String, _ reason: RegularExpressionError) {
        #expect(throws: reason) { try RegularExpression(pattern) }
    }

    @Test(
        "A text that is no UTF-8 is matched by nothing that reads scalars",
        arguments: [[0xC3], [0xFF], [0xED, 0xA0, 0x80], [0xC0, 0x80], [0xF4, 0x90, 0x80, 0x80]] as [[UInt8]])
    func invalidUTF8(_ octets: [UInt8]) throws {
        #expect(try !RegularExpression("(?s).*").matches(octets.span))
    }

    @Test("The text that every match begins with is found, to file rules under it")
    func requiredPrefix() throws {
        func prefix(_ pattern: String) throws -> String {
            String(decoding: try RegularExpression(pattern).requiredPrefix, as: UTF8.self)
        }
        #expect(try prefix("/api/v[12]/.*") == "/api/v")
        #expect(try prefix("^/a(bc)+") == "/abc")
        #expect(try prefix("(?i)/api") == "/")
        #expect(try prefix("a|ab") == "")
        #expect(try prefix("a*b") == "")
        #expect(try prefix("/caf\\.e") == "/caf.e")
    }

    @Test("An expression that explodes elsewhere looks at each instruction once per octet")
    func linear() throws {
        for pattern in ["(a*)*b", "(a|aa)+$b", "(a?){30}a{30}", "(x+x+)+y", "([a-z]+)*[0-9]"] {
            let expression = try RegularExpression(pattern, withTable: false)
            for length in [100, 1_000, 10_000] {
                let octets = [UInt8](repeating: pattern.contains("x+x") ? 0x78 : 0x61, count: length)
                var steps = 0
                _ = expression.simulate(octets.span, steps: &steps)
                #expect(steps <= (length + 1) * expression.program.instructions.count, "\(pattern)")
            }
        }
    }

    @Test("A table never has more states than its limit: `(a|b)*a(a|b){20}` would need two million")
    func boundedTable() throws {
        let expression = try RegularExpression("(a|b)*a(a|b){20}")
        #expect(expression.table == nil)
        #expect(expression.matches("a" + String(repeating: "b", count: 20)) == true)
        #expect(expression.matches(String(repeating: "b", count: 40)) == false)
        #expect(try RegularExpression("/reviews/[0-9]+").table != nil)
    }

    @Test(
        "Groups are filled into a substitution as RE2 does",
        arguments: [
            ("^/service/([^/]+)(/.*)$", "\\2/instance/\\1", "/service/foo/v1/api", "/v1/api/instance/foo"),
            ("one", "two", "/xxx/one/yyy/one/zzz", "/xxx/two/yyy/two/zzz"),
            ("^(.*?)one(.*)$", "\\1two\\2", "/xxx/one/yyy/one/zzz", "/xxx/two/yyy/one/zzz"),
            ("(?i)/xxx/", "/yyy/", "/aaa/XxX/bbb", "/aaa/yyy/bbb"),
            ("b*", "-", "abc", "-a-c-"),
            ("(a)|b", "[\\1]", "ab", "[a][]"),
        ])
    func substitution(_ pattern: String, _ substitution: String, _ text: String, _ expected: String) throws {
        var result: [UInt8] = []
        try RegularExpression(pattern).replaceAll(
            in: Array(text.utf8).span, with: Array(substitution.utf8).span, into: &result)
        #expect(String(decoding: result, as: UTF8.self) == expected)
    }

    @Test("A substitution may name only groups that are there")
    func checkedSubstitution() throws {
        let expression = try RegularExpression("(a)(b)")
        #expect(expression.checkSubstitution("\\2\\1\\0\\\\") == nil)
        #expect(expression.checkSubstitution("\\3") == .backreference)
        #expect(expression.checkSubstitution("a\\") == .badEscape)
    }
}
