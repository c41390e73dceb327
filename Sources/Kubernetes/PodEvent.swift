// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Identity
internal import Manifest
internal import Mesh
internal import Telemetry

/// A trouble of a pod as a core/v1 Event, which counts how often it was met.
struct PodEvent {
    /// Names one: a pod has at most one Event of each sort.
    struct Key: Hashable {
        let pod: PodUID
        let trouble: PodTrouble
    }

    let pod: PodReference
    let trouble: PodTrouble
    private(set) var text: String
    /// How often it was met.
    private(set) var count: Int64 = 1
    private let first: UnixTime
    private var last: UnixTime
    private var seen: MonotonicTime
    /// Whether the API server has it.
    private(set) var isCreated = false
    /// What of `count` the API server knows.
    private var written: Int64 = 0
    private var interval = Self.firstInterval
    /// When it was written last.
    private var writtenAt = MonotonicTime(nanoseconds: 0)
    /// When it may be written next.
    var notBefore: MonotonicTime
    var failures = 0

    /// A trouble that goes on is told again this often: twice as rarely each time, but before the API server forgets it (an hour).
    private static let firstInterval = Nanoseconds.seconds(30)
    private static let longestInterval = Nanoseconds.seconds(900)
    /// And another text not sooner than this after the one before.
    private static let newsInterval = Nanoseconds.seconds(5)
    /// How long one is kept that does not happen any more.
    private static let lifetime = Nanoseconds.seconds(3_600)
    /// The longest text, in characters (events.k8s.io/v1: `note` has at most 1 kB).
    private static let maximumText = 512

    init(_ pod: PodReference, _ trouble: PodTrouble, _ text: String, now: MonotonicTime, time: UnixTime) {
        self.pod = pod
        self.trouble = trouble
        self.text = String(text.prefix(Self.maximumText))
        first = time
        last = time
        seen = now
        notBefore = now
    }

    /// Whether there is something to write.
    var isDue: Bool { written != count }

    /// Whether it is not worth keeping.
    func isOver(_ now: MonotonicTime) -> Bool { now - seen >= Self.lifetime }

    /// It was met again; another text is news, and written soon.
    mutating func happenedAgain(_ new: String, now: MonotonicTime, time: UnixTime) {
        count += 1
        last = time
        seen = now
        let new = String(new.prefix(Self.maximumText))
        guard new != text else { return }
        text = new
        interval = Self.firstInterval
        if failures == 0 { notBefore = min(notBefore, max(now, writtenAt + Self.newsInterval)) }
    }

    /// The API server has it, with `count`.
    mutating func wasWritten(count: Int64, now: MonotonicTime) {
        isCreated = true
        failures = 0
        // A text that changed meanwhile has changed the count too.
        written = count
        writtenAt = now
        notBefore = now + interval
        interval = Nanoseconds(min(interval.count * 2, Self.longestInterval.count))
    }

    /// The API server has one of this name already, which is to say what this says.
    mutating func isThere(now: MonotonicTime) {
        isCreated = true
        notBefore = now
    }

    /// The API server has it no more.
    mutating func wasForgotten(now: MonotonicTime) {
        isCreated = false
        written = 0
        notBefore = now
    }

    // MARK: - As a request

    /// Makes it, or says what has changed.
    func request(node: String) -> APIRequest {
        let path = "/api/v1/namespaces/\(pod.namespace)/events"
        guard isCreated else {
            return APIRequest(.post, path, "application/json", body(node: node))
        }
        var json = JSONWriter()
        json.object { json in
            json.member("count", count)
            json.member("lastTimestamp", last.description)
            json.member("message", text)
        }
        return APIRequest(.patch, "\(path)/\(name(node: node))", "application/merge-patch+json", json.bytes)
    }

    /// The same for the same pod, reason and node: what is asked twice is made once, and a tunnel goes on where another ended.
    private func name(node: String) -> String {
        let digest = ContentDigest(Array("\(pod.uid)/\(trouble.rawValue)/\(node)".utf8)).value
        let digits = String(digest, radix: 16)
        // 253 octets in all (RFC 1123 subdomain, as names of pods are).
        var name = pod.name.prefix(200)
        while let end = name.last, end == "." || end == "-" { name.removeLast() }
        return "\(name)." + String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }

    private func body(node: String) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.member("apiVersion", "v1")
            json.member("kind", "Event")
            json.name("metadata")
            json.object { json in
                json.member("name", name(node: node))
                json.member("namespace", pod.namespace)
            }
            json.name("involvedObject")
            json.object { json in
                json.member("apiVersion", "v1")
                json.member("kind", "Pod")
                json.member("namespace", pod.namespace)
                json.member("name", pod.name)
                json.member("uid", pod.uid.description)
            }
            json.member("type", "Warning")
            json.member("reason", trouble.rawValue)
            json.member("action", trouble.action)
            json.member("message", text)
            json.member("count", count)
            json.member("firstTimestamp", first.description)
            json.member("lastTimestamp", last.description)
            json.name("source")
            json.object { json in
                json.member("component", Self.component)
                json.member("host", node)
            }
            json.member("reportingComponent", Self.component)
            json.member("reportingInstance", node)
        }
        return json.bytes
    }

    private static let component = "ambit.dev/tunnel"
}
