// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
package import Identity
package import Manifest
internal import Telemetry

/// Who of several processes writes: the one that holds a Lease (coordination.k8s.io); without I/O or clocks of its own.
///
/// ```
/// follower -> ask (read) -> held by another: wait, ask again
///    ^                   -> not there: create    -> leader
///    |                   -> given up, or not renewed for its whole duration as *we* saw it: update -> leader
///    +-- not renewed in time, or another holds it -- leader -> update -> leader
/// ```
///
/// A leader leads for `Terms.renewDeadline` from when it *asked* for what was granted, others take over after `Terms.duration`
/// from when they *saw* the last renewal. Both are measured by a clock that does not jump, so what wall clocks say is never
/// compared; the difference is what a request may be under way.
package struct LeaderElection: Sendable {
    /// How long what lasts (client-go: 15 s, 10 s, 2 s).
    package struct Terms: Sendable {
        /// After what time without renewal another takes the lease.
        package var duration = Nanoseconds.seconds(15)
        /// After what time without renewal a leader stops writing; less than `duration`.
        package var renewDeadline = Nanoseconds.seconds(10)
        /// How often it is renewed, or looked at.
        package var retryPeriod = Nanoseconds.seconds(3)

        /// The usual ones.
        package init() {}

        /// Terms whose lease lasts for `duration`, the rest in proportion.
        package init(duration: Nanoseconds) {
            self.duration = duration
            renewDeadline = Nanoseconds(duration.count / 3 * 2)
            retryPeriod = Nanoseconds(duration.count / 5)
        }
    }

    /// What to ask now.
    package enum Step: Equatable, Sendable {
        case read
        /// Make the lease (POST).
        case create([UInt8])
        /// Replace it (PUT); the content names the version it replaces.
        case update([UInt8])
    }

    private struct Lease: Equatable {
        var resourceVersion: String
        var holder: String
        var transitions: Int64
        var acquired: String
    }

    private let namespace: String
    private let name: String
    private let identity: String
    private let terms: Terms
    /// The lease as it was last seen; nil when that is not known.
    private var lease: Lease?
    /// There is none.
    private var isMissing = false
    /// When the version of `lease` was seen for the first time.
    private var seen = MonotonicTime(nanoseconds: 0)
    private var leadsUntil: MonotonicTime?
    /// When to ask next.
    package private(set) var deadline: MonotonicTime
    /// Who holds the lease, as far as known; empty for nobody.
    package var holder: String { lease?.holder ?? "" }

    /// Leads nobody yet.
    ///
    /// - Parameter identity: who asks; no two processes may have the same.
    package init(namespace: String, name: String, identity: String, terms: Terms, now: MonotonicTime) {
        self.namespace = namespace
        self.name = name
        self.identity = identity
        self.terms = terms
        deadline = now
    }

    /// Until when we may write; nil when we may not.
    package func leadership(now: MonotonicTime) -> MonotonicTime? {
        guard let leadsUntil, now < leadsUntil else { return nil }
        return leadsUntil
    }

    /// What to ask; nil when it is too early.
    package func step(now: MonotonicTime, time: UnixTime) -> Step? {
        guard deadline <= now else { return nil }
        if isMissing { return .create(body(time)) }
        guard let lease else { return .read }
        let isFree = lease.holder.isEmpty || lease.holder == identity || seen + terms.duration <= now
        return isFree ? .update(body(time)) : .read
    }

    /// What to write to give the lease up, so that the next one need not wait; nil when it is not ours.
    package func release(now: MonotonicTime, time: UnixTime) -> [UInt8]? {
        guard leadership(now: now) != nil, lease != nil else { return nil }
        return body(time, holder: "")
    }

    /// Takes the answer to what was asked.
    ///
    /// - Parameters:
    ///   - object: the lease; nil when there is none (404).
    ///   - asked: when the request was sent.
    package mutating func answered(_ step: Step, _ object: YAMLNode?, asked: MonotonicTime, now: MonotonicTime) {
        deadline = now + terms.retryPeriod
        guard let object else {
            lease = nil
            isMissing = true
            leadsUntil = nil
            deadline = now
            return
        }
        isMissing = false
        let spec = object["spec"]
        let found = Lease(
            resourceVersion: object["metadata"]?["resourceVersion"]?.string ?? "",
            holder: spec?["holderIdentity"]?.string ?? "", transitions: spec?["leaseTransitions"]?.integer ?? 0,
            acquired: spec?["acquireTime"]?.string ?? "")
        if found != lease { seen = now }
        lease = found
        switch step {
        case .read:
            if found.holder != identity { leadsUntil = nil }
            // What is free is asked for at once.
            if found.holder.isEmpty { deadline = now }
        case .create, .update: leadsUntil = found.holder == identity ? asked + terms.renewDeadline : nil
        }
    }

    /// Somebody else was faster: the lease has to be read again.
    package mutating func lost(now: MonotonicTime) {
        lease = nil
        isMissing = false
        leadsUntil = nil
        deadline = now
    }

    /// There was no answer, or a refusal: asked again soon; what was granted holds until its time is over.
    package mutating func failed(now: MonotonicTime) {
        deadline = now + Nanoseconds(terms.retryPeriod.count / 2)
    }

    private func body(_ time: UnixTime, holder: String? = nil) -> [UInt8] {
        let now = String("\(time)".dropLast()) + ".000000Z"
        let isOurs = lease?.holder == identity
        var json = JSONWriter()
        json.object { json in
            json.member("apiVersion", "coordination.k8s.io/v1")
            json.member("kind", "Lease")
            json.name("metadata")
            json.object { json in
                json.member("name", name)
                json.member("namespace", namespace)
                if let lease { json.member("resourceVersion", lease.resourceVersion) }
            }
            json.name("spec")
            json.object { json in
                json.member("holderIdentity", holder ?? identity)
                json.member("leaseDurationSeconds", max(1, terms.duration.count / 1_000_000_000))
                json.member("acquireTime", isOurs ? lease?.acquired ?? now : now)
                json.member("renewTime", now)
                json.member("leaseTransitions", (lease?.transitions ?? 0) + (isOurs || lease == nil ? 0 : 1))
            }
        }
        return json.bytes
    }
}
