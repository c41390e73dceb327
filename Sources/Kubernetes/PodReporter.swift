// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Identity
internal import Mesh
internal import Telemetry

/// What a node tunnel says of its pods in the API, one request after the other: annotations and Events.
///
/// Without I/O, clock or chance of its own. What has to be said is kept by pod, so that the latest counts and nothing piles up;
/// the same trouble of a pod is one Event that counts up. Nothing here is waited for: an API server that is away, or does not
/// let us, costs a request from time to time.
struct PodReporter {
    /// What of the API is written, for pauses and complaints of their own.
    enum Purpose: Int, CaseIterable {
        case annotation
        case event
    }

    /// How a request has ended.
    enum Outcome {
        case answered(APIStatus, retryAfter: Nanoseconds?)
        case failed
    }

    private struct Annotation {
        var pod: PodReference
        var isEnabled: Bool
        var notBefore: MonotonicTime
        var failures = 0
    }

    private enum Item {
        case annotation(PodReference, isEnabled: Bool)
        case event(PodEvent.Key, count: Int64)
    }

    /// The node, which Events name.
    private let node: String
    private var annotations: [PodUID: Annotation] = [:]
    private var events: [PodEvent.Key: PodEvent] = [:]
    private var underWay: Item?
    private var pauses: [MonotonicTime]
    private var refusals: [Int]
    private var failures = 0
    private var annotationBucket = TokenBucket(burst: 50, interval: .milliseconds(50))
    private var eventBucket = TokenBucket(burst: 25, interval: .seconds(5))
    /// What is wrong with each purpose, as it was first said; empty when nothing is.
    private(set) var troubles: [String]

    /// Events that are kept; a node has some hundred pods.
    static let maximumEvents = 1_024
    /// Pods whose annotation waits to be written.
    static let maximumAnnotations = 4_096
    /// Pauses after requests that failed.
    private static let firstPause = Nanoseconds.seconds(1)
    private static let longestPause = Nanoseconds.seconds(300)
    /// Pauses after refusals, which only an administrator ends.
    private static let refusalPause = Nanoseconds.seconds(60)
    /// How often one request is tried again that only this object makes fail.
    static let maximumTries = 8

    init(node: String) {
        self.node = node
        pauses = Purpose.allCases.map { _ in MonotonicTime(nanoseconds: 0) }
        refusals = Purpose.allCases.map { _ in 0 }
        troubles = Purpose.allCases.map { _ in "" }
    }

    /// Takes what is to be said.
    mutating func take(_ report: PodReport, now: MonotonicTime, time: UnixTime) {
        switch report {
        case .captured(let pod, let isEnabled):
            guard annotations.count < Self.maximumAnnotations || annotations[pod.uid] != nil else { return }
            annotations[pod.uid] = Annotation(pod: pod, isEnabled: isEnabled, notBefore: now)
        case .trouble(let pod, let trouble, let text):
            let key = PodEvent.Key(pod: pod.uid, trouble: trouble)
            if events[key] != nil {
                events[key]?.happenedAgain(text, now: now, time: time)
                return
            }
            if events.count >= Self.maximumEvents { events = events.filter { !$0.value.isOver(now) } }
            guard events.count < Self.maximumEvents else { return }
            events[key] = PodEvent(pod, trouble, text, now: now, time: time)
        case .gone(let uid):
            annotations[uid] = nil
            for trouble in PodTrouble.allCases { events[PodEvent.Key(pod: uid, trouble: trouble)] = nil }
        }
    }

    /// When `request` should be called next; nil when there is nothing to say, or a request is under way.
    var deadline: MonotonicTime? {
        guard underWay == nil else { return nil }
        let annotation = annotations.values.lazy.map(\.notBefore).min().map {
            max($0, pauses[Purpose.annotation.rawValue], annotationBucket.deadline)
        }
        let event = events.values.lazy.filter(\.isDue).map(\.notBefore).min().map {
            max($0, pauses[Purpose.event.rawValue], eventBucket.deadline)
        }
        guard let annotation else { return event }
        return min(annotation, event ?? .distantFuture)
    }

    /// The next request; nil when it is too early, or one is under way.
    mutating func request(now: MonotonicTime) -> APIRequest? {
        guard underWay == nil else { return nil }
        if pauses[Purpose.annotation.rawValue] <= now, annotationBucket.deadline <= now,
            let next = annotations.values.min(by: { $0.notBefore < $1.notBefore }), next.notBefore <= now
        {
            _ = annotationBucket.take(now)
            underWay = .annotation(next.pod, isEnabled: next.isEnabled)
            return Self.patch(next.pod, isEnabled: next.isEnabled)
        }
        if pauses[Purpose.event.rawValue] <= now, eventBucket.deadline <= now,
            let (key, event) = events.lazy.filter(\.value.isDue).min(by: { $0.value.notBefore < $1.value.notBefore }),
            event.notBefore <= now
        {
            _ = eventBucket.take(now)
            underWay = .event(key, count: event.count)
            return event.request(node: node)
        }
        return nil
    }

