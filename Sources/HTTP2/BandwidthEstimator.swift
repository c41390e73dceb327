// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// Measures the bandwidth-delay product with a PING while DATA arrives, as gRPC and hyper do.
///
/// The octets that arrive between the PING and its answer are what one round trip can hold. When they fill most of the
/// window and the rate has gone up, the window is what limits the peer, and should double.
struct BandwidthEstimator {
    private var octets: Int64 = 0
    private var sentAt = MonotonicTime(nanoseconds: 0)
    private var isProbing = false
    private var notBefore = MonotonicTime(nanoseconds: 0)
    private var interval = BandwidthEstimator.shortestInterval
    /// Octets per second, the best seen.
    private var bestRate: Int64 = 0

    /// While windows grow; hyper: 100 ms to begin with.
    private static var shortestInterval: Nanoseconds { .milliseconds(50) }
    /// When windows are as they should be; hyper: 10 s.
    private static var longestInterval: Nanoseconds { .seconds(10) }

    /// DATA has arrived.
    ///
    /// - Parameter window: a stream's window now; before a quarter of it has come there is nothing to measure.
    /// - Returns: whether a PING should be sent now.
    mutating func received(_ count: Int, window: Int32, now: MonotonicTime) -> Bool {
        octets += Int64(count)
        guard !isProbing, octets >= Int64(window) / 4, now >= notBefore else { return false }
        isProbing = true
        sentAt = now
        octets = 0
        return true
    }

    /// The PING has come back.
    ///
    /// - Returns: the window that is wanted now, at most `limit`, or nil when `window` will do.
    mutating func answered(window: Int32, limit: Int32, now: MonotonicTime) -> Int32? {
        guard isProbing else { return nil }
        isProbing = false
        defer { octets = 0 }
        let elapsed = max(1, (now - sentAt).count)
        // Saturating arithmetic: 2³¹ octets in a nanosecond stay within 63 bits after the division.
        let rate = Int64(Double(octets) * 1e9 / Double(elapsed))
        defer { notBefore = now + interval }
        guard rate > bestRate else {
            slowDown()
            return nil
        }
        bestRate = rate
        guard octets * 3 >= Int64(window) * 2, window < limit else {
            slowDown()
            return nil
        }
        interval = Self.shortestInterval
        return Int32(min(Int64(limit), max(octets, Int64(window)) * 2))
    }

    private mutating func slowDown() {
        interval = min(Self.longestInterval, Nanoseconds(interval.count * 4))
    }
}
