// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Identity
internal import TLS

/// The waypoint's certificate: minted at the start, renewed at half of its life.
///
/// Used by the control thread only. Renewal never touches live connections: workers take the new contexts for new ones.
final class OwnCertificate {
    private let authority: CertificateAuthority
    private let validitySeconds: Int64
    private var random: RandomSource
    private(set) var identity: SPIFFEID?
    private(set) var svid: X509SVID?
    private(set) var failures = 0
    /// When the next one is to be minted.
    private(set) var renewal = UnixTime(seconds: 0)

    init(authority: CertificateAuthority, validitySeconds: Int64, seed: UInt64) {
        self.authority = authority
        self.validitySeconds = validitySeconds
        random = RandomSource(seed: seed)
    }

    /// Mints a certificate for an identity if that is a new one, or if the old certificate is due.
    ///
    /// - Returns: nil when there is nothing new.
    func refresh(_ wanted: SPIFFEID, now: UnixTime) throws(CertificateFailure) -> OwnIdentity? {
        guard wanted != identity || renewal <= now else { return nil }
        do {
            let made = try authority.mint(for: wanted, validity: validitySeconds, now: now)
            let server = try TLSContext(
                role: .server, svid: made, bundle: authority.bundle, trustDomain: authority.trustDomain)
            let client = try TLSContext(
                role: .client, svid: made, bundle: authority.bundle, trustDomain: authority.trustDomain)
            renewal = RenewalSchedule.renewal(
                notBefore: made.leaf.notBefore, notAfter: made.leaf.notAfter, random: &random)
            svid = made
            identity = wanted
            failures = 0
            return OwnIdentity(id: wanted, server: server, client: client)
        } catch {
            failures += 1
            let pause = RenewalSchedule.backoff(failures: failures, random: &random)
            renewal = now.advanced(bySeconds: max(1, pause / 1000))
            throw CertificateFailure(description: "\(error)")
        }
    }
}

/// Why there is no certificate.
struct CertificateFailure: Error, CustomStringConvertible {
    let description: String
}
