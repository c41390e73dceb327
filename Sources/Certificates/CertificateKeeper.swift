// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
package import Identity
internal import LinuxIO
internal import TLS

/// The certificates that a process holds: had before first use, renewed at half of their life, and turned into TLS
/// contexts for both roles.
///
/// The old certificate serves until the new one is in. Nothing here touches live connections: the owner gives new contexts
/// to new ones. Used by one thread, which polls `descriptors` and calls `process` when one is readable or `deadline` is
/// reached; nothing waits for a CA service.
package final class CertificateKeeper {
    /// One identity.
    package struct Entry: Sendable {
        /// The certificate; nil while none could be had.
        package internal(set) var issued: IssuedCertificate?
        /// What is made of it.
        package internal(set) var contexts: CertificateContexts?
        /// Why the last attempt failed; nil after a success.
        package internal(set) var failure: CertificateError?
        /// Failures in a row.
        package internal(set) var failures = 0
        /// When to ask for the next one.
        var due: UnixTime

        /// Whether to ask for the next one: its time has come, or the clock was put back to before the present one's life.
        func isDue(_ now: UnixTime) -> Bool {
            if due <= now { return true }
            guard let leaf = issued?.svid.leaf, due < .distantFuture else { return false }
            return failures == 0 && now < leaf.notBefore
        }
    }

    /// What happened.
    package enum Event: Sendable {
        /// There is a first certificate, or a new one, or its contexts are new.
        case available(SPIFFEID, CertificateContexts, isFirst: Bool)
        /// A certificate could not be had; an old one goes on to serve while it lasts.
        case failed(SPIFFEID, CertificateError)
        /// The CA's directory has a new signer or bundle.
        case authorityChanged
        /// The CA's directory cannot be read; the last good state goes on to serve.
        case authorityFailed(IdentityError)
        /// Other CRLs are in force; live connections that they revoke are to be closed.
        case revocation(RevocationSet)
        /// A CRL file cannot be read: which and why.
        case revocationFailed(String, peersAreRefused: Bool)
        /// A CRL is out of date since then.
        case revocationExpired(UnixTime, peersAreRefused: Bool)
    }

    private enum Source {
        case directory(AuthorityDirectory)
        case service(AuthorityClient)
    }

    /// The terms.
    package let settings: CertificateSettings
    private let source: Source
    private let revocation: RevocationFiles?
    private var hasReportedExpiry = false
    private var entries: [SPIFFEID: Entry] = [:]
    private var events: [Event] = []
    private var random: RandomSource

    /// Opens the CA directory, or starts the client of the CA service.
    ///
    /// - Throws: `.identity` for the directory, `.system`.
    package init(_ settings: CertificateSettings, seed: UInt64, now: UnixTime) throws(CertificateError) {
        self.settings = settings
        random = RandomSource(seed: seed)
        do throws(SystemError) {
            revocation = settings.revocationFiles.isEmpty ? nil : try RevocationFiles(settings)
        } catch {
            throw .system(error)
        }
        switch settings.source {
        case .directory(let path):
            do throws(IdentityError) {
                source = .directory(
                    try AuthorityDirectory(path: path, trustDomain: settings.trustDomain, create: true, now: now))
            } catch {
                throw .identity(error)
            }
        case .service(let service):
            do throws(SystemError) {
                source = .service(
                    try AuthorityClient(service, validitySeconds: settings.validitySeconds, seed: seed &+ 1))
            } catch {
                throw .system(error)
            }
        }
    }

    /// The identities with what is known of each.
    package var current: [SPIFFEID: Entry] { entries }

    /// What to poll for reading.
    package var descriptors: [CInt] {
        var result: [CInt] = []
        switch source {
        case .directory(let directory): result.append(directory.descriptor)
        case .service(let client): result.append(client.answers.descriptor)
        }
        if let revocation { result.append(revocation.descriptor) }
        return result
    }

    /// When `process` has something to do, at the latest; nil when nothing is due.
    package func pause(now: MonotonicTime, unixTime: UnixTime) -> Nanoseconds? {
        var earliest = revocation?.deadline ?? .distantFuture
        if case .directory(let directory) = source { earliest = min(earliest, directory.deadline) }
        var pause = earliest == .distantFuture ? nil : max(Nanoseconds(0), earliest - now)
        if !events.isEmpty { pause = Nanoseconds(0) }
        if let due = entries.values.lazy.filter({ $0.due < .distantFuture }).map(\.due).min() {
            let seconds = min(max(0, due.seconds - unixTime.seconds), 1 << 20)
            pause = min(pause ?? .seconds(seconds), .seconds(seconds))
        }
        if let expiry = revocation?.expiry, !hasReportedExpiry {
            let seconds = min(max(0, expiry.seconds - unixTime.seconds + 1), 1 << 20)
            pause = min(pause ?? .seconds(seconds), .seconds(seconds))
        }
        return pause
    }

    /// The contexts of `identity`, which is asked for when it is new; nil while there are none.
    package func contexts(
        for identity: SPIFFEID, _ priority: FetchPriority = .warmup, now: UnixTime
    ) -> CertificateContexts? {
        if let entry = entries[identity] {
            if entry.contexts == nil, priority > .warmup, case .service(let client) = source {
                client.fetch(identity, priority)
            }
            return entry.contexts
        }
        entries[identity] = Entry(due: .distantFuture)
        switch source {
        case .directory(let directory): mint(identity, directory, now: now)
        case .service(let client): client.fetch(identity, priority)
        }
        // The caller has what it asked for: the event would tell it a second time.
        if entries[identity]?.contexts != nil { events.removeLast() }
        return entries[identity]?.contexts
    }

    /// Forgets the others.
    package func keepOnly(_ identities: Set<SPIFFEID>) {
        guard entries.keys.contains(where: { !identities.contains($0) }) else { return }
        entries = entries.filter { identities.contains($0.key) }
        if case .service(let client) = source { client.keepOnly(identities) }
    }

    /// Takes answers, renews what is due, follows the files.
    package func process(now: MonotonicTime, unixTime: UnixTime) -> [Event] {
        followRevocation(now, unixTime)
        switch source {
        case .directory(let directory): follow(directory, now, unixTime)
        case .service(let client): takeAnswers(client, unixTime)
        }
        for (identity, entry) in entries where entry.isDue(unixTime) {
            switch source {
            case .directory(let directory): mint(identity, directory, now: unixTime)
            case .service(let client):
                entries[identity]?.due = .distantFuture
                client.fetch(identity, .background)
            }
        }
        defer { events = [] }
        return events
    }

    /// Ends what runs beside.
    package func stop() {
        if case .service(let client) = source { client.stop() }
    }

    // MARK: - Inside

    private func follow(_ directory: AuthorityDirectory, _ now: MonotonicTime, _ unixTime: UnixTime) {
        directory.receiveEvents(now: now)
        switch directory.refresh(now: now, unixTime: unixTime) {
        case .unchanged: break
        case .failed(let error): events.append(.authorityFailed(error))
        case .changed:
            events.append(.authorityChanged)
            // New leaves at once: whoever rotates waits for one life of a certificate at most, and here for nothing.
            for identity in entries.keys { mint(identity, directory, now: unixTime) }
        }
    }

    private func mint(_ identity: SPIFFEID, _ directory: AuthorityDirectory, now: UnixTime) {
        do throws(IdentityError) {
            let svid = try directory.current.mint(for: identity, validity: settings.validitySeconds, now: now)
            take(identity, .success(IssuedCertificate(svid: svid, bundle: directory.current.bundle)), now: now)
        } catch {
            take(identity, .failure(.identity(error)), now: now)
            let failures = entries[identity]?.failures ?? 1
            let pause = RenewalSchedule.backoff(failures: failures, random: &random)
            entries[identity]?.due = now.advanced(bySeconds: max(1, pause / 1000))
        }
    }

    private func takeAnswers(_ client: AuthorityClient, _ now: UnixTime) {
        for answer in client.answers.takeAll() { take(answer.identity, answer.result, now: now) }
    }

    private func take(
        _ identity: SPIFFEID, _ result: Result<IssuedCertificate, CertificateError>, now: UnixTime
    ) {
        guard var entry = entries[identity] else { return }
        do throws(CertificateError) {
            let issued = try result.get()
            let contexts = try makeContexts(issued)
            let isFirst = entry.contexts == nil
            let leaf = issued.svid.leaf
            // What is left of its life counts: a start that was put back, for clocks that differ, is no part of it.
            let renewal = RenewalSchedule.renewal(
                notBefore: max(now, leaf.notBefore), notAfter: leaf.notAfter, random: &random)
            entry = Entry(issued: issued, contexts: contexts, due: max(renewal, now.advanced(bySeconds: 1)))
            events.append(.available(identity, contexts, isFirst: isFirst))
        } catch {
            entry.failure = error
            entry.failures += 1
            events.append(.failed(identity, error))
        }
        entries[identity] = entry
    }

    private func makeContexts(_ issued: IssuedCertificate) throws(CertificateError) -> CertificateContexts {
        let policy = revocation?.policy ?? .unchecked
        do throws(TLSError) {
            let server = try TLSContext(
                role: .server, svid: issued.svid, bundle: issued.bundle, trustDomain: settings.trustDomain,
                revocation: policy, options: settings.tls)
            let client = try TLSContext(
                role: .client, svid: issued.svid, bundle: issued.bundle, trustDomain: settings.trustDomain,
                revocation: policy, options: settings.tls)
            return CertificateContexts(server: server, client: client)
        } catch {
            throw .tls(error)
        }
    }

    private func followRevocation(_ now: MonotonicTime, _ unixTime: UnixTime) {
        guard let revocation else { return }
        revocation.receiveEvents(now: now)
        switch revocation.refresh(now: now) {
        case .unchanged: break
        case .changed:
            hasReportedExpiry = false
            rebuild()
            events.append(.revocation(revocation.lists))
        case .failed(let text):
            rebuild()
            events.append(.revocationFailed(text, peersAreRefused: settings.whenUnreadable == .refuse))
        }
        if let expiry = revocation.expiry, expiry < unixTime, !hasReportedExpiry {
            hasReportedExpiry = true
            events.append(.revocationExpired(expiry, peersAreRefused: settings.whenExpired == .refuse))
        }
    }

    /// New contexts for all certificates, because whom they refuse has changed.
    private func rebuild() {
        for (identity, entry) in entries {
            guard let issued = entry.issued else { continue }
            do throws(CertificateError) {
                let contexts = try makeContexts(issued)
                entries[identity]?.contexts = contexts
                events.append(.available(identity, contexts, isFirst: false))
            } catch {
                events.append(.failed(identity, error))
            }
        }
    }
}
