// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import Testing

@testable internal import RegularExpressions

/// Answers of RE2 itself to 3000 random expressions (`Fixtures/re2-differential.py`).
@Suite("Regular expressions beside RE2")
struct RE2DifferentialTests {
    private struct Case {
        let pattern: String
        let isTaken: Bool
        let texts: [(text: String, isMatch: Bool, replaced: String?)]
    }

    private func cases() throws -> [Case] {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/re2-cases.jsonl")
        return try String(contentsOf: file, encoding: .utf8).split(separator: "\n").map { line in
            let row = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [Any])
            let texts = try #require(row[2] as? [[Any]])
            return Case(
                pattern: try #require(row[0] as? String), isTaken: try #require(row[1] as? Bool),
                texts: try texts.map {
                    (try #require($0[0] as? String), try #require($0[1] as? Bool), $0[2] as? String)
                })
        }
    }

    @Test("RE2: the same expressions are taken, and match the same texts, by table and by simulation")
    func agrees() throws {
        var compared = 0
        for one in try cases() {
            let table: RegularExpression
            do throws(RegularExpressionError) {
                table = try RegularExpression(one.pattern)
            } catch {
                // The one thing that RE2 takes and we do not, said in the error.
                #expect(!one.isTaken || error == .caseBeyondASCII, "refused: \(one.pattern)")
                continue
            }
            let simulated = try RegularExpression(one.pattern, withTable: false)
            #expect(one.isTaken, "taken: \(one.pattern)")
            guard one.isTaken else { continue }
            for (text, isMatch, replaced) in one.texts {
                compared += 1
                let octets = Array(text.utf8)
                var result: [UInt8] = []
                simulated.replaceAll(in: octets.span, with: Array("<\\0>".utf8).span, into: &result)
                #expect(table.matches(text) == isMatch, "\(one.pattern) \(text)")
                #expect(simulated.matches(text) == isMatch, "simulated: \(one.pattern) \(text)")
                if let replaced {
                    #expect(String(decoding: result, as: UTF8.self) == replaced, "\(one.pattern) in \(text)")
                }
            }
        }
        #expect(compared > 12_000)
    }
}
