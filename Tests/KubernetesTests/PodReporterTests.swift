// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Identity
import Manifest
import Mesh
import Testing

@testable import Kubernetes

@Suite("PodReporter")
struct PodReporterTests {
    /// A reporter with its clocks, and the API server's side of it.
    private struct Stage {
        var reporter = PodReporter(node: "node1")
        var now = MonotonicTime(nanoseconds: 1_000_000_000_000)
        var random = RandomSource(seed: 7)
        var time: UnixTime { UnixTime(seconds: Int64(now.nanoseconds / 1_000_000_000)) }

        mutating func take(_ report: PodReport) { reporter.take(report, now: now, time: time) }

        /// The next request, if there is one now.
        mutating func request() -> Sent? { reporter.request(now: now).map { Sent($0) } }

        /// The next request, which there must be now.
        mutating func next() throws -> Sent {
            let sent = request()
            return try #require(sent)
        }

        /// The next request, after the pause that it may want.
        mutating func later() throws -> Sent {
            now = max(now, try #require(reporter.deadline))
            return try next()
        }

        mutating func answer(_ status: Int, _ message: String = "", retryAfter: Nanoseconds? = nil) {
            let status = APIStatus(code: status, reason: "", message: message)
            reporter.finished(.answered(status, retryAfter: retryAfter), now: now, random: &random)
        }

        mutating func fail() { reporter.finished(.failed, now: now, random: &random) }

        mutating func pass(_ time: Nanoseconds) { now = now + time }

        /// How long it wants to wait now.
        var pause: Nanoseconds? { reporter.deadline.map { max(Nanoseconds(0), $0 - now) } }
    }

    private struct Sent: Equatable {
        let what: String
        let body: String

        init(_ request: APIRequest) {
            what = "\(request.method.rawValue) \(request.path)"
            body = String(decoding: request.body, as: UTF8.self)
        }
    }

