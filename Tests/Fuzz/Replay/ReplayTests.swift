// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Replays what fuzzing has found: inputs that once failed, and the corpus that reaches all the code.
@Suite("Fuzz replay")
struct ReplayTests {
    /// One kept input.
    struct Case: Sendable, CustomTestStringConvertible {
        let target: FuzzTarget
        let file: URL

        var testDescription: String { "\(target.rawValue)/\(file.lastPathComponent)" }
    }

    private static func cases(in folder: String) -> [Case] {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        return FuzzTarget.allCases.flatMap { target -> [Case] in
            let path = root.appending(path: folder).appending(path: target.rawValue)
            let files = (try? FileManager.default.contentsOfDirectory(at: path, includingPropertiesForKeys: nil)) ?? []
            return files.map { Case(target: target, file: $0) }
        }
    }

    @Test("An input that failed once does not fail again", arguments: cases(in: "FailCases"))
    func failCase(_ kept: Case) throws {
        let bytes = [UInt8](try Data(contentsOf: kept.file))
        #expect(kept.target.run(bytes.span) == nil)
    }

    @Test("The corpus of each target keeps all promises", arguments: FuzzTarget.allCases)
    func corpus(_ target: FuzzTarget) throws {
        let cases = Self.cases(in: "Corpus").filter { $0.target == target }
        #expect(!cases.isEmpty, "a target without corpus")
        for kept in cases {
            let bytes = [UInt8](try Data(contentsOf: kept.file))
            #expect(kept.target.run(bytes.span) == nil, "\(kept.file.lastPathComponent)")
        }
    }
}
