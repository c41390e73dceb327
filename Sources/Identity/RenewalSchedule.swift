// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// When to replace a certificate: at half of its life, spread by a tenth of its life either way (design §8).
///
/// Pure: the time and the randomness are parameters.
package enum RenewalSchedule {
    /// The part of the whole life by which a renewal may come earlier or later than the half.
    package static let jitter = 0.1

    /// The time at which to renew a certificate.
    ///
    /// - Parameter random: picks the place in `[half - jitter, half + jitter]` of the life.
    /// - Returns: a time after `notBefore` and before `notAfter`, for any life of two seconds or more.
    package static func renewal(
        notBefore: UnixTime, notAfter: UnixTime, random: inout some RandomNumberGenerator
    ) -> UnixTime {
        let life = Double(max(0, notAfter.seconds - notBefore.seconds))
        let part = Double.random(in: (0.5 - jitter)...(0.5 + jitter), using: &random)
        return notBefore.advanced(bySeconds: Int64(life * part))
    }

    /// How long to wait after the `failures`-th failed attempt in a row: doubling from 0.5 s to 150 s, within 20 %
    /// (ztunnel behaviour: reference §5, "Failure").
    ///
    /// - Returns: milliseconds.
    package static func backoff(failures: Int, random: inout some RandomNumberGenerator) -> Int64 {
        let doubled = 500.0 * Double(UInt64(1) << UInt64(min(max(failures - 1, 0), 20)))
        return Int64(min(doubled, 150_000) * Double.random(in: 0.8...1.2, using: &random))
    }
}