    private static func pod(_ number: Int = 1) throws -> PodReference {
        let digits = String(number)
        let uid = String(repeating: "0", count: 32 - digits.count) + digits
        return PodReference(namespace: "shop", name: "web-\(number)", uid: try #require(PodUID(uid)))
    }

    private static let event = "POST /api/v1/namespaces/shop/events"

    @Test("A captured pod is annotated by a merge patch that names its UID")
    func annotation() throws {
        var stage = Stage()
        stage.take(.captured(try Self.pod(), true))
        let sent = try stage.next()
        #expect(sent.what == "PATCH /api/v1/namespaces/shop/pods/web-1/status")
        #expect(
            sent.body == #"{"metadata":{"uid":"00000000-0000-0000-0000-000000000001","annotations":{"#
                + #""ambient.istio.io/redirection":"enabled","ambit.dev/redirection":"enabled"}}}"#)
        // One request at a time.
        let none = stage.request()
        #expect(none == nil && stage.reporter.deadline == nil)
        stage.answer(200)
        #expect(stage.reporter.deadline == nil)
    }

    @Test("A pod that leaves while it is annotated loses the annotations afterwards")
    func leaving() throws {
        var stage = Stage()
        stage.take(.captured(try Self.pod(), true))
        _ = try stage.next()
        stage.take(.captured(try Self.pod(), false))
        stage.answer(200)
        let sent = try stage.later()
        #expect(sent.body.contains(#""ambient.istio.io/redirection":null,"ambit.dev/redirection":null"#))
        stage.answer(200)
        #expect(stage.reporter.deadline == nil)
    }

    @Test("A pod that is gone (404), or is another (422), is not asked for again", arguments: [404, 422, 400])
    func gone(status: Int) throws {
        var stage = Stage()
        stage.take(.captured(try Self.pod(), true))
        _ = try stage.next()
        stage.answer(status)
        #expect(stage.reporter.deadline == nil)
        #expect(stage.reporter.troubles == ["", ""])
    }

    @Test("A conflict (409) is tried again with pauses, and not for ever")
    func conflict() throws {
        var stage = Stage()
        stage.take(.captured(try Self.pod(), true))
        for _ in 0...PodReporter.maximumTries {
            _ = try stage.later()
            stage.answer(409)
        }
        #expect(stage.reporter.deadline == nil)
    }

    @Test("Pods are annotated fifty at once, then twenty a second")
    func rate() throws {
        var stage = Stage()
        for number in 1...60 { stage.take(.captured(try Self.pod(number), true)) }
        var count = 0
        while stage.request() != nil {
            count += 1
            stage.answer(200)
        }
        #expect(count == 50)
        #expect(stage.pause == .milliseconds(50))
        let start = stage.now
        for _ in 0..<10 {
            _ = try stage.later()
            stage.answer(200)
        }
        #expect(stage.now - start == .milliseconds(500))
        #expect(stage.reporter.deadline == nil)
    }

    @Test(
        "What is overloaded (429, 5xx) or away is left alone, longer each time up to five minutes",
        arguments: [429, 500, 503, 0])
    func pauses(status: Int) throws {
        var stage = Stage()
        stage.take(.captured(try Self.pod(), true))
        var pauses: [Nanoseconds] = []
        for _ in 0..<12 {
            _ = try stage.later()
            if status == 0 { stage.fail() } else { stage.answer(status) }
            pauses.append(try #require(stage.pause))
        }
        #expect(pauses[0] >= .milliseconds(500) && pauses[0] <= .seconds(1))
        #expect(pauses.allSatisfy { $0 <= .seconds(300) } && pauses[11] >= .seconds(150))
        _ = try stage.later()
        stage.answer(200)
        #expect(stage.reporter.deadline == nil)
    }

    @Test("Retry-After is kept to")
    func retryAfter() throws {
        var stage = Stage()
        stage.take(.captured(try Self.pod(), true))
        _ = try stage.next()
        stage.answer(429, retryAfter: .seconds(90))
        #expect(stage.pause == .seconds(90))
    }

    @Test("A missing right is said once with verb and resource, costs a request a minute, and stops nothing else")
    func forbidden() throws {
        var stage = Stage()
        for number in 1...3 { stage.take(.captured(try Self.pod(number), true)) }
        stage.take(.trouble(try Self.pod(), .meshJoinFailed, "why"))
        _ = try stage.next()
        stage.answer(403, "pods \"web-1\" is forbidden")
        let said = "pods are not annotated that are captured (patch pods/status): pods \"web-1\" is forbidden (403)"
        #expect(stage.reporter.troubles == [said, ""])
        let other = try stage.next()
        #expect(other.what == Self.event)
        stage.answer(201)
        #expect(try #require(stage.pause) >= .seconds(30))
        _ = try stage.later()
        stage.answer(403, "pods \"web-2\" is forbidden")
        #expect(stage.reporter.troubles == [said, ""])
        _ = try stage.later()
        stage.answer(200)
        #expect(stage.reporter.troubles == ["", ""])
    }

    @Test("A namespace that is being deleted takes no Events, which is no trouble")
    func terminating() throws {
        var stage = Stage()
        stage.take(.trouble(try Self.pod(), .meshJoinFailed, "why"))
        _ = try stage.next()
        stage.answer(403, "unable to create new content in namespace shop because it is being terminated")
        #expect(stage.reporter.troubles == ["", ""] && stage.reporter.deadline == nil)
    }

    @Test("The same trouble of a pod is one Event that counts, more rarely as time goes on")
    func counting() throws {
        var stage = Stage()
        let trouble = PodReport.trouble(try Self.pod(), .cniAddFailed, "port 15008 is in use")
        stage.take(trouble)
        let made = try stage.next()
        #expect(made.what == Self.event)
        let event = try YAMLNode(json: Array(made.body.utf8))
        #expect(event["involvedObject"]?["name"]?.string == "web-1")
        #expect(event["involvedObject"]?["uid"]?.string == "00000000-0000-0000-0000-000000000001")
        #expect(event["reason"]?.string == "CNIAddFailed" && event["type"]?.string == "Warning")
        #expect(event["message"]?.string == "port 15008 is in use" && event["count"]?.integer == 1)
        #expect(event["source"]?["host"]?.string == "node1")
        let name = try #require(event["metadata"]?["name"]?.string)
        stage.answer(201)
        #expect(stage.reporter.deadline == nil)
        var pauses: [Nanoseconds] = []
        for _ in 0..<8 {
            stage.take(trouble)
            stage.take(trouble)
            pauses.append(try #require(stage.pause))
            let sent = try stage.later()
            #expect(sent.what == "PATCH /api/v1/namespaces/shop/events/\(name)")
            stage.answer(200)
        }
        #expect(pauses[0] == .seconds(30) && pauses[1] == .seconds(60) && pauses[7] == .seconds(900))
        stage.take(trouble)
        let last = try YAMLNode(json: Array(try stage.later().body.utf8))
        #expect(last["count"]?.integer == 18)
    }

    @Test("Another text is news, and written within seconds")
    func news() throws {
        var stage = Stage()
        stage.take(.trouble(try Self.pod(), .meshJoinFailed, "one"))
        _ = try stage.next()
        stage.answer(201)
        stage.take(.trouble(try Self.pod(), .meshJoinFailed, "two"))
        #expect(stage.pause == .seconds(5))
        let sent = try stage.later()
        #expect(sent.body.contains(#""message":"two""#))
    }

    @Test("An Event that is there already (409) is taken over, and one that has been forgotten (404) made anew")
    func names() throws {
        var stage = Stage()
        stage.take(.trouble(try Self.pod(), .meshJoinFailed, "why"))
        let made = try stage.next()
        stage.answer(409)
        let sent = try stage.later()
        #expect(sent.what.hasPrefix("PATCH /api/v1/namespaces/shop/events/web-1."))
        stage.answer(404)
        let again = try stage.later()
        #expect(again == made)
    }

    @Test("Events are bounded in number and rate; those of a pod that is gone go with it")
    func bounds() throws {
        var stage = Stage()
        for number in 1...(PodReporter.maximumEvents + 10) {
            stage.take(.trouble(try Self.pod(number), .meshJoinFailed, "why"))
        }
        var count = 0
        while stage.request() != nil {
            count += 1
            stage.answer(201)
        }
        #expect(count == 25 && stage.pause == .seconds(5))
        for number in 1...PodReporter.maximumEvents { stage.take(.gone(try Self.pod(number).uid)) }
        #expect(stage.reporter.deadline == nil)
    }

    @Test("A pod that goes while it is written of is forgotten")
    func goneMeanwhile() throws {
        var stage = Stage()
        stage.take(.captured(try Self.pod(), true))
        _ = try stage.next()
        stage.take(.gone(try Self.pod().uid))
        stage.answer(409)
        #expect(stage.reporter.deadline == nil)
    }

    @Test("A name of an Event is one that the API server takes, however long the pod's is")
    func longNames() throws {
        var stage = Stage()
        let name = String(repeating: "a", count: 199) + "." + String(repeating: "b", count: 53)
        let pod = PodReference(namespace: "shop", name: name, uid: try Self.pod().uid)
        stage.take(.trouble(pod, .meshJoinFailed, String(repeating: "x", count: 5_000)))
        let event = try YAMLNode(json: Array(try stage.next().body.utf8))
        let made = try #require(event["metadata"]?["name"]?.string)
        #expect(made.count <= 253 && made.hasPrefix(String(repeating: "a", count: 199) + ".") && !made.contains(".."))
        #expect(event["message"]?.string?.count == 512)
    }
}
