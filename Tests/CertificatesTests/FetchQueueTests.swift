// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Identity
import Testing

@testable import Certificates

@Suite("Which certificate is asked for next")
struct FetchQueueTests {
    private let start = MonotonicTime(nanoseconds: 0)

    private func id(_ name: String) throws -> SPIFFEID {
        try SPIFFEID(trustDomain: .clusterLocal, namespace: "ns", serviceAccount: name)
    }

    @Test("More urgent requests go first, and older ones among equals")
    func order() throws {
        var queue = FetchQueue()
        queue.ask(try id("renewal"), .background, now: start)
        queue.ask(try id("first"), .warmup, now: start)
        queue.ask(try id("second"), .warmup, now: start)
        queue.ask(try id("urgent"), .realTime, now: start)
        var order: [String] = []
        while let next = queue.next(now: start) { order.append(next.serviceAccount ?? "") }
        #expect(order == ["urgent", "first", "second", "renewal"])
    }

    @Test("Requests for the same identity are one, with the higher priority")
    func merged() throws {
        var queue = FetchQueue()
        queue.ask(try id("a"), .background, now: start)
        queue.ask(try id("b"), .warmup, now: start)
        queue.ask(try id("a"), .realTime, now: start)
        queue.ask(try id("a"), .background, now: start)
        #expect(queue.count == 2)
        do {
            let (next, expected) = (queue.next(now: start), try id("a"))
            #expect(next == expected)
        }
        queue.ask(try id("a"), .realTime, now: start)
        do {
            let (next, expected) = (queue.next(now: start), try id("b"))
            #expect(next == expected)
        }
        #expect(queue.next(now: start) == nil)
    }

    @Test("No more than the limit are under way")
    func limit() throws {
        var queue = FetchQueue(limit: 2)
        for name in ["a", "b", "c"] { queue.ask(try id(name), .warmup, now: start) }
        #expect(queue.next(now: start) != nil && queue.next(now: start) != nil)
        #expect(queue.next(now: start) == nil && queue.nextDeadline == .distantFuture)
        let isWanted = queue.succeeded(try id("a"))
        #expect(try isWanted && queue.next(now: start) == id("c"))
    }

    @Test("A failure backs off from half a second, by identity")
    func backoff() throws {
        var queue = FetchQueue()
        var random = RandomSource(seed: 1)
        queue.ask(try id("a"), .warmup, now: start)
        var now = start
        var pauses: [Int64] = []
        for _ in 0..<10 {
            do {
                let (next, expected) = (queue.next(now: now), try id("a"))
                #expect(next == expected)
            }
            let failed = try #require(queue.failed(try id("a"), now: now, random: &random))
            pauses.append(failed.pause.milliseconds)
            #expect(queue.next(now: now) == nil && queue.nextDeadline == now + failed.pause)
            now = now + failed.pause
        }
        #expect((400...600).contains(pauses[0]) && (800...1_200).contains(pauses[1]))
        #expect((120_000...180_000).contains(pauses[9]))
        queue.ask(try id("b"), .background, now: start)
        do {
            let (next, expected) = (queue.next(now: start), try id("b"))
            #expect(next == expected, "another identity does not wait for it")
        }
    }

    @Test(
        "issue 4: a CA that is away for an hour is asked now and then, and everything is renewed three minutes after it is back"
    )
    func hourWithoutAuthority() throws {
        var queue = FetchQueue()
        var random = RandomSource(seed: 7)
        let identities = try (0..<20).map { try id("account-\($0)") }
        for identity in identities { queue.ask(identity, .background, now: start) }
        let (back, end) = (start + .seconds(3_600), start + .seconds(3_780))
        var now = start
        var attempts = 0
        var renewed = 0
        while renewed < identities.count, now <= end {
            while let identity = queue.next(now: now) {
                if now < back {
                    attempts += 1
                    _ = queue.failed(identity, now: now, random: &random)
                } else {
                    renewed += queue.succeeded(identity) ? 1 : 0
                }
            }
            now = max(now + .milliseconds(1), queue.nextDeadline)
        }
        #expect(renewed == identities.count && queue.count == 0)
        #expect((600...900).contains(attempts), "\(attempts) attempts, some 35 for each identity")
    }

    @Test("What is forgotten while it is under way is dropped when it ends, unless it is asked for again")
    func forgotten() throws {
        var queue = FetchQueue()
        var random = RandomSource(seed: 1)
        for name in ["a", "b", "c"] { queue.ask(try id(name), .warmup, now: start) }
        for _ in 0..<3 { _ = queue.next(now: start) }
        queue.keepOnly([])
        queue.ask(try id("c"), .warmup, now: start)
        let (first, third) = (queue.succeeded(try id("a")), queue.succeeded(try id("c")))
        #expect(!first && third)
        let failed = queue.failed(try id("b"), now: start, random: &random)
        #expect(failed == nil)
        #expect(queue.count == 0 && queue.underWay == 0)
    }
}
