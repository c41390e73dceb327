// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
internal import Identity
internal import LinuxIO

/// A Lease of the API that says which of several processes writes: `LeaderElection` with the requests that it wants.
///
/// Owned by one thread, which each request blocks.
package final class ClusterLease {
    /// What came of looking after the lease.
    package enum Outcome: Equatable {
        /// It was too early to ask.
        case none
        case answered
        /// There was no answer, or a refusal, which the text names; asked again soon.
        case trouble(String)
    }

    private let session: ClusterSession
    private let path: String
    private let name: String
    private let timeout: Nanoseconds
    private var election: LeaderElection
    /// The lease, for people.
    package let description: String

    /// Leads nobody yet.
    ///
    /// - Parameters:
    ///   - identity: who asks; no two processes may have the same.
    ///   - duration: after what time without renewal another takes over.
    package init(
        _ session: ClusterSession, namespace: String, name: String, identity: String, duration: Nanoseconds
    ) {
        self.session = session
        self.name = name
        path = "/apis/coordination.k8s.io/v1/namespaces/\(namespace)/leases"
        description = "\(namespace)/\(name)"
        // An answer that comes later is of no use to a leader.
        timeout = min(.seconds(5), Nanoseconds(duration.count / 3))
        election = LeaderElection(
            namespace: namespace, name: name, identity: identity, terms: LeaderElection.Terms(duration: duration),
            now: MonotonicClock.now())
    }

    /// When `renew` should be called next.
    package var deadline: MonotonicTime { election.deadline }

    /// Who holds the lease, as far as known; empty for nobody.
    package var holder: String { election.holder }

    /// Until when we may write; nil when we may not.
    package func leadership(now: MonotonicTime) -> MonotonicTime? { election.leadership(now: now) }

    /// Asks for the lease, or renews it, when that is due.
    package func renew() -> Outcome {
        let now = MonotonicClock.now()
        guard let step = election.step(now: now, time: .now()) else { return .none }
        var request: APIRequest
        switch step {
        case .read: request = APIRequest(.get, "\(path)/\(name)")
        case .create(let body): request = APIRequest(.post, path, "application/json", body)
        case .update(let body): request = APIRequest(.put, "\(path)/\(name)", "application/json", body)
        }
        request.timeout = timeout
        do throws(KubernetesError) {
            let answer = try session.ask(request)
            switch answer.status {
            case 200..<300: election.answered(step, try answer.object(), asked: now, now: MonotonicClock.now())
            case 404: election.answered(step, nil, asked: now, now: MonotonicClock.now())
            case 409: election.lost(now: MonotonicClock.now())
            default:
                election.failed(now: MonotonicClock.now())
                return .trouble("Lease \(description): \(answer.problem)")
            }
            return .answered
        } catch {
            election.failed(now: MonotonicClock.now())
            return .trouble("\(error) (\(session.credentials.authority))")
        }
    }

    /// Gives the lease up, if it is ours, so that the next one need not wait.
    package func release() {
        let now = MonotonicClock.now()
        guard let body = election.release(now: now, time: .now()) else { return }
        var request = APIRequest(.put, "\(path)/\(name)", "application/json", body)
        request.timeout = .seconds(2)
        do throws(KubernetesError) {
            _ = try session.ask(request, before: now + .seconds(2))
        } catch {
            // The next one waits until the lease is over.
        }
    }
}
