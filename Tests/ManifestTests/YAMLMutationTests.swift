// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Testing

@testable internal import Manifest

/// Hostile texts: seeded mutations of manifests and of YAML's awkward corners; a crash or a hang fails the run.
@Suite("YAMLParser: mutations")
struct YAMLMutationTests {
    private static let seeds = [
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  labels: {app: b, 'c': \"d\\u00e9\"}\nspec:\n- x: |\n    t\n\n- &a >-\n  f\n",
        "%YAML 1.2\n---\n? a\n: - b\n  - *x\n---\n{\"a\":[1,2,{\"b\":null}],<<: *m}\n...\n# c\n",
        "a: &x {<<: {b: c}, d: [e, f: g]}\nh: !!str\n  i\n  j\nk: *x\n\tl: 'm''n\n\n o'\n",
        "- - - a\n    - b\n-\n  ? |2+\n     x\n  : \"\\\n   \\x41 \\uD83D\\uDE00\"\n",
    ]

    @Test("Mutated text never crashes the parser, and what it takes stays within the limits", arguments: 0..<64)
    func mutations(_ seed: UInt64) {
        var random = SplitMix(state: seed)
        var limits = YAMLLimits()
        limits.depth = 24
        limits.nodes = 4_000
        limits.expandedNodes = 4_000
        for round in 0..<60 {
            var octets = Array(Self.seeds[round % Self.seeds.count].utf8)
            for _ in 0...Int(random.next() % 6) { mutate(&octets, &random) }
            do {
                for document in try YAMLParser.parse(octets, limits: limits) {
                    #expect(size(document.root, depth: 0) <= limits.expandedNodes)
                }
            } catch {
                guard case .syntax(_, let place) = error else { continue }
                #expect(place.line >= 1 && place.column >= 1)
            }
        }
    }

    /// Octets that mean something to YAML come up more often than others.
    private func mutate(_ octets: inout [UInt8], _ random: inout SplitMix) {
        let alphabet = Array("\n\n\n  \t-?:,[]{}#&*!|>'\"%@`\\<~.0a\u{E9}\r".utf8)
        let index = Int(random.next() % UInt64(octets.count + 1))
        switch random.next() % 6 {
        case 0 where index < octets.count: octets.remove(at: index)
        case 1: octets.insert(alphabet[Int(random.next() % UInt64(alphabet.count))], at: index)
        case 2 where index < octets.count: octets[index] = UInt8(truncatingIfNeeded: random.next())
        case 3:
            let end = min(octets.count, index + Int(random.next() % 24))
            let piece = octets[index..<end]
            octets.insert(contentsOf: piece, at: Int(random.next() % UInt64(octets.count + 1)))
        case 4: octets.removeSubrange(index..<min(octets.count, index + Int(random.next() % 8)))
        default:
            let symbol = alphabet[Int(random.next() % UInt64(alphabet.count))]
            octets.insert(contentsOf: repeatElement(symbol, count: Int(random.next() % 40)), at: index)
        }
    }

    private func size(_ node: YAMLNode, depth: Int) -> Int {
        guard depth <= 32 else { return .max / 2 }
        switch node.kind {
        case .scalar: return 1
        case .sequence: return node.elements.reduce(1) { $0 + size($1, depth: depth + 1) }
        case .mapping: return node.entries.reduce(1) { $0 + 1 + size($1.value, depth: depth + 1) }
        }
    }

    @Test(
        "Texts made to be slow take linear time",
        arguments: [
            String(repeating: "[", count: 100_000),
            String(repeating: "- ", count: 100_000),
            String(repeating: "? ", count: 100_000),
            String(repeating: "a: ", count: 100_000),
            String(repeating: "\n", count: 200_000) + "a: b",
            "a: b" + String(repeating: "\n", count: 100_000) + "c: d",
            String(repeating: "a\n\n", count: 60_000),
            String(repeating: "'a\n\n", count: 60_000) + "'",
            "a: |\n" + String(repeating: " \n", count: 100_000) + " b\n",
            String(repeating: "- |\n\n\n", count: 30_000),
            "[" + String(repeating: "1,", count: 100_000) + "1]",
            "{" + (0..<30_000).map { "\"k\($0)\":1" }.joined(separator: ",") + "}",
            (0..<900).map { "a\($0): &b\($0) {<<: *b\(max(0, $0 - 1))}\n" }.joined(),
            String(repeating: "- # c\n", count: 50_000),
            String(repeating: "\t", count: 200_000) + "a",
            "x: " + String(repeating: "!", count: 200_000),
            String(repeating: " ", count: 200_000) + "- a",
        ].map(SlowText.init))
    func linearTime(_ slow: SlowText) {
        let before = threadTime()
        _ = parsed(slow.text)
        // Measured: at most 0.3 s of CPU for the longest of them in a debug build; quadratic ones take minutes.
        #expect(threadTime() - before < 10)
    }

    /// Seconds of CPU that this thread has used: other work on the machine does not count.
    private func threadTime() -> Double {
        var time = timespec()
        unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}

/// A long text that test reports show by its beginning.
struct SlowText: CustomTestStringConvertible {
    let text: String
    var testDescription: String { "\(text.prefix(24).debugDescription)... (\(text.utf8.count))" }
}

/// A small generator with a seed (Steele et al., SplitMix64): a failing case can be run again.
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}
