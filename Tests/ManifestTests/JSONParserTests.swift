// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Testing

@testable import Manifest

@Suite("JSONParser")
struct JSONParserTests {
    /// Parses and renders a value; an error as `problem@line:column`.
    static func parsed(
        _ octets: [UInt8], _ selection: JSONSelection = JSONSelection(), limits: YAMLLimits = YAMLLimits()
    ) -> String {
        do throws(ManifestError) {
            return rendered(try JSONParser.parse(octets, selection, limits: limits).root)
        } catch {
            guard case .syntax(let problem, let place) = error else { return "\(error)" }
            return "\(problem)@\(place.line):\(place.column)"
        }
    }

    static func parsed(_ text: String, _ selection: JSONSelection = JSONSelection()) -> String {
        parsed(Array(text.utf8), selection)
    }

    /// What RFC 8259 allows: the same to both parsers.
    static let good = [
        "{}", "[]", "null", "true", "false", "\"\"", " \t\r\n{ \n } \n", "[[],[{}],{}]",
        "[1,-0,0.5,-1.25,1e3,2E-2,3e+07]",
        #"{"a":1,"b":[true,null,"x"],"c":{"a":"","":"\/"}}"#, "9223372036854775808",
        #"["\"\\\/\b\f\n\r\t","\u0041\u00e9\u20AC\uD83D\uDE00","\u0000"]"#, "[\"\u{7F}\u{80}é€😀\",\"😀\"]",
        #"{"<<":{"a":1},"b":2}"#, ##"["yes","~","null","12","- a","#x","&a *b !c"]"##,
        "{\"long\":\"" + String(repeating: "0123456789abcdé\\n", count: 40) + "\",\n\n \"after\" : [ 1 , 2 ] }",
    ]

    @Test("RFC 8259: a text is the same tree to the parsers of JSON and of YAML", arguments: good)
    func differential(text: String) throws {
        let yaml = try #require(try YAMLParser.parse(Array(text.utf8)).first).root
        let json = try JSONParser.parse(Array(text.utf8), JSONSelection(), limits: YAMLLimits()).root
        #expect(rendered(json) == rendered(yaml))
        #expect(json.position.line == yaml.position.line)
        #expect(json["after"]?.position.line == yaml["after"]?.position.line)
    }

    @Test("A text that is cut, or of which an octet is another, is refused, or the same to both parsers")
    func mutations() {
        var random = RandomSource(seed: 20)
        for text in Self.good {
            let octets = Array(text.utf8)
            for count in octets.indices { Self.compare(Array(octets[..<count])) }
            for _ in 0..<60 {
                var other = octets
                let index = Int.random(in: other.indices, using: &random)
                other[index] = Array("\"\\{}[]:,0e.-tn u\u{1}\u{FF}".utf8).randomElement(using: &random) ?? 0
                Self.compare(other)
            }
        }
    }

    private static func compare(_ octets: [UInt8]) {
        guard let json = try? JSONParser.parse(octets, JSONSelection(), limits: YAMLLimits()) else { return }
        #expect(rendered(json.root) == ManifestTests.parsed(octets), "\(String(decoding: octets, as: UTF8.self))")
    }