    private static func patch(_ pod: PodReference, isEnabled: Bool) -> APIRequest {
        var json = JSONWriter()
        json.object { json in
            json.name("metadata")
            json.object { json in
                // Another pod of the name is refused (422), because a UID does not change.
                json.member("uid", pod.uid.description)
                json.name("annotations")
                json.object { json in
                    for key in [PodReport.redirectionAnnotation, PodReport.ownAnnotation] {
                        json.name(key)
                        if isEnabled { json.element(PodReport.enabled) } else { json.null() }
                    }
                }
            }
        }
        // Of `pods` and `pods/status`, by which metadata can be changed too, that with the lesser power: images it cannot change.
        let path = "/api/v1/namespaces/\(pod.namespace)/pods/\(pod.name)/status"
        return APIRequest(.patch, path, "application/merge-patch+json", json.bytes)
    }

    // MARK: - Outcomes

    /// The request that was under way is over.
    mutating func finished(_ outcome: Outcome, now: MonotonicTime, random: inout RandomSource) {
        guard let item = underWay else { return }
        underWay = nil
        guard case .answered(let status, let retryAfter) = outcome else {
            return pauseAll(nil, now: now, random: &random)
        }
        switch status.code {
        case 429, 500...: pauseAll(retryAfter, now: now, random: &random)
        // A namespace that is about to go takes nothing new, which is nobody's fault.
        case 403 where !status.message.contains("being terminated"), 401:
            refused(item, status, now: now, random: &random)
        default:
            failures = 0
            switch item {
            case .annotation(let pod, let isEnabled): answered(pod, isEnabled, status, now: now, random: &random)
            case .event(let key, let count): answered(key, count, status, now: now, random: &random)
            }
        }
    }

    private mutating func answered(
        _ pod: PodReference, _ isEnabled: Bool, _ status: APIStatus, now: MonotonicTime, random: inout RandomSource
    ) {
        if status.isGood { allowed(.annotation) }
        guard let asked = annotations[pod.uid] else { return }
        // Said otherwise meanwhile: that is still to be written.
        guard asked.isEnabled == isEnabled else { return }
        if status.code == 409, asked.failures < Self.maximumTries {
            annotations[pod.uid]?.failures += 1
            annotations[pod.uid]?.notBefore = now + Self.pause(asked.failures, &random)
        } else {
            // Done; or the pod is gone (404), or another has its name (422).
            annotations[pod.uid] = nil
        }
    }

    private mutating func answered(
        _ key: PodEvent.Key, _ count: Int64, _ status: APIStatus, now: MonotonicTime, random: inout RandomSource
    ) {
        if status.isGood { allowed(.event) }
        guard var event = events[key] else { return }
        switch status.code {
        case 200..<300: event.wasWritten(count: count, now: now)
        // An Event is kept for an hour; or its namespace has gone.
        case 404 where event.isCreated: event.wasForgotten(now: now)
        // A tunnel before us, or we, in an answer that was lost.
        case 409 where !event.isCreated: event.isThere(now: now)
        case 409 where event.failures < Self.maximumTries:
            event.failures += 1
            event.notBefore = now + Self.pause(event.failures, &random)
        default:
            events[key] = nil
            return
        }
        events[key] = event
    }

    /// Nothing is wrong with what a purpose asks.
    private mutating func allowed(_ purpose: Purpose) {
        refusals[purpose.rawValue] = 0
        pauses[purpose.rawValue] = MonotonicTime(nanoseconds: 0)
        troubles[purpose.rawValue] = ""
    }

    private mutating func refused(
        _ item: Item, _ status: APIStatus, now: MonotonicTime, random: inout RandomSource
    ) {
        let purpose: Purpose
        switch item {
        case .annotation(let pod, _):
            purpose = .annotation
            // The others first, in case that it is this pod's fault.
            annotations[pod.uid]?.notBefore = now + Self.refusalPause
        case .event(let key, _):
            purpose = .event
            events[key]?.notBefore = now + Self.refusalPause
        }
        let index = purpose.rawValue
        if troubles[index].isEmpty {
            let what =
                switch purpose {
                case .annotation: "pods are not annotated that are captured (patch pods/status)"
                case .event: "troubles of pods are not reported as Events (create and patch events)"
                }
            troubles[index] = "\(what): \(status)"
        }
        let longest = min(Self.longestPause.count * 2, Self.refusalPause.count << Int64(min(refusals[index], 4)))
        refusals[index] += 1
        pauses[index] = now + Nanoseconds(Int64.random(in: longest / 2...longest, using: &random))
    }

    private mutating func pauseAll(_ least: Nanoseconds?, now: MonotonicTime, random: inout RandomSource) {
        var pause = Self.pause(failures, &random)
        failures += 1
        if let least { pause = max(pause, min(least, Self.longestPause)) }
        for index in pauses.indices { pauses[index] = max(pauses[index], now + pause) }
    }

    private static func pause(_ failures: Int, _ random: inout RandomSource) -> Nanoseconds {
        let longest = min(longestPause.count, firstPause.count << Int64(min(failures, 9)))
        return Nanoseconds(Int64.random(in: longest / 2...longest, using: &random))
    }
}
