// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// Budgets for what a hostile peer can make us do for nothing; each refills with time.
struct FloodLedger {
    private var resets: TokenBucket
    private var glitches: TokenBucket
    private var smallData: TokenBucket
    private let smallDataThreshold: Int

    init(configuration: HTTP2Configuration, now: MonotonicTime) {
        resets = TokenBucket(burst: configuration.resetBurst, perSecond: configuration.resetsPerSecond, now: now)
        glitches = TokenBucket(burst: configuration.glitchBurst, perSecond: configuration.glitchesPerSecond, now: now)
        smallData = TokenBucket(
            burst: configuration.smallDataBurst, perSecond: configuration.smallDataPerSecond, now: now)
        smallDataThreshold = configuration.smallDataThreshold
    }

    /// A stream ended by reset before it was answered (CVE-2023-44487, CVE-2025-8671).
    mutating func countReset(now: MonotonicTime) throws(HTTP2Error) {
        if !resets.take(now: now) { throw .tooManyResets }
    }

    /// A frame that was of no use.
    mutating func countGlitch(now: MonotonicTime) throws(HTTP2Error) {
        if !glitches.take(now: now) { throw .tooManyGlitches }
    }

    /// A DATA frame with `count` octets of payload, which is of use when it is not small.
    mutating func countData(_ count: Int, now: MonotonicTime) throws(HTTP2Error) {
        if count < smallDataThreshold {
            if !smallData.take(now: now) { throw .tooManySmallFrames }
        } else {
            glitches.payBack(1)
        }
    }

    /// Something of use pays for `count` frames without.
    mutating func payBack(_ count: Int32) {
        glitches.payBack(count)
    }
}

/// A token bucket in whole tokens.
struct TokenBucket {
    private var tokens: Int32
    private let burst: Int32
    private let perSecond: Int32
    private var refilled: MonotonicTime

    init(burst: Int32, perSecond: Int32, now: MonotonicTime) {
        tokens = burst
        self.burst = burst
        self.perSecond = perSecond
        refilled = now
    }

    /// Takes one token.
    ///
    /// - Returns: false when there is none.
    mutating func take(now: MonotonicTime) -> Bool {
        if tokens == 0 { refill(now: now) }
        guard tokens > 0 else { return false }
        tokens -= 1
        return true
    }

    /// Looked at only when the bucket is empty, so that the clock costs nothing in peace.
    private mutating func refill(now: MonotonicTime) {
        guard perSecond > 0 else { return }
        let elapsed = max(0, (now - refilled).count)
        let earned = elapsed / (1_000_000_000 / Int64(perSecond))
        guard earned > 0 else { return }
        tokens = Int32(min(Int64(burst), earned))
        refilled = now
    }

    mutating func payBack(_ count: Int32) {
        tokens = min(burst, tokens + count)
    }
}
