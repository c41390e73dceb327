// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Identity

/// When the root of a CA is rotated, and when each phase of that has lasted long enough; without I/O or clocks.
///
/// ```
/// stable --due, or asked for--> distributing --arrived, then one wait--> retiring --arrived, then one wait--> stable
/// ```
/// The wait of a phase is counted from when its change was seen to have arrived, which is written down (`.stamp`), so that a
/// replica that takes over need not begin again, and a change that takes long to arrive makes the phase longer, never too short.
package struct RotationSchedule: Sendable, Hashable {
    /// How far a rotation is, and what the schedule has to know of the CA.
    package struct State: Sendable, Hashable {
        /// The phase.
        package var phase: RootRotation.Phase
        /// When its change had arrived, as was written down; nil when it was not.
        package var since: UnixTime?
        /// Whether this process signs and trusts as the phase says.
        package var isServed: Bool
        /// Whether what it trusts is published.
        package var isPublished: Bool
        /// Whether an operator asks for a rotation.
        package var isRequested: Bool
        /// Whether the signing certificate is a root; an intermediate's root is not ours to rotate.
        package var isRoot: Bool
        /// The signing certificate's first second of validity.
        package var notBefore: UnixTime
        /// The signing certificate's last second of validity.
        package var notAfter: UnixTime
    }

    /// What is to be done now.
    package enum Step: Sendable, Hashable {
        /// Nothing, and nothing is under way.
        case none
        /// Nothing before this time.
        case wait(until: UnixTime)
        /// Make a new root and put it into the bundle.
        case begin
        /// Write down that the change of the phase has arrived.
        case stamp
        /// Take back that it has arrived: who leads now does not serve it yet, and has given out older bundles.
        case unstamp
        /// Let the new root sign.
        case switchSigner
        /// Take the old root out of the bundle.
        case finish
        /// Something has to happen first, which is not ours to do.
        case hold(Reason)
    }

    /// What keeps a rotation from beginning or going on.
    package enum Reason: Sendable, Hashable, CustomStringConvertible {
        /// The CA is an intermediate.
        case foreignRoot
        /// The change is not here yet.
        case notServed
        /// The roots are not published.
        case notPublished

        package var description: String {
            switch self {
            case .foreignRoot: IdentityError.foreignRoot.description
            case .notServed: "its change is not served here yet; the kubelet takes a minute or two to bring it"
            case .notPublished: "the roots are not published"
            }
        }
    }

    /// The share of a root's life, in percent, after which it is replaced; 100 for never without being asked.
    package var percentOfLife: Int64 = 80
    /// Seconds that certificates are valid at most: after that long every tunnel has a newer one, and a newer bundle.
    package var longestValidity: Int64 = 86_400
    /// Seconds that a change may take to reach other replicas and files on nodes, after it was seen here.
    package var margin: Int64 = 300

    /// The defaults.
    package init() {}

    /// Seconds from when a phase has arrived to the next one.
    package var pause: Int64 { longestValidity + margin }

    /// What is to be done now.
    package func step(_ state: State, now: UnixTime) -> Step {
        switch state.phase {
        case .stable:
            guard state.isRequested || isDue(state, now: now) else { return .none }
            return state.isRoot ? .begin : .hold(.foreignRoot)
        case .distributing: return next(state, .switchSigner, now: now)
        case .retiring: return next(state, .finish, now: now)
        }
    }

    private func next(_ state: State, _ step: Step, now: UnixTime) -> Step {
        // Going on needs that all is well now, too: not only when the wait began.
        guard state.isServed else { return state.since == nil ? .hold(.notServed) : .unstamp }
        guard state.isPublished else { return .hold(.notPublished) }
        // A time to come was written by a clock that was ahead of ours: the wait begins again.
        guard let since = state.since, since <= now else { return .stamp }
        let end = since.advanced(bySeconds: pause)
        return end <= now ? step : .wait(until: end)
    }

    private func isDue(_ state: State, now: UnixTime) -> Bool {
        guard percentOfLife < 100 else { return false }
        let life = state.notAfter.seconds - state.notBefore.seconds
        let share = state.notBefore.advanced(bySeconds: life / 100 * percentOfLife)
        // Two waits must fit in before the end, and as much again for what goes wrong.
        return min(share, state.notAfter.advanced(bySeconds: -4 * pause)) <= now
    }
}
