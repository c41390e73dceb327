// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Testing

@testable import HTTP

@Suite("FieldList")
struct FieldListTests {
    /// `name: value` lines of a list.
    static func lines(_ list: borrowing FieldList) -> [String] {
        (0..<list.count).map { "\(String(decoding: list.name($0))): \(String(decoding: list.value($0)))" }
    }

    static func list(_ pairs: [(String, String)]) -> FieldList {
        var list = FieldList()
        for (name, value) in pairs { list.append(name: name.utf8.span, value: value.utf8.span) }
        return list
    }

    @Test("RFC 9110 §5.3: fields keep their order, repeated ones included")
    func keepsOrder() {
        let list = Self.list([("b", "1"), ("a", "2"), ("b", ""), ("longer-name", "3")])
        #expect(Self.lines(list) == ["b: 1", "a: 2", "b: ", "longer-name: 3"])
    }

    @Test("A field is found by its whole name", arguments: ["a", "ab", "abc", "abcd", "abcde", "x-request-id"])
    func findsByWholeName(name: String) {
        let others = ["", "a", "b", "ab", "ba", "abc", "abd", "abcd", "abxd", "abcde", "abxcde", "x-request-ie"]
        var list = FieldList()
        for other in others where other != name { list.append(name: other.utf8.span, value: "no".utf8.span) }
        let absent = list.firstIndex(of: name.utf8.span)
        #expect(absent == nil)
        list.append(name: name.utf8.span, value: "yes".utf8.span)
        let found = list.firstIndex(of: name.utf8.span)
        #expect(found == list.count - 1)
    }

    @Test("Names that share length and both ends do not match each other")
    func sameHash() {
        let list = Self.list([("abcd-1-wxyz", "1")])
        let other = list.firstIndex(of: "abcd-2-wxyz")
        #expect(FieldList.hash(of: "abcd-1-wxyz".utf8.span) == FieldList.hash(of: "abcd-2-wxyz".utf8.span))
        #expect(other == nil)
    }

    @Test("RFC 9110 §5.3: values of one name join with commas in order")
    func joins() {
        let list = Self.list([("accept", "a"), ("x", "0"), ("accept", "b"), ("accept", "c")])
        var text: [UInt8] = []
        let found = list.appendJoined("accept".utf8.span, hash: FieldList.hash(of: "accept".utf8.span), into: &text)
        #expect(found)
        #expect(String(decoding: text, as: UTF8.self) == "a,b,c")
        let missing = list.appendJoined("none".utf8.span, hash: FieldList.hash(of: "none".utf8.span), into: &text)
        #expect(!missing)
    }

    @Test("set replaces the first value in its place and removes the others")
    func sets() {
        var list = Self.list([("a", "1"), ("b", "2"), ("a", "3"), ("a", "4"), ("c", "5")])
        list.set(name: "a", value: "a longer value".utf8.span)
        list.set(name: "d", value: "6".utf8.span)
        #expect(Self.lines(list) == ["a: a longer value", "b: 2", "c: 5", "d: 6"])
    }

    @Test("remove takes every field of the name and says whether there was one")
    func removes() {
        var list = Self.list([("a", "1"), ("b", "2"), ("a", "3")])
        let first = list.remove("a")
        let second = list.remove("a")
        #expect(first && !second)
        #expect(Self.lines(list) == ["b: 2"])
    }

    @Test("extend joins to the last value, or appends a field")
    func extends() {
        var list = Self.list([("via", "1.1 a"), ("via", "1.1 b")])
        list.extend(name: "via", with: "2 c".utf8.span)
        list.extend(name: "x", with: "1".utf8.span)
        #expect(Self.lines(list) == ["via: 1.1 a", "via: 1.1 b,2 c", "x: 1"])
    }

    @Test("A copy is independent of its origin")
    func assigns() {
        var list = Self.list([("a", "1")])
        var copy = Self.list([("z", "9"), ("y", "8")])
        copy.assign(list)
        list.removeAll()
        list.append(name: "b", value: "2".utf8.span)
        #expect(Self.lines(copy) == ["a: 1"])
        #expect(Self.lines(list) == ["b: 2"])
        let gone = list.firstIndex(of: "a")
        #expect(gone == nil)
    }

    @Test("RFC 7541 §7.1.3: a sensitive field stays sensitive when it is copied")
    func sensitive() {
        var list = FieldList()
        list.append(name: "authorization", value: "secret".utf8.span, isSensitive: true)
        var copy = FieldList()
        copy.assign(list)
        let isSensitive = copy.isSensitive(0)
        #expect(isSensitive)
    }
}
