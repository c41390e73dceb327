// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Testing

@testable internal import Manifest

@Suite("YAMLParser")
struct YAMLParserTests {
    @Test(
        "YAML 1.2 §8.2: block collections",
        arguments: [
            ("a: 1", #"{"a":1}"#),
            ("a: 1\nb: x\n", #"{"a":1,"b":"x"}"#),
            ("a:\n  b: 1\n  c:\n    d: 2\ne: 3", #"{"a":{"b":1,"c":{"d":2}},"e":3}"#),
            ("- a\n- b", #"["a","b"]"#),
            ("a:\n- 1\n- 2\nb: 3", #"{"a":[1,2],"b":3}"#),  // a list in the column of its key
            ("a:\n  - 1\n  - 2\nb: 3", #"{"a":[1,2],"b":3}"#),
            ("- a: 1\n  b: 2\n- c: 3", #"[{"a":1,"b":2},{"c":3}]"#),  // compact mapping
            ("- - 1\n  - 2\n-\n  - 3", "[[1,2],[3]]"),  // compact sequence
            ("- - - a", #"[[["a"]]]"#),
            ("-\n  a: 1\n-\n  b: 2", #"[{"a":1},{"b":2}]"#),
            ("-   a: 1\n    b: 2", #"[{"a":1,"b":2}]"#),
            ("- a:\n  - 1\n  - 2\n- b", #"[{"a":[1,2]},"b"]"#),
            ("a:\n  - b:\n    - c: 1\n      d: 2", #"{"a":[{"b":[{"c":1,"d":2}]}]}"#),
            ("a:\nb:\n", #"{"a":null,"b":null}"#),
            ("- \n- a\n-", #"[null,"a",null]"#),
            ("a :  1", #"{"a":1}"#),
            ("\"a\": 1\n'b c': 2", #"{"a":1,"b c":2}"#),
            ("a b c: d e", #"{"a b c":"d e"}"#),
            ("a:b: c", #"{"a:b":"c"}"#),
            ("a: b:c", #"{"a":"b:c"}"#),
            ("-a: -b", #"{"-a":"-b"}"#),
            ("a: - b", "sequenceNotAllowedHere@1:4"),
            ("a: b: c", "mappingNotAllowedHere@1:4"),
            ("a: 1\n b: 2", "keySpansLines@2:3"),
            ("a:\n    b: 1\n  c: 2", "wrongIndentation@3:3"),
            ("a:\n  b: 1\n c: 2", "wrongIndentation@3:2"),
            ("- a\nb: 1", "wrongIndentation@2:1"),
            ("a: 1\n- b", "itemAmongKeys@2:1"),
            ("a: 1\nb", "missingColon@2:1"),
            (": a", "missingKey@1:1"),
            ("a: 1\n: b", "missingKey@2:1"),
            ("a: \"b\" c", "trailingText@1:8"),
            ("a\n b: c", "keySpansLines@2:3"),
            ("[a]: b", "collectionAsKey@1:1"),
            ("? [a]\n: b", "collectionAsKey@1:3"),
            ("a: 1\nb: 2\na: 3", "duplicateKey(firstLine: 1)@3:1"),
            ("\"a\": 1\na: 3", "duplicateKey(firstLine: 1)@2:1"),
            ("1: a\n\"1\": b", "duplicateKey(firstLine: 1)@2:1"),  // keys become JSON strings
        ])
    func blockCollections(_ text: String, _ expected: String) {
        #expect(parsed(text) == expected)
    }

    @Test(
        "YAML 1.2 §8.2.2: explicit keys",
        arguments: [
            ("? a\n: 1", #"{"a":1}"#),
            ("? a\n? b\n: 2\nc: 3", #"{"a":null,"b":2,"c":3}"#),
            ("? a\n:\n  - 1\n  - 2", #"{"a":[1,2]}"#),
            ("? a\n: - 1\n  - 2", #"{"a":[1,2]}"#),
            ("? a\n: b: 1\n  c: 2", #"{"a":{"b":1,"c":2}}"#),
            ("a: 1\n? b\n: 2", #"{"a":1,"b":2}"#),
            ("? |\n  text\n: 1", #"{"text\n":1}"#),
            ("{? a : 1, ? b, c: 2}", #"{"a":1,"b":null,"c":2}"#),
            ("[? a : 1]", #"[{"a":1}]"#),
            ("? - a\n: 1", "collectionAsKey@1:3"),
            ("?a: 1", #"{"?a":1}"#),
        ])
    func explicitKeys(_ text: String, _ expected: String) {
        #expect(parsed(text) == expected)
    }

    @Test(
        "YAML 1.2 §7.4: flow collections; JSON",
        arguments: [
            ("[1, 2,3]", "[1,2,3]"),
            ("[]", "[]"),
            ("{}", "{}"),
            ("[1, 2,]", "[1,2]"),
            ("{a: 1, b: 2,}", #"{"a":1,"b":2}"#),
            ("{a: 1, b}", #"{"a":1,"b":null}"#),
            ("{a:, b: }", #"{"a":null,"b":null}"#),
            ("{a:1}", #"{"a:1":null}"#),
            (#"{"a":1,"b":[true,null,"x"]}"#, #"{"a":1,"b":[true,null,"x"]}"#),
            (#"{"a" :1}"#, #"{"a":1}"#),
            ("[a: b, c: d]", #"[{"a":"b"},{"c":"d"}]"#),
            (#"["a":b]"#, #"[{"a":"b"}]"#),
            ("[{a: 1}, [b, [c]]]", #"[{"a":1},["b",["c"]]]"#),
            ("a: [1,\n  2,\n3\n]\nb: 1", #"{"a":[1,2,3],"b":1}"#),
            ("a: {b: 1, # one\n  c: 2}", #"{"a":{"b":1,"c":2}}"#),
            ("{\n\t\"a\": 1,\n\t\"b\": {\n\t\t\"c\": 2\n\t}\n}\n", #"{"a":1,"b":{"c":2}}"#),
            ("[http://a:80/x, b]", #"["http://a:80/x","b"]"#),
            ("[a b\n c, d]", #"["a b c","d"]"#),
            ("{a\n b: c\n d}", #"{"a b":"c d"}"#),
            ("[ 'a' , \"b\" ]", #"["a","b"]"#),
            ("{\"a\": 1}\n{\"b\": 2}", #"{"a":1} | {"b":2}"#),
            ("[-1, -a, ?b, :c]", #"[-1,"-a","?b",":c"]"#),
            ("[a, , b]", "missingComma@1:5"),
            ("[,]", "missingComma@1:2"),
            ("[a b", "unclosedBracket@1:1"),
            ("a:\n  - {b: [c, d}", "missingComma@2:14"),
            ("[a\n---\nb]", "unclosedBracket@1:1"),
            ("{: a}", "missingKey@1:2"),
            ("[a\n: b]", "keySpansLines@2:1"),
            ("{a: 1, a: 2}", "duplicateKey(firstLine: 1)@1:8"),
            ("{[a]: 1}", "collectionAsKey@1:2"),
            ("[a] b", "trailingText@1:5"),
            ("a: ]", "reservedCharacter@1:4"),
            ("[-]", "reservedCharacter@1:2"),
            ("{a: 1}}", "trailingText@1:7"),
            (#"{"a" "b"}"#, "missingComma@1:6"),
            (#"{"a": 1 "b": 2}"#, "missingComma@1:12"),
        ])
    func flowCollections(_ text: String, _ expected: String) {
        #expect(parsed(text) == expected)
    }

    @Test(
        "YAML 1.2 §7.3.3: plain scalars",
        arguments: [
            ("a: b c  d", #"{"a":"b c  d"}"#),
            ("a: b\n  c\n  d", #"{"a":"b c d"}"#),
            ("a: b\n\n  c\n\n\n  d\n", #"{"a":"b\nc\n\nd"}"#),
            ("a: b # comment", #"{"a":"b"}"#),
            ("a: b#c", #"{"a":"b#c"}"#),
            ("a: b\n# comment\n  c", "wrongIndentation@3:3"),  // a comment ends the scalar
            ("a: b\n  - c", #"{"a":"b - c"}"#),
            ("a: b\n  c: d", "keySpansLines@2:4"),
            ("a\nb\n  c", #""a b c""#),
            ("- a\n b\n- c", #"["a b","c"]"#),
            ("a: 'b\n  c'", #"{"a":"b c"}"#),
            ("a:\n  b\n  c", #"{"a":"b c"}"#),
            ("a:\n b\nc: d", #"{"a":"b","c":"d"}"#),
            ("a: @b", "reservedCharacter@1:4"),
            ("a: `b", "reservedCharacter@1:4"),
            ("a: %b", "reservedCharacter@1:4"),
            ("a: \tb\t c\t", #"{"a":"b\t c"}"#),
            ("a: \u{E9}\u{1F600}", "{\"a\":\"\u{E9}\u{1F600}\"}"),
            ("a: b\u{2028}c", "{\"a\":\"b\u{2028}c\"}"),  // no line break in YAML 1.2
            ("a: b\r\n  c\r\nd: e\r\n", #"{"a":"b c","d":"e"}"#),
            ("a: b\rd: e\r", #"{"a":"b","d":"e"}"#),
            ("a: ::std::vector", #"{"a":"::std::vector"}"#),
            ("a: x[0], {y}", #"{"a":"x[0], {y}"}"#),
            ("key: request.headers[x-api-version]", #"{"key":"request.headers[x-api-version]"}"#),
        ])
    func plainScalars(_ text: String, _ expected: String) {
        #expect(parsed(text) == expected)
    }

    @Test(
        "YAML 1.2 §7.3.1, §7.3.2: quoted scalars",
        arguments: [
            ("'it''s'", #""it's""#),
            (#"'a\nb'"#, #""a\\nb""#),
            ("''", #""""#),
            (#""""#, #""""#),
            (#""a\tb\n\\\"\/""#, #""a\tb\n\\\"/""#),
            (#""\0\a\b\v\f\e""#, #""\u{0}\u{7}\u{8}\u{11}\u{12}\u{27}""#),
            (#""\x41\u00e9\U0001F600""#, "\"A\u{E9}\u{1F600}\""),
            (#""\uD83D\uDE00""#, "\"\u{1F600}\""),  // RFC 8259 §7
            (#""\N\_\L\P""#, "\"\u{85}\u{A0}\u{2028}\u{2029}\""),
            ("\"a\n  b\"", #""a b""#),
            ("\"a  \n\n  b\"", #""a\nb""#),
            ("\"a\\\n  b\"", #""ab""#),
            ("\"a \\\n  b\"", #""a b""#),
            ("\"a\\\n  \\ b\"", #""a b""#),
            ("\"a\\t\n b\"", #""a\t b""#),
            ("\"a\\\n\n b\"", #""a\nb""#),
            ("'a\n\n  b'", #""a\nb""#),
            ("\" a \"", #"" a ""#),
            ("\"\n  a\n\"", #"" a ""#),
            ("a: \"b: c # d\"", #"{"a":"b: c # d"}"#),
            ("\"a\tb\"", #""a\tb""#),
            (#""\q""#, "unknownEscape@1:2"),
            (#""\xZZ""#, "badCodePoint@1:2"),
            (#""\uD83D""#, "badCodePoint@1:2"),
            (#""\uDE00""#, "badCodePoint@1:2"),
            (#""\uD83D\u0041""#, "badCodePoint@1:2"),
            (#""\U00110000""#, "badCodePoint@1:2"),
            ("a: \"b\nc: d\n", "unclosedQuote@1:4"),
            ("a: 'b", "unclosedQuote@1:4"),
            (#"a: "b\"#, "unclosedQuote@1:4"),
            ("\"a\n---\nb\"", "markerInsideScalar@2:1"),
            ("\"a\"#b", "trailingText@1:4"),
            ("\"a\n b\": c", "keySpansLines@2:4"),
            ("\"a\":b", "trailingText@1:4"),
        ])
    func quotedScalars(_ text: String, _ expected: String) {
        #expect(parsed(text) == expected)
    }

    @Test(
        "YAML 1.2 §8.1: block scalars",
        arguments: [
            ("a: |\n  b\n  c\n", #"{"a":"b\nc\n"}"#),
            ("a: |-\n  b\n  c\n", #"{"a":"b\nc"}"#),
            ("a: |+\n  b\n\n\nc: d", #"{"a":"b\n\n\n","c":"d"}"#),
            ("a: |\n  b\n\n\nc: d", #"{"a":"b\n","c":"d"}"#),
            ("a: |\n  b\n   c\n\n  d\n", #"{"a":"b\n c\n\nd\n"}"#),
            ("a: |2\n    b\n   c\n", #"{"a":"  b\n c\n"}"#),
            ("a: |+2 # c\n   b\n", #"{"a":" b\n"}"#),
            ("a: |2-\n   b\n", #"{"a":" b"}"#),
            ("a: |\n\n\n  b\n", #"{"a":"\n\nb\n"}"#),
            ("a: >\n  b\n  c\n\n  d\n", #"{"a":"b c\nd\n"}"#),
            ("a: >-\n  b\n   c\n   d\n  e\n", #"{"a":"b\n c\n d\ne"}"#),
            ("a: >\n\n  b\n\n   c\n\n  d\n", #"{"a":"\nb\n\n c\n\nd\n"}"#),
            ("a: |\nb: c", #"{"a":"","b":"c"}"#),
            ("a: |", #"{"a":""}"#),
            ("a: |\n  b", #"{"a":"b"}"#),  // no line break, none kept
            ("a: |\n  # no comment\n  b: [\n", ##"{"a":"# no comment\nb: [\n"}"##),
            ("- |\n a\n- >\n b\n", #"["a\n","b\n"]"#),
            ("- - |\n   a\n  - b", #"[["a\n","b"]]"#),
            ("--- |\na\nb\n", #""a\nb\n""#),
            ("--- |\na\n---\nb", #""a\n" | "b""#),
            ("a: |\n  b\n# comment\nc: d", #"{"a":"b\n","c":"d"}"#),
            ("a: |\r\n  b\r\n  c\r\n", #"{"a":"b\nc\n"}"#),
            ("a: |\n  b \n\t\nc: d", #"{"a":"b \n","c":"d"}"#),
            ("a: |\n   \n  b\n", "blockScalarIndentation@2:1"),
            ("a: |x\n  b", "badBlockScalarHeader@1:5"),
            ("a: |0\n  b", "badBlockScalarHeader@1:5"),
            ("a: |#c\n  b", "badBlockScalarHeader@1:5"),
            ("a: | b\n", "badBlockScalarHeader@1:6"),
            ("a: |\n\tb\n", "tabIndentation@2:1"),
        ])
    func blockScalars(_ text: String, _ expected: String) {
        #expect(parsed(text) == expected)
    }

    @Test(
        "YAML 1.2 §9: documents, comments and directives",
        arguments: [
            ("", ""),
            ("# only\n  # comments\n", ""),
            ("---\n", "null"),
            ("---\na: 1\n---\nb: 2\n...\n", #"{"a":1} | {"b":2}"#),
            ("a: 1\n...\nb: 2", #"{"a":1} | {"b":2}"#),
            ("a: 1\n--- # next\nb: 2", #"{"a":1} | {"b":2}"#),
            ("---\n---\na", #"null | "a""#),
            ("--- a\n--- b", #""a" | "b""#),
            ("--- [a]\n", #"["a"]"#),
            ("--- a: b", "mappingNotAllowedHere@1:5"),
            ("--- - a", "sequenceNotAllowedHere@1:5"),
            ("%YAML 1.2\n---\na: 1", #"{"a":1}"#),
            ("%TAG !e! tag:yaml.org,2002:\n---\na: !e!str 1", #"{"a":"1"}"#),
            ("%YAML 1.2\na: 1", "missingDocumentStart@2:1"),
            ("%FOO\n---\n", "badDirective@1:1"),
            ("... a", "trailingText@1:5"),
            ("---a: 1", #"{"---a":1}"#),
            ("a: 1 #c\n#c\n\nb: 2#c", #"{"a":1,"b":"2#c"}"#),
            ("\u{FEFF}a: 1", #"{"a":1}"#),
            ("- a\n  # comment\n- b", #"["a","b"]"#),
        ])
    func documents(_ text: String, _ expected: String) {
        #expect(parsed(text) == expected)
    }

    @Test(
        "YAML 1.2 §6.1: a tab never indents",
        arguments: [
            ("a:\n\tb: 1", "tabIndentation@2:1"),
            ("\ta: 1", "tabIndentation@1:2"),
            ("-\t- a", "tabIndentation@1:3"),
            ("-\ta: b", "tabIndentation@1:3"),
            ("a: b\n\tc", "tabIndentation@2:1"),
            ("a: 1\n\tb: 2", "tabIndentation@2:1"),
            ("a:\tb", #"{"a":"b"}"#),
            ("-\tb", #"["b"]"#),
            ("a:\n  \tb", #"{"a":"b"}"#),
            ("a: 1\n\t\nb: 2\t# c", #"{"a":1,"b":2}"#),
            ("[\n\ta\n]", #"["a"]"#),
        ])
    func tabs(_ text: String, _ expected: String) {
        #expect(parsed(text) == expected)
    }
}
