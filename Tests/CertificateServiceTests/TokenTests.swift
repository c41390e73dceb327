// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Foundation
import Identity
import Synchronization
import Testing

@testable import CertificateService

@Suite("Tokens")
struct TokenTests {
    @Test("RFC 6750 §2.1: a bearer token is read, whatever the case of the scheme")
    func bearer() {
        for text in ["Bearer abc.DEF-1_2~3+4/5==", "bearer abc.DEF-1_2~3+4/5==", "BEARER   abc.DEF-1_2~3+4/5=="] {
            #expect(BearerToken(authorization: Array(text.utf8).span)?.text == "abc.DEF-1_2~3+4/5==")
        }
    }

    @Test(
        "RFC 6750 §2.1: what is no bearer token is none",
        arguments: [
            "", "Bearer", "Bearer ", "Basic abc", "Bearerabc", "Bearer a b", "Bearer a=b", "Bearer =", "Bearer a\u{0}",
        ])
    func noBearer(_ text: String) {
        let token = BearerToken(authorization: Array(text.utf8).span)
        #expect(token == nil)
    }

    @Test("A token that is too long is none")
    func long() {
        let fits = BearerToken(token: [UInt8](repeating: 0x61, count: BearerToken.maximumLength).span)
        let tooLong = BearerToken(token: [UInt8](repeating: 0x61, count: BearerToken.maximumLength + 1).span)
        #expect(fits != nil && tooLong == nil)
    }

    private func review(_ tokens: StaticTokens, _ text: String) -> String {
        guard let token = BearerToken(token: Array(text.utf8).span) else { return "no token" }
        let outcome = Lock("no answer")
        tokens.review(token, audiences: ["istio-ca"]) { result in
            outcome.withLock {
                switch result {
                case .success(let caller): $0 = "\(caller.account) \(caller.pod) \(caller.node)"
                case .failure(let refusal): $0 = "\(refusal)"
                }
            }
        }
        return outcome.withLock { $0 }
    }

    private let text = """
        tokens:
        - token: node-one-node-one-node-one
          namespace: ambit-system
          serviceAccount: ambit-tunnel
          pod: tunnel-1
          node: one
          audiences: [istio-ca, other]
          expires: 2026-01-31T12:00:00Z
        - {token: wrong-audience-wrong-audience, namespace: a, serviceAccount: b, audiences: [x], expires: "2030-01-01T00:00:00Z"}
        pods:
        - {namespace: default, serviceAccount: web, node: one, name: web-1}
        """

    @Test("A token is who it says until it expires, for its audiences only; the file is followed")
    func file() throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "tokens-\(UUID().uuidString)").path()
        defer { try? FileManager.default.removeItem(atPath: path) }
        func setMode(_ mode: Int) throws {
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        }
        let box = ClockBox(try #require(UnixTime(rfc3339: "2026-01-31T11:59:59Z")))
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        try setMode(0o644)
        #expect(throws: StaticTokensError.self) { try StaticTokens(path: path) }
        try setMode(0o600)
        let tokens = try StaticTokens(path: path, clock: { box.time })
        #expect(review(tokens, "node-one-node-one-node-one") == "ambit-system/ambit-tunnel tunnel-1 one")
        #expect(review(tokens, "wrong-audience-wrong-audience") == "token is meant for another audience")
        #expect(review(tokens, "nobody-nobody-nobody-nobody") == "token is not valid")
        let web = ServiceAccountName(namespace: "default", name: "web")
        #expect(tokens.runsPod(of: web, onNode: "one") && !tokens.runsPod(of: web, onNode: "two"))
        box.advance(1)
        #expect(review(tokens, "node-one-node-one-node-one") == "token has expired")
        try text.replacing("node: one, name", with: "node: two, name").write(
            toFile: path, atomically: true, encoding: .utf8)
        try setMode(0o600)
        box.advance(2)
        #expect(tokens.runsPod(of: web, onNode: "two") && !tokens.runsPod(of: web, onNode: "one"))
    }

    @Test(
        "A file that is not understood is refused, with the line",
        arguments: [
            (
                "tokens: [{token: short, namespace: a, serviceAccount: b, audiences: [x], expires: 2030-01-01T00:00:00Z}]",
                "token"
            ),
            ("tokens: [{token: aaaaaaaaaaaaaaaaaaaaaaaa, namespace: a, serviceAccount: b, audiences: [x]}]", "expires"),
            (
                "tokens: [{token: aaaaaaaaaaaaaaaaaaaaaaaa, namespace: a, serviceAccount: b, expires: 2030-01-01T00:00:00Z}]",
                "audiences"
            ),
            (
                "tokens: [{token: aaaaaaaaaaaaaaaaaaaaaaaa, serviceAccount: b, audiences: [x], expires: 2030-01-01T00:00:00Z}]",
                "namespace"
            ),
            ("pods: [{namespace: a, serviceAccount: b}]", "node"), ("pod: []", "unknown field \"pod\""),
            ("tokens: [{tokn: x}]", "unknown field \"tokn\""), ("{", "1"),
        ])
    func malformed(_ text: String, _ expected: String) {
        do throws(StaticTokensError) {
            _ = try StaticTokens.parse(Array(text.utf8))
            Issue.record("\(text) is understood")
        } catch {
            #expect(error.description.contains(expected), "\(error)")
            #expect(!error.description.contains("aaaaaaaa"), "no secret in an error")
        }
    }

    @Test("Each caller may ask at a steady rate, and in a burst")
    func rate() {
        var limiter = RateLimiter<String>(perSecond: 10, burst: 3, capacity: 2)
        var now = MonotonicTime(nanoseconds: 0)
        let first = (0..<4).map { _ in limiter.admit("a", now: now) }
        #expect(first == [true, true, true, false])
        let other = limiter.admit("b", now: now)
        #expect(other)
        let third = limiter.admit("c", now: now)
        #expect(!third, "no room for another caller while both buckets say something")
        now = now + .milliseconds(100)
        let later = (0..<2).map { _ in limiter.admit("a", now: now) }
        #expect(later == [true, false])
        let room = limiter.admit("c", now: now)
        #expect(room, "b's bucket is full again")
    }
}

/// A clock that a test moves.
private final class ClockBox: Sendable {
    private let current: Lock<UnixTime>
    init(_ time: UnixTime) { current = Lock(time) }
    var time: UnixTime { current.withLock { $0 } }
    func advance(_ seconds: Int64) { current.withLock { $0 = $0.advanced(bySeconds: seconds) } }
}
