// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Testing

@testable internal import Manifest

@Suite("YAMLParser: properties, types and limits")
struct YAMLPropertiesTests {
    @Test(
        "YAML 1.2 §7.1: anchors and aliases",
        arguments: [
            ("a: &x 1\nb: *x", #"{"a":1,"b":1}"#),
            ("a: &x\n  c: 1\nb: *x", #"{"a":{"c":1},"b":{"c":1}}"#),
            ("&m a: 1\nb: *m", #"{"a":1,"b":"a"}"#),  // the anchor of the key
            ("- &x a: 1\n- *x", #"[{"a":1},"a"]"#),
            ("&x\na: 1\n", #"{"a":1}"#),
            ("a: &x [1, *x]", "cyclicAlias@1:11"),
            ("&x\n- *x", "cyclicAlias@2:3"),
            ("a: *x", "unknownAlias@1:4"),
            ("a: &x 1\n---\nb: *x", "unknownAlias@3:4"),
            ("- &x 1\n- &x 2\n- *x", "[1,2,2]"),
            ("a: &x\nb: *x", #"{"a":null,"b":null}"#),
            ("[&x a, *x]", #"["a","a"]"#),
            ("a: &x k\n*x : 1", #"{"a":"k","k":1}"#),
            ("a: &x k\n*x: 1", #"{"a":"k","k":1}"#),
            ("a: &x &y 1", "duplicateProperty@1:7"),
            ("a: & b", "badAnchorName@1:4"),
            ("a: &x *x", "propertyWithoutNode@1:4"),
            ("&x - a", "propertyWithoutNode@1:1"),
            ("a: &x |\n  t\nb: *x", #"{"a":"t\n","b":"t\n"}"#),
        ])
    func anchors(_ text: String, _ expected: String) {
        #expect(parsed(text) == expected)
    }

    @Test(
        "YAML 1.1 merge keys, as kubectl reads them",
        arguments: [
            ("a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  y: 3", #"{"a":{"x":1,"y":2},"b":{"y":3,"x":1}}"#),
            ("- &a {x: 1}\n- &b {x: 2, y: 3}\n- <<: [*a, *b]", #"[{"x":1},{"x":2,"y":3},{"x":1,"y":3}]"#),
            ("- &a {x: 1}\n- &b {<<: *a, y: 2}\n- {<<: *b, z: 3}", #"[{"x":1},{"y":2,"x":1},{"z":3,"y":2,"x":1}]"#),
            ("<<: {a: 1}\nb: 2", #"{"b":2,"a":1}"#),
            ("'<<': 1", #"{"<<":1}"#),
            ("<<: 1", "badMerge@1:5"),
            ("<<: [1]", "badMerge@1:6"),
        ])
    func mergeKeys(_ text: String, _ expected: String) {
        #expect(parsed(text) == expected)
    }

    @Test(
        "YAML 1.2 §10.1, §10.3: tags",
        arguments: [
            ("a: !!str 1", #"{"a":"1"}"#),
            ("a: ! 1", #"{"a":"1"}"#),
            ("a: !!int \"1\"", #"{"a":1}"#),
            ("a: !!float 1", #"{"a":1.0}"#),
            ("a: !!bool \"true\"", #"{"a":true}"#),
            ("a: !!null \"\"", #"{"a":null}"#),
            ("a: !!str", #"{"a":""}"#),
            ("a: !!map\n  b: 1", #"{"a":{"b":1}}"#),
            ("a: !!seq [1]", #"{"a":[1]}"#),
            ("a: !<tag:yaml.org,2002:str> 1", #"{"a":"1"}"#),
            ("a: &x !!str 1\nb: *x", #"{"a":"1","b":"1"}"#),
            ("a: !!str &x 1\nb: *x", #"{"a":"1","b":"1"}"#),
            ("a: !!str |\n  1\n", #"{"a":"1\n"}"#),
            ("a: !!binary aGk=", #"{"a":"aGk="}"#),
            ("a: !!int b", "tagMismatch@1:4"),
            ("a: !!map [1]", "tagMismatch@1:4"),
            ("a: !!seq {b: 1}", "tagMismatch@1:4"),
            ("a: !!set {b}", "unknownTag@1:4"),
            ("a: !foo 1", "unknownTag@1:4"),
            ("a: !!str !!str 1", "duplicateProperty@1:10"),
        ])
    func tags(_ text: String, _ expected: String) {
        #expect(parsed(text) == expected)
    }

    @Test(
        "YAML 1.2 §10.3.2: the core schema types plain scalars",
        arguments: [
            ("null", "null"), ("Null", "null"), ("NULL", "null"), ("~", "null"), ("nULL", #""nULL""#),
            ("true", "true"), ("True", "true"), ("FALSE", "false"), ("tRUE", #""tRUE""#),
            ("yes", #""yes""#), ("on", #""on""#),
            ("0", "0"), ("-7", "-7"), ("+7", "7"), ("0x1F", "31"), ("0o17", "15"), ("0x", #""0x""#),
            ("-0x1", #""-0x1""#), ("0x-1", #""0x-1""#), ("0b1", #""0b1""#), ("1_000", #""1_000""#),
            ("9223372036854775807", "9223372036854775807"), ("9223372036854775808", "9.223372036854776e+18"),
            ("1.5", "1.5"), ("-.5", "-0.5"), ("1.", "1.0"), ("1e3", "1000.0"), ("1E-2", "0.01"), (".", #"".""#),
            ("1.2.3", #""1.2.3""#), ("1e", #""1e""#), ("e1", #""e1""#), ("+", #""+""#), ("-", "[null]"),
            (".inf", "inf"), ("-.Inf", "-inf"), (".NAN", "nan"), ("-.nan", #""-.nan""#), ("inf", #""inf""#),
            ("10.0.0.1", #""10.0.0.1""#), ("2024-01-01", #""2024-01-01""#), ("12:30", #""12:30""#),
            ("'1'", #""1""#), ("\"true\"", #""true""#),
        ])
    func coreSchema(_ text: String, _ expected: String) {
        #expect(parsed(text) == expected)
    }

    @Test("A field decides between the readings of YAML 1.1 and 1.2")
    func fieldDecides() throws {
        let text = "{a: yes, b: 'yes', c: 010, d: off, e: 0}"
        let root = try #require(try YAMLParser.parse(Array(text.utf8)).first?.root)
        #expect(root["a"]?.boolean == true && root["a"]?.string == "yes")
        #expect(root["b"]?.boolean == nil && root["b"]?.string == "yes")
        #expect(root["c"]?.integer == nil && root["c"]?.string == nil)
        #expect(root["d"]?.boolean == false)
        #expect(root["e"]?.integer == 0)
        #expect(root["f"] == nil)
    }

    @Test(
        "The text must be UTF-8 without control characters",
        arguments: [
            ([0xFE, 0xFF, 0x00, 0x61], "utf16@1:1"),
            ([0xFF, 0xFE, 0x61, 0x00], "utf16@1:1"),
            ([0x61, 0x00, 0x3A, 0x00], "utf16@1:1"),
            ([0x00, 0x61], "utf16@1:1"),
            ([0x00, 0x00, 0x00, 0x61], "utf16@1:1"),
            ([0x61, 0x62, 0x00], "controlCharacter@1:3"),
            ([0x61, 0x0A, 0x07], "controlCharacter@2:1"),
            ([0x61, 0x0A, 0xC3, 0xA9, 0xC3], "notUTF8@2:2"),
            ([0xC0, 0x80], "notUTF8@1:1"),  // overlong
            ([0xED, 0xA0, 0x80], "notUTF8@1:1"),  // surrogate
            ([0xF4, 0x90, 0x80, 0x80], "notUTF8@1:1"),  // beyond U+10FFFF
            ([0x80], "notUTF8@1:1"),
        ] as [([UInt8], String)])
    func encodings(_ octets: [UInt8], _ expected: String) {
        #expect(parsed(octets) == expected)
    }

    @Test("Each limit refuses what exceeds it and takes what does not")
    func limits() {
        var limits = YAMLLimits()
        limits.fileBytes = 10
        #expect(parsed("a: 45678901", limits: limits) == "fileTooLarge@1:1")
        limits = YAMLLimits()
        limits.depth = 3
        #expect(parsed("[[[1]]]", limits: limits) == "[[[1]]]")
        #expect(parsed("[[[[1]]]]", limits: limits) == "tooDeep@1:4")
        #expect(parsed("a:\n b:\n  c:\n   d: 1", limits: limits) == "tooDeep@4:5")
        #expect(parsed("- - - - a", limits: limits) == "tooDeep@1:7")
        limits = YAMLLimits()
        limits.nodes = 4
        #expect(parsed("[1, 2, 3]", limits: limits) == "[1,2,3]")
        #expect(parsed("[1, 2, 3, 4]", limits: limits) == "tooManyNodes@1:11")
        #expect(parsed("[1, 2]\n---\n[1, 2, 3]", limits: limits) == "[1,2] | [1,2,3]")
        limits = YAMLLimits()
        limits.scalarBytes = 3
        #expect(parsed("abc", limits: limits) == #""abc""#)
        #expect(parsed("a: 'abcd'", limits: limits) == "scalarTooLong@1:4")
        limits = YAMLLimits()
        limits.anchors = 1
        #expect(parsed("[&a 1, &b 2]", limits: limits) == "tooManyAnchors@1:11")
        limits = YAMLLimits()
        limits.documents = 1
        #expect(parsed("a\n---\nb", limits: limits) == "tooManyDocuments@2:1")
    }

    @Test("Billion laughs: aliases may not expand to more nodes than the limit")
    func aliasExpansion() {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
        for level in 1...9 {
            let items = Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ",")
            text += "a\(level): &a\(level) [\(items)]\n"
        }
        #expect(parsed(text).hasPrefix("tooManyExpandedNodes@6:"))
    }

    @Test("Nodes know their line and column, in characters")
    func positions() throws {
        let text = "a:\n  - \u{E9}\u{E9}: {k: v}\n    b: &x 1\n  - *x\n"
        let root = try #require(try YAMLParser.parse(Array(text.utf8)).first?.root)
        let items = try #require(root["a"]).elements.map { $0 }
        #expect(items[0].position == SourcePosition(line: 2, column: 5))
        #expect(items[0]["\u{E9}\u{E9}"]?["k"]?.position == SourcePosition(line: 2, column: 13))
        #expect(items[0]["b"]?.position == SourcePosition(line: 3, column: 11))
        #expect(items[1].position == SourcePosition(line: 3, column: 11))
    }
}
