// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// Upper bounds of a histogram's buckets in nanoseconds, ascending, at most 16.
package struct HistogramBounds: Sendable {
    /// How many bounds there are.
    package let count: Int
    private let nanoseconds: InlineArray<16, UInt64>

    /// Takes up to 16 ascending bounds in microseconds.
    package init(microseconds: [UInt64]) {
        precondition(microseconds.count <= 16 && zip(microseconds, microseconds.dropFirst()).allSatisfy { $0 < $1 })
        count = microseconds.count
        nanoseconds = InlineArray { index in index < microseconds.count ? microseconds[index] * 1_000 : .max }
    }

    /// Bound `index` in nanoseconds.
    subscript(index: Int) -> UInt64 { nanoseconds[index] }

    /// 0.1 ms to 10 s, the default connect timeout: what connecting, handshakes and first bytes take.
    package static let latency = HistogramBounds(
        microseconds: [
            100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
            5_000_000, 10_000_000,
        ])

    /// 5 ms to 24 h: how long connections live.
    package static let lifetime = HistogramBounds(
        microseconds: [
            5_000, 25_000, 100_000, 500_000, 1_000_000, 5_000_000, 15_000_000, 60_000_000, 300_000_000, 900_000_000,
            3_600_000_000, 14_400_000_000, 43_200_000_000, 86_400_000_000,
        ])
}
