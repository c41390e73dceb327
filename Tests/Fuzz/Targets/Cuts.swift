// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes

/// Pieces of an input: bounds chosen by a random source that the input itself seeds, so that a case repeats.
struct Cuts {
    private var random: RandomSource
    private let count: Int
    private var position = 0

    init(of input: Span<UInt8>) {
        var seed: UInt64 = 0xCBF2_9CE4_8422_2325
        for index in 0..<input.count { seed = (seed ^ UInt64(input[index])) &* 0x100_0000_01B3 }
        random = RandomSource(seed: seed)
        count = input.count
    }

    /// The next piece, of 0 to 40 octets and sometimes of one; nil behind the last.
    mutating func next() -> Range<Int>? {
        guard position < count else { return nil }
        let choice = random.next()
        let length = choice & 3 == 0 ? 1 : Int((choice >> 8) % 41)
        let end = min(count, position + length)
        defer { position = end }
        return position..<end
    }
}
