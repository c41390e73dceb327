// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Kubernetes

@Suite("JSONSplitter")
struct JSONSplitterTests {
    /// Cuts `text`, fed in pieces of `step` octets.
    private func cut(
        _ text: String, _ shape: JSONSplitter.Shape, step: Int
    ) throws(KubernetesError) -> (pieces: [String], rest: String, isBetween: Bool) {
        var splitter = JSONSplitter(shape)
        let octets = Array(text.utf8)
        var pieces: [[UInt8]] = []
        var start = 0
        while start < octets.count {
            let part = Array(octets[start..<min(octets.count, start + step)])
            try splitter.receive(part.span, into: &pieces)
            start += step
        }
        return (
            pieces.map { String(decoding: $0, as: UTF8.self) }, String(decoding: splitter.rest, as: UTF8.self),
            splitter.isBetweenValues
        )
    }

    @Test("The values of a watch come out whole, however they arrive", arguments: [1, 2, 3, 7, 1_000])
    func values(step: Int) throws {
        let values = [#"{"type":"ADDED","object":{"a":"}{\"]["}}"#, "{}", #"{"a":[{"b":"\\"}]}"#]
        let result = try cut(values.joined(separator: "\n") + "\n", .values, step: step)
        #expect(result.pieces == values)
        #expect(result.rest.isEmpty && result.isBetween)
    }

    @Test("The items of a list come out one by one, and the rest is the list without them", arguments: [1, 5, 1_000])
    func items(step: Int) throws {
        let text =
            #"{"kind":"PodList","metadata":{"resourceVersion":"7","continue":"x"},"items":[{"a":1},{"items":[{"b":"]"}]}]}"#
        let result = try cut(text, .items, step: step)
        #expect(result.pieces == [#"{"a":1}"#, #"{"items":[{"b":"]"}]}"#])
        #expect(
            result.rest == #"{"kind":"PodList","metadata":{"resourceVersion":"7","continue":"x"},"items":[]}"#)
        #expect(result.isBetween)
    }

    @Test("Empty and null lists of items have no pieces", arguments: [#"{"items":[]}"#, #"{"items":null}"#, "{}"])
    func noItems(text: String) throws {
        let result = try cut(text, .items, step: 4)
        #expect(result.pieces.isEmpty)
        #expect(result.rest == text)
    }

    @Test("A list in another member is not taken for the items")
    func otherList() throws {
        let text = #"{"kind":"items","others":[{"a":1}],"items":[{"b":2}]}"#
        #expect(try cut(text, .items, step: 3).pieces == [#"{"b":2}"#])
    }

    @Test("A stream that ends inside of a value says so")
    func truncated() throws {
        #expect(try !cut(#"{"type":"ADDED","obj"#, .values, step: 100).isBetween)
        #expect(try !cut(#"{"items":[{"a":1},{"b"#, .items, step: 100).isBetween)
    }

    @Test("Between the values of a watch there is nothing but space", arguments: ["<html>", "{} x", "null\n"])
    func noValue(text: String) throws {
        #expect(try !cut(text, .values, step: 2).isBetween)
    }

    @Test("More brackets closed than opened, or opened than any object has, are malformed")
    func brackets() {
        #expect(throws: KubernetesError.self) { try cut("}", .values, step: 1) }
        #expect(throws: KubernetesError.self) { try cut(String(repeating: "[", count: 600), .values, step: 9) }
    }

    @Test("What is no list has a bound")
    func boundedRest() {
        let text = "{\"a\":\"" + String(repeating: "x", count: JSONSplitter.maximumRest + 1)
        #expect(throws: KubernetesError.self) { try cut(text, .items, step: 4_096) }
    }
}
