// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Manifest
import Testing

@testable import Kubernetes

@Suite("PendingTexts")
struct PendingTextsTests {
    private static func key(_ number: Int) -> ObjectKey {
        ObjectKey(kind: .pod, namespace: "n", name: "p\(number)")
    }

    @Test("It holds what a dictionary of texts would, however often they change")
    func model() {
        var texts = PendingTexts()
        var model: [ObjectKey: [UInt8]?] = [:]
        var random = RandomSource(seed: 7)
        for round in 0..<4_000 {
            let key = Self.key(Int.random(in: 0..<40, using: &random))
            switch Int.random(in: 0..<5, using: &random) {
            case 0:
                texts.set(key, nil)
                model.removeValue(forKey: key)
            case 1:
                texts.set(key, .removed)
                model.updateValue(nil, forKey: key)
            default:
                let length = [0, 1, 700, 9_000, round % 500 == 0 ? 3 << 20 : 5].randomElement(using: &random) ?? 0
                let text = [UInt8](repeating: UInt8(truncatingIfNeeded: round), count: length)
                texts.set(key, .set(text))
                model.updateValue(text, forKey: key)
            }
        }
        #expect(Set(texts.keys) == Set(model.keys) && !texts.isEmpty)
        #expect(texts.octets == model.values.reduce(0) { $0 + ($1?.count ?? 0) })
        for number in 0..<40 {
            let key = Self.key(number)
            #expect(texts.contains(key) == model.keys.contains(key))
            switch (texts[key], model[key]) {
            case (nil, nil), (.removed, .some(.none)): break
            case (.set(let text), .some(.some(let expected))): #expect(text == expected)
            default: Issue.record("\(key) is another")
            }
        }
        texts.removeAll()
        #expect(texts.isEmpty && texts.octets == 0)
    }
}
