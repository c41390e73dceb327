// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes

/// Ways to cut an input into pieces.
enum Splits {
    /// Every cut into two, every octet alone, and eight random cuttings (seeded by the length).
    static func all(of bytes: [UInt8]) -> [[[UInt8]]] {
        guard bytes.count > 1 else { return [] }
        var result = (1..<bytes.count).map { [Array(bytes[..<$0]), Array(bytes[$0...])] }
        result.append(bytes.map { [$0] })
        var random = RandomSource(seed: UInt64(bytes.count))
        for _ in 0..<8 { result.append(Self.random(of: bytes, from: &random)) }
        return result
    }

    /// Pieces of random lengths from 0 to 40.
    static func random(of bytes: [UInt8], from random: inout RandomSource) -> [[UInt8]] {
        var result: [[UInt8]] = []
        var start = 0
        while start < bytes.count {
            let end = min(bytes.count, start + Int.random(in: 0...40, using: &random))
            result.append(Array(bytes[start..<end]))
            start = end
        }
        return result
    }
}
