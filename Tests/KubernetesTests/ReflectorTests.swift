// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Manifest
import Testing

@testable import Kubernetes

@Suite("Reflector")
struct ReflectorTests {
    /// A reflector with its clock.
    private struct Stage {
        var reflector: Reflector
        var now = MonotonicTime(nanoseconds: 1_000_000_000)
        var random = RandomSource(seed: 7)

        init(_ kind: ObjectKind) throws {
            reflector = Reflector(try #require(APIResource(kind)), now: now)
        }

        /// The next request, after the pause that it may want.
        mutating func request() throws -> Reflector.Request {
            now = max(now, try #require(reflector.deadline))
            return try #require(reflector.request(now: now, random: &random))
        }

        mutating func finish(_ outcome: Reflector.Outcome) -> Reflector.Effect {
            reflector.finished(outcome, now: now, random: &random)
        }

        /// How long it wants to wait now.
        var pause: Nanoseconds? { reflector.deadline.map { $0 - now } }

        mutating func isUnreadable() { reflector.notedUnreadable(now: now, random: &random) }

        mutating func pass(_ time: Nanoseconds) { now = now + time }
    }

    private func path(_ request: Reflector.Request) -> String {
        switch request {
        case .list(let path, _): path
        case .watch(let path, _, _): path
        }
    }

    private func isStreamingList(_ request: Reflector.Request) -> Bool {
        if case .watch(_, _, true) = request { true } else { false }
    }

    @Test("A streaming list goes on as the watch, and the next watch from the last version")
    func streamingList() throws {
        var stage = try Stage(.pod)
        let first = try stage.request()
        #expect(isStreamingList(first))
        #expect(path(first).hasPrefix("/api/v1/pods?watch=true&allowWatchBookmarks=true&timeoutSeconds="))
        #expect(path(first).hasSuffix("&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"))
        // Versions of objects in the list say nothing of how far it is.
        stage.reflector.noted(resourceVersion: "3")
        #expect(!stage.reflector.isSynced)
        #expect(stage.reflector.noted(endOfListAt: "5", now: stage.now) == .listComplete)
        #expect(stage.reflector.isSynced)
        stage.reflector.noted(resourceVersion: "9")
        stage.pass(.seconds(300))
        #expect(stage.finish(.watchEnded) == .none)
        let next = try stage.request()
        #expect(!isStreamingList(next))
        #expect(path(next).hasSuffix("&resourceVersion=9"))
    }

    @Test(
        "Where streaming lists are refused or never end, pages are listed",
        arguments: [
            Reflector.Outcome.refused(status: 422, retryAfter: nil), .refused(status: 400, retryAfter: nil), .silent,
            .watchEnded,
        ])
    func fallBack(outcome: Reflector.Outcome) throws {
        var stage = try Stage(.service)
        #expect(isStreamingList(try stage.request()))
        #expect(stage.finish(outcome) == .none)
        #expect(try stage.request() == .list(path: "/api/v1/services?limit=500", isFirst: true))
        #expect(stage.finish(.page(resourceVersion: "8", next: "a+b/c=")) == .none)
        #expect(try stage.request() == .list(path: "/api/v1/services?limit=500&continue=a%2Bb%2Fc%3D", isFirst: false))
        #expect(stage.finish(.page(resourceVersion: "8", next: "")) == .listComplete)
        #expect(path(try stage.request()).hasSuffix("&resourceVersion=8"))
    }

    @Test("410 while watching lists anew; 410 for a token begins the list again")
    func gone() throws {
        var stage = try Stage(.node)
        _ = try stage.request()
        _ = stage.reflector.noted(endOfListAt: "5", now: stage.now)
        #expect(stage.finish(.refused(status: 410, retryAfter: nil)) == .none)
        #expect(isStreamingList(try stage.request()))
        _ = stage.finish(.refused(status: 422, retryAfter: nil))
        _ = try stage.request()
        _ = stage.finish(.page(resourceVersion: "8", next: "token"))
        _ = try stage.request()
        _ = stage.finish(.refused(status: 410, retryAfter: nil))
        #expect(try stage.request() == .list(path: "/api/v1/nodes?limit=500", isFirst: true))
        // It was synced once: what is had stays while the list is made again.
        #expect(stage.reflector.isSynced)
    }

    @Test("A broken watch goes on from where it was; nothing is listed again")
    func broken() throws {
        var stage = try Stage(.pod)
        _ = try stage.request()
        _ = stage.reflector.noted(endOfListAt: "5", now: stage.now)
        #expect(stage.finish(.broken) == .none)
        #expect(path(try stage.request()).hasSuffix("&resourceVersion=5"))
    }

    @Test("A watch that was silent for too long goes on from where it was, within a second")
    func silent() throws {
        var stage = try Stage(.pod)
        _ = try stage.request()
        _ = stage.reflector.noted(endOfListAt: "5", now: stage.now)
        stage.reflector.noted(resourceVersion: "9")
        stage.pass(.seconds(180))
        #expect(stage.finish(.silent) == .none)
        #expect(try #require(stage.pause) <= .seconds(1))
        #expect(path(try stage.request()).hasSuffix("&resourceVersion=9"))
    }

    @Test("A watch that is silent from its beginning to its end a second time is not believed: all is listed anew")
    func silentAgain() throws {
        var stage = try Stage(.pod)
        _ = try stage.request()
        _ = stage.reflector.noted(endOfListAt: "5", now: stage.now)
        for _ in 0..<3 {
            // A word between them is enough.
            _ = stage.finish(.silent)
            #expect(path(try stage.request()).hasSuffix("&resourceVersion=5"))
            stage.reflector.noted(resourceVersion: "5")
        }
        _ = stage.finish(.silent)
        _ = try stage.request()
        _ = stage.finish(.silent)
        #expect(isStreamingList(try stage.request()))
        #expect(stage.reflector.isSynced)
    }

    @Test("What a watch tells and nobody can read is found out by a list, but not more often than every ten minutes")
    func unreadable() throws {
        var stage = try Stage(.authorizationPolicy)
        _ = try stage.request()
        _ = stage.reflector.noted(endOfListAt: "5", now: stage.now)
        #expect(stage.pause == nil, "the watch goes on")
        stage.pass(.seconds(60))
        stage.isUnreadable()
        let due = stage.reflector.deadline
        #expect((539...546).contains(try #require(stage.pause).milliseconds / 1_000))
        // Another one, and another watch, change nothing.
        stage.isUnreadable()
        _ = stage.finish(.watchEnded)
        #expect(path(try stage.request()).hasSuffix("&resourceVersion=5"))
        #expect(stage.reflector.deadline == due)
        #expect(isStreamingList(try stage.request()))
        _ = stage.reflector.noted(endOfListAt: "6", now: stage.now)
        #expect(stage.pause == nil && stage.reflector.isSynced)
        stage.pass(.seconds(900))
        stage.isUnreadable()
        #expect(try #require(stage.pause) <= .seconds(5))
    }

    @Test("Lists whose watches tell nothing come ever more rarely; a watch that tells something ends that")
    func vainLists() throws {
        var stage = try Stage(.pod)
        let outcome = Reflector.Outcome.refused(status: 410, retryAfter: nil)
        for number in 0..<8 {
            #expect(isStreamingList(try stage.request()))
            _ = stage.reflector.noted(endOfListAt: "5", now: stage.now)
            _ = stage.finish(outcome)
            let pause = try #require(stage.pause)
            if number == 0 { #expect(pause <= Nanoseconds.seconds(2)) }
            if number > 4 { #expect(pause >= Nanoseconds.seconds(15) && pause <= Nanoseconds.seconds(30)) }
        }
        _ = try stage.request()
        _ = stage.reflector.noted(endOfListAt: "5", now: stage.now)
        stage.reflector.noted(resourceVersion: "6")
        _ = stage.finish(outcome)
        #expect(try #require(stage.pause) <= Nanoseconds.seconds(2))
    }

    @Test("An API server that is gone for an hour is asked some hundred times, and the watch goes on where it was")
    func anHour() throws {
        var stage = try Stage(.pod)
        _ = try stage.request()
        _ = stage.reflector.noted(endOfListAt: "5", now: stage.now)
        let back = stage.now + .seconds(3_600)
        var count = 0
        _ = stage.finish(.broken)
        while stage.now < back {
            #expect(path(try stage.request()).hasSuffix("&resourceVersion=5"))
            #expect(stage.finish(.broken) == .none)
            count += 1
        }
        #expect((120...260).contains(count))
        #expect(try #require(stage.pause) <= .seconds(30))
        #expect(stage.reflector.isSynced)
        // By then its history is too short: what was had serves until the list is complete.
        _ = try stage.request()
        #expect(stage.finish(.refused(status: 410, retryAfter: nil)) == .none)
        #expect(try #require(stage.pause) <= .seconds(2))
        #expect(isStreamingList(try stage.request()))
        #expect(stage.reflector.noted(endOfListAt: "900", now: stage.now) == .listComplete)
    }

    @Test("Pauses grow to thirty seconds, are never the same for all, and shrink with success")
    func backOff() throws {
        var stage = try Stage(.pod)
        var pauses: [Int64] = []
        for _ in 0..<12 {
            _ = try stage.request()
            _ = stage.finish(.refused(status: 500, retryAfter: nil))
            pauses.append(try #require(stage.pause).milliseconds)
        }
        #expect((400...800).contains(pauses[0]))
        #expect((15_000...30_000).contains(pauses[11]))
        #expect(Set(pauses.suffix(5)).count > 1)
        _ = try stage.request()
        _ = stage.reflector.noted(endOfListAt: "5", now: stage.now)
        _ = stage.finish(.broken)
        #expect((400...800).contains(try #require(stage.pause).milliseconds))
    }

    @Test("Retry-After is obeyed, up to five minutes", arguments: [(17, 17), (100_000, 300)])
    func retryAfter(seconds: Int64, least: Int64) throws {
        var stage = try Stage(.pod)
        _ = try stage.request()
        _ = stage.finish(.refused(status: 429, retryAfter: .seconds(seconds)))
        let pause = try #require(stage.pause)
        #expect(pause >= .seconds(least) && pause <= .seconds(least + 1))
    }

    @Test("404 tries the other versions at once; when none is served the kind is absent, and asked for again later")
    func versions() throws {
        var stage = try Stage(.serviceEntry)
        var asked: [String] = []
        for number in 0..<3 {
            let request = try stage.request()
            asked.append(String(path(request).prefix { $0 != "?" }))
            #expect(stage.finish(.refused(status: 404, retryAfter: nil)) == (number == 2 ? .absent : .none))
        }
        #expect(
            asked == ["v1", "v1beta1", "v1alpha3"].map { "/apis/networking.istio.io/\($0)/serviceentries" })
        #expect(stage.reflector.isSynced)
        #expect(try #require(stage.pause) >= .milliseconds(2_500))
        // It comes: the version that answers is kept.
        _ = try stage.request()
        _ = stage.finish(.refused(status: 404, retryAfter: nil))
        #expect(path(try stage.request()).contains("/v1beta1/"))
        #expect(stage.reflector.noted(endOfListAt: "5", now: stage.now) == .listComplete)
        _ = stage.finish(.broken)
        #expect(path(try stage.request()).contains("/v1beta1/serviceentries?"))
    }

    @Test("A version that goes while it is watched is followed in the next one, and nothing is absent meanwhile")
    func versionGoes() throws {
        var stage = try Stage(.authorizationPolicy)
        _ = try stage.request()
        _ = stage.reflector.noted(endOfListAt: "5", now: stage.now)
        stage.pass(.seconds(60))
        #expect(stage.finish(.watchEnded) == .none)
        #expect(path(try stage.request()).hasPrefix("/apis/security.istio.io/v1/authorizationpolicies?"))
        #expect(stage.finish(.refused(status: 404, retryAfter: nil)) == .none)
        #expect(stage.pause == Nanoseconds(0))
        let next = try stage.request()
        #expect(isStreamingList(next))
        #expect(path(next).hasPrefix("/apis/security.istio.io/v1beta1/authorizationpolicies?"))
        #expect(stage.reflector.noted(endOfListAt: "9", now: stage.now) == .listComplete)
        #expect(!stage.reflector.isAbsent)
    }

    @Test("A kind that every API server has is never absent")
    func coreKinds() throws {
        var stage = try Stage(.pod)
        _ = try stage.request()
        #expect(stage.finish(.refused(status: 404, retryAfter: nil)) == .none)
        #expect(!stage.reflector.isSynced)
    }

    @Test("A refusal never makes a kind synced", arguments: [401, 403, 429, 500, 503])
    func refusals(status: Int) throws {
        var stage = try Stage(.authorizationPolicy)
        for _ in 0..<5 {
            _ = try stage.request()
            #expect(stage.finish(.refused(status: status, retryAfter: nil)) == .none)
        }
        #expect(!stage.reflector.isSynced)
    }

    @Test("Watches that end at once are failures, not a reason to ask without a pause")
    func shortWatches() throws {
        var stage = try Stage(.pod)
        _ = try stage.request()
        _ = stage.reflector.noted(endOfListAt: "5", now: stage.now)
        for _ in 0..<8 {
            _ = stage.finish(.watchEnded)
            _ = try stage.request()
        }
        _ = stage.finish(.watchEnded)
        #expect(try #require(stage.pause) >= .seconds(15))
    }

    @Test("A list without a version, or one that is absurdly long, is no list")
    func unusableVersions() throws {
        for version in ["", String(repeating: "9", count: 5_000)] {
            var stage = try Stage(.pod)
            _ = try stage.request()
            _ = stage.finish(.refused(status: 422, retryAfter: nil))
            _ = try stage.request()
            #expect(stage.finish(.page(resourceVersion: version, next: "")) == .none)
            #expect(!stage.reflector.isSynced)
        }
    }
}
