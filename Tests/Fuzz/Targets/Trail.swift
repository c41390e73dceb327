// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// What a run saw, as hashes: equal for two runs that saw the same events and the same content, however it was cut.
struct Trail: Equatable {
    private(set) var steps: [UInt64] = []
    private var content: UInt64 = Self.start
    private var contentCount = 0
    /// Whether an error has ended the run: the same error would come again for every further piece.
    var isOver = false

    private static var start: UInt64 { 0xCBF2_9CE4_8422_2325 }

    /// Adds octets of content; consecutive pieces of content are one.
    mutating func add(content bytes: Span<UInt8>) {
        for index in 0..<bytes.count { content = (content ^ UInt64(bytes[index])) &* 0x100_0000_01B3 }
        contentCount += bytes.count
    }

    /// Adds a step that is known by these numbers.
    mutating func add(_ numbers: Int...) {
        flush()
        var hash = Self.start
        for number in numbers { hash = (hash ^ UInt64(truncatingIfNeeded: number)) &* 0x100_0000_01B3 }
        steps.append(hash)
    }

    /// Adds octets to the last step.
    mutating func extend(_ bytes: Span<UInt8>) {
        var hash = steps.last ?? 0
        for index in 0..<bytes.count { hash = (hash ^ UInt64(bytes[index])) &* 0x100_0000_01B3 }
        hash = (hash ^ 0xFFFF) &* 0x100_0000_01B3
        if steps.isEmpty { steps.append(hash) } else { steps[steps.count - 1] = hash }
    }

    /// Ends the content so far.
    mutating func flush() {
        guard contentCount > 0 else { return }
        steps.append(content ^ UInt64(contentCount))
        content = Self.start
        contentCount = 0
    }

    /// Where two trails part, nil when they are equal.
    static func difference(_ left: Trail, _ right: Trail) -> String? {
        var left = left
        var right = right
        left.flush()
        right.flush()
        guard left.steps != right.steps else { return nil }
        let index = zip(left.steps, right.steps).prefix { $0 == $1 }.count
        return "whole and split input part at step \(index) of \(left.steps.count) and \(right.steps.count)"
    }
}
