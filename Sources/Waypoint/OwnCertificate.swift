// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Certificates
internal import Identity
internal import TLS

/// The waypoint's certificate: asked for at the start, renewed at half of its life, from the embedded CA or a CA service.
///
/// Used by the control thread only. Renewal never touches live connections: workers take the new contexts for new ones.
final class OwnCertificate {
    /// What has come of it.
    enum Change {
        case issued(OwnIdentity)
        case failed(String)
    }

    private let keeper: CertificateKeeper
    private(set) var identity: SPIFFEID?

    /// Opens the CA directory, or starts to speak with the CA service.
    init(_ settings: CertificateSettings, seed: UInt64) throws(CertificateError) {
        keeper = try CertificateKeeper(settings, seed: seed, now: .now())
    }

    private var entry: CertificateKeeper.Entry? { identity.flatMap { keeper.current[$0] } }
    var svid: X509SVID? { entry?.issued?.svid }
    var failures: Int { entry?.failures ?? 0 }
    /// What to poll for reading.
    var descriptors: [CInt] { keeper.descriptors }

    /// How long nothing is due; nil without end.
    func pause(now: MonotonicTime, time: UnixTime) -> Nanoseconds? { keeper.pause(now: now, unixTime: time) }

    /// Asks for the certificate of an identity if that is a new one or the old certificate is due, and takes what has come.
    func refresh(_ wanted: SPIFFEID, now: MonotonicTime, time: UnixTime) -> [Change] {
        var changes: [Change] = []
        if wanted != identity {
            identity = wanted
            keeper.keepOnly([wanted])
            if let contexts = keeper.contexts(for: wanted, .realTime, now: time) {
                changes.append(.issued(Self.own(wanted, contexts)))
            }
        }
        for event in keeper.process(now: now, unixTime: time) {
            switch event {
            case .available(let id, let contexts, _):
                if id == identity { changes.append(.issued(Self.own(id, contexts))) }
            case .failed(_, let error): changes.append(.failed("\(error)"))
            case .authorityFailed(let error): changes.append(.failed("\(error); the last good state serves"))
            case .authorityChanged, .revocation, .revocationFailed, .revocationExpired: break
            }
        }
        return changes
    }

    private static func own(_ id: SPIFFEID, _ contexts: CertificateContexts) -> OwnIdentity {
        OwnIdentity(id: id, server: contexts.server, client: contexts.client)
    }
}
