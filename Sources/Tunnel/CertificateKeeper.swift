// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Identity
internal import TLS

/// The certificates of the identities that pods of this node have: minted before first use, renewed at half of their
/// life, and turned into TLS contexts.
///
/// Used by the control thread only. Renewal never touches live connections: workers take the new contexts for new ones.
final class CertificateKeeper {
    /// One identity's certificate.
    struct Entry {
        var svid: X509SVID
        var contexts: Pod.Contexts
        /// Seconds since 1970 at which a new one is asked for.
        var renewal: UnixTime
        var failures = 0
    }

    private let authority: CertificateAuthority
    private let validitySeconds: Int64
    private var entries: [SPIFFEID: Entry] = [:]
    private var random: RandomSource

    init(authority: CertificateAuthority, validitySeconds: Int64, seed: UInt64) {
        self.authority = authority
        self.validitySeconds = validitySeconds
        random = RandomSource(seed: seed)
    }

    /// The entries, for the `certificates` table.
    var current: [SPIFFEID: Entry] { entries }

    /// The contexts of `identity`; mints its certificate when there is none.
    func contexts(for identity: SPIFFEID, now: UnixTime) throws(CertificateError) -> Pod.Contexts {
        if let entry = entries[identity] { return entry.contexts }
        let entry = try issue(identity, now: now)
        entries[identity] = entry
        return entry.contexts
    }

    /// Forgets identities that no pod of the node has any more.
    func keepOnly(_ identities: Set<SPIFFEID>) {
        entries = entries.filter { identities.contains($0.key) }
    }

    /// Renews what is due.
    ///
    /// - Returns: the identities with new contexts, and those that could not be renewed (the old certificate goes on to
    ///   serve; the next try comes after a growing pause).
    func renew(now: UnixTime) -> (renewed: [SPIFFEID], failed: [(SPIFFEID, CertificateError)]) {
        var renewed: [SPIFFEID] = []
        var failed: [(SPIFFEID, CertificateError)] = []
        for (identity, entry) in entries where entry.renewal <= now {
            do throws(CertificateError) {
                entries[identity] = try issue(identity, now: now)
                renewed.append(identity)
            } catch {
                let failures = entry.failures + 1
                let pause = RenewalSchedule.backoff(failures: failures, random: &random)
                entries[identity]?.failures = failures
                entries[identity]?.renewal = now.advanced(bySeconds: max(1, pause / 1000))
                failed.append((identity, error))
            }
        }
        return (renewed, failed)
    }

    /// When the next renewal is due; nil when there is nothing to renew.
    var nextRenewal: UnixTime? { entries.values.map(\.renewal).min() }

    private func issue(_ identity: SPIFFEID, now: UnixTime) throws(CertificateError) -> Entry {
        let svid: X509SVID
        do throws(IdentityError) {
            svid = try authority.mint(for: identity, validity: validitySeconds, now: now)
        } catch {
            throw .identity(error)
        }
        do throws(TLSError) {
            let server = try TLSContext(
                role: .server, svid: svid, bundle: authority.bundle, trustDomain: authority.trustDomain)
            let client = try TLSContext(
                role: .client, svid: svid, bundle: authority.bundle, trustDomain: authority.trustDomain)
            let renewal = RenewalSchedule.renewal(
                notBefore: svid.leaf.notBefore, notAfter: svid.leaf.notAfter, random: &random)
            return Entry(svid: svid, contexts: Pod.Contexts(server: server, client: client), renewal: renewal)
        } catch {
            throw .tls(error)
        }
    }
}

/// Why there is no certificate for an identity.
enum CertificateError: Error, CustomStringConvertible {
    case identity(IdentityError)
    case tls(TLSError)

    var description: String {
        switch self {
        case .identity(let error): error.description
        case .tls(let error): error.description
        }
    }
}
