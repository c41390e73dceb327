// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
package import Identity
internal import Kubernetes

/// The rotation of a root whose CA is in a Secret: looks at it, and makes the step that the schedule says.
///
/// It makes no Secret: one that is gone is an alarm, not a reason for another root. Used by the replica that leads.
package struct SecretRotation: Sendable {
    /// What a look came to.
    enum Outcome: Equatable {
        /// No rotation is under way, or it waits until this time, by the clock of the certificates.
        case quiet(RootRotation.Phase, until: UnixTime?)
        /// A step was made.
        case stepped(RotationSchedule.Step)
        /// Somebody else changed the Secret meanwhile: it has to be read again.
        case conflict
        /// The Secret is not there.
        case missing
        /// What keeps a rotation from beginning or going on.
        case held(RootRotation.Phase, RotationSchedule.Reason)
        /// The Secret cannot be read or written, for an operator.
        case trouble(String)
    }

    /// The name of the Secret, in the namespace of the Lease.
    package var name: String
    /// When what is done.
    package var schedule = RotationSchedule()
    /// The trust domain of a new root.
    package var trustDomain = TrustDomain.clusterLocal
    /// Seconds that a new root is valid.
    package var rootValidity = CertificateAuthority.rootValidity

    /// A rotation by the defaults; nil when `name` is no name of a Secret.
    package init?(secret name: String) {
        guard !name.isEmpty, name.utf8.allSatisfy(TrustBundleName.isOfName) else { return nil }
        self.name = name
    }

    /// Reads the Secret, and makes the step that is due.
    ///
    /// - Parameters:
    ///   - served: what this process signs with, and the bundle it gives out.
    ///   - isPublished: whether the objects that name the roots say so.
    ///   - end: what would be later is not written.
    func look(
        namespace: String, served: ServedRoots, isPublished: Bool, _ session: ClusterSession, until end: MonotonicTime
    ) throws(KubernetesError) -> Outcome {
        let path = "/api/v1/namespaces/\(namespace)/secrets/\(name)"
        let found = try session.ask(APIRequest(.get, path), before: end)
        guard found.status != 404 else { return .missing }
        guard found.isGood else { return .trouble("\(found.problem)") }
        let now = UnixTime.now()
        let step: RotationSchedule.Step
        let body: [UInt8]
        let object = try found.object()
        do throws(AuthoritySecretError) {
            let secret = try AuthoritySecret(object)
            step = schedule.step(
                secret.state(signer: served.signer, served: served.bundle, isPublished: isPublished), now: now)
            switch step {
            case .none: return .quiet(secret.phase, until: nil)
            case .wait(let until): return .quiet(secret.phase, until: until)
            case .hold(let reason): return .held(secret.phase, reason)
            case .begin: body = try secret.beginning(with: newRoot(now))
            case .stamp: body = secret.stamping(now)
            case .unstamp: body = secret.stamping(nil)
            case .switchSigner: body = try secret.switching(trustDomain: trustDomain, now: now)
            case .finish: body = secret.finishing()
            }
        } catch {
            return .trouble("\(error)")
        }
        let request = APIRequest(
            .patch, "\(path)?fieldManager=ambit-identity", "application/merge-patch+json", body)
        let written = try session.ask(request, before: end)
        switch written.status {
        case 200..<300: return .stepped(step)
        case 409: return .conflict
        default: return .trouble("\(written.problem)")
        }
    }

    private func newRoot(
        _ now: UnixTime
    ) throws(AuthoritySecretError) -> (certificate: Certificate, key: PrivateKey) {
        do throws(IdentityError) {
            return try CertificateAuthority.makeRoot(trustDomain: trustDomain, validity: rootValidity, now: now)
        } catch {
            throw .entry("next.key", error)
        }
    }
}