    @Test(
        "What is not JSON is refused, also where nobody reads it",
        arguments: [
            "", " ", "{", "[", "\"", "\"a", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "[1,]", "[,1]",
            "[1 2]", "{a:1}",
            "{'a':1}", "{1:1}", "{\"a\" 1}", "{\"a\":}", "[}", "{]", "nul", "nulL", "True", "truex", "+1", "01", "-",
            "1.", ".5", "1e",
            "1e+", "0x1", "NaN", "Infinity", "[1]x", "[1][2]", "# a", "[1] # a", "/**/1", "&a 1", "*a", "!!str a",
            "--- 1", "\u{FEFF}{}",
            "\"\t\"", "\"\n\"", "\"\u{0}\"", "\u{0}", #""\x41""#, #""\a""#, #""\u12""#, #""\u12g4""#, #""\ud800""#,
            #""\ud800x""#,
            #""\ud800\n""#, #""\ud800\u0041""#, #""\udc00""#, #""\"#, #""\u"#, "\u{A0}1", "\u{B}1",
        ])
    func refused(text: String) {
        #expect(Self.parsed(text).contains("@"))
        let member = Array((#"{"read":1,"not":"# + text + "}").utf8)
        #expect(Self.parsed(member, JSONSelection(.only(["read": .everything]))).contains("@"))
    }

    @Test(
        "What is not UTF-8 is refused, also where nobody reads it",
        arguments: [
            [0x80], [0xC0, 0xAF], [0xC2], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF0, 0x80, 0x80, 0x80],
            [0xF4, 0x90, 0x80, 0x80], [0xF8, 0x88, 0x80, 0x80, 0x80], [0xFF], [0xE2, 0x82],
        ] as [[UInt8]])
    func notUTF8(octets: [UInt8]) {
        let text = Array(#"{"a":""#.utf8) + octets + Array(#""}"#.utf8)
        #expect(Self.parsed(text).hasPrefix("notUTF8@1:7"))
        #expect(Self.parsed(text, JSONSelection(.only([:]))).hasPrefix("notUTF8@1:7"))
    }

    @Test("A key twice in an object is refused, however it is written and however many there are")
    func duplicates() {
        #expect(Self.parsed("{\"a\":1,\n\"\\u0061\":2}") == "duplicateKey(firstLine: 1)@2:1")
        #expect(Self.parsed(#"[{"a":1},{"a":2}]"#) == #"[{"a":1},{"a":2}]"#)
        let many = (0..<100).map { "\"k\($0)\":0" }.joined(separator: ",")
        #expect(Self.parsed("{\(many)}").hasPrefix("{"))
        #expect(Self.parsed("{\(many),\"k7\":1}").hasPrefix("duplicateKey"))
    }

    @Test("Limits hold: octets, depth (also where nobody reads it), nodes, length of a scalar")
    func limits() {
        var limits = YAMLLimits()
        (limits.depth, limits.nodes, limits.scalarBytes, limits.fileBytes) = (4, 8, 5, 64)
        func parsed(_ text: String, _ selection: JSONSelection = JSONSelection()) -> String {
            Self.parsed(Array(text.utf8), selection, limits: limits)
        }
        #expect(parsed("[[[[]]]]") == "[[[[]]]]")
        #expect(parsed("[[[[[]]]]]").hasPrefix("tooDeep"))
        let nothing = JSONSelection(.only([:]))
        #expect(parsed(#"{"a":[[[]]]}"#, nothing) == "{}")
        #expect(parsed(#"{"a":[[[[]]]]}"#, nothing).hasPrefix("tooDeep"))
        #expect(parsed("[1,2,3,4,5,6,7]") == "[1,2,3,4,5,6,7]")
        #expect(parsed("[1,2,3,4,5,6,7,8]").hasPrefix("tooManyNodes"))
        #expect(parsed(#"{"a":[1,2,3,4,5,6,7,8]}"#, nothing) == "{}")
        #expect(parsed(#""12345""#) == #""12345""#)
        #expect(parsed(#""123456""#).hasPrefix("scalarTooLong"))
        #expect(parsed(String(repeating: " ", count: 64) + "1").hasPrefix("fileTooLarge"))
        let deep = String(repeating: "[", count: 1_000_000)
        #expect(Self.parsed(deep).hasPrefix("tooDeep"))
        #expect(Self.parsed("{\"a\":\(deep)", nothing).hasPrefix("tooDeep"))
    }

    @Test("What is selected is read, in lists and objects at any depth; nothing else is")
    func selection() {
        let text = #"{"a":{"b":1,"c":[{"d":1,"e":{"f":2}},{"d":2},3]},"x":[{"y":"\n"}],"z":-1}"#
        func read(_ part: JSONSelection.Part) -> String { Self.parsed(text, JSONSelection(part)) }
        #expect(read(.everything) == text)
        #expect(read(.only([:])) == "{}")
        #expect(read(.only(["z": .everything, "b": .everything])) == #"{"z":-1}"#)
        #expect(read(.only(["a": .only(["c": .only(["d": .everything])])])) == #"{"a":{"c":[{"d":1},{"d":2},3]}}"#)
        #expect(read(.except(["a": .nothing, "x": .except(["y": .nothing])])) == #"{"x":[{}],"z":-1}"#)
        let annotations = #"{"a.ambit.dev/b":1,"ambit.dev/c":2,"ambit.dev":3,"dev/c":4,"x/ambit.dev":5,"k/e":6}"#
        let selected = Self.parsed(annotations, JSONSelection(.domains(["ambit.dev"], and: ["k/e"])))
        #expect(selected == #"{"a.ambit.dev/b":1,"ambit.dev/c":2,"k/e":6}"#)
        // A key counts as what it says, not as it is written.
        #expect(Self.parsed(#"{"\u0061":1}"#, JSONSelection(.only(["a": .everything]))) == #"{"a":1}"#)
    }
}
