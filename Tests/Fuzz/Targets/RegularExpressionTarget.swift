// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes

@testable import RegularExpressions

/// Regular expressions: the input up to its first line feed is one, the rest a text.
///
/// Table and simulation agree, within the steps promised.
func fuzzRegularExpression(_ input: Span<UInt8>) -> String? {
    var end = 0
    while end < input.count, input[end] != 0x0A { end += 1 }
    let pattern = String(decoding: input.extracting(0..<end))
    let text = input.extracting(min(end + 1, input.count)..<input.count)
    do throws(RegularExpressionError) {
        let table = try RegularExpression(pattern)
        let simulated = try RegularExpression(pattern, withTable: false)
        var steps = 0
        let isMatch = simulated.simulate(text, steps: &steps)
        guard table.matches(text) == isMatch else { return "table and simulation differ" }
        guard steps <= (text.count + 1) * simulated.program.instructions.count else { return "not linear" }
        if isMatch {
            guard text.count >= table.requiredPrefix.count,
                text.extracting(first: table.requiredPrefix.count).equals(table.requiredPrefix.span)
            else { return "a match without the required prefix" }
        }
        var replaced: [UInt8] = []
        table.replaceAll(in: text, with: Array("\\0".utf8).span, into: &replaced)
        guard replaced.span.equals(text) else { return "replacing each match by itself changes the text" }
        return nil
    } catch {
        return nil
    }
}
