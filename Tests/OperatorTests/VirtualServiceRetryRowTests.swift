// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HTTPRouting
internal import Mesh
internal import Testing

/// From the manifest to what happens to connections and to tries that failed, row by row of what Istio says of a VirtualService.
@Suite("VirtualService: connections, retries")
struct VirtualServiceRetryRowTests {
    @Test("tcp: destinationSubnets, port, sourceLabels, sourceNamespace, weights; no match closes")
    func tcp() {
        func trial(_ match: String) -> RouteTrial {
            RouteTrial(
                """
                {apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: v},
                 spec: {hosts: [t], tcp: [{match: [\(match)], route: [{destination: {host: b, port: {number: 80}}}]}]}}
                """)
        }
        let cases: [(String, String?, String)] = [
            ("{destinationSubnets: [10.1.0.0/24]}", nil, "b"), ("{destinationSubnets: [10.2.0.0/24]}", nil, "closed"),
            ("{port: 5432}", nil, "b"), ("{port: 5433}", nil, "closed"), ("{sourceLabels: {app: web}}", "web", "b"),
            ("{sourceLabels: {app: web}}", "guest", "closed"), ("{sourceNamespace: other}", "guest", "b"),
            ("{sourceNamespace: other}", "web", "closed"), ("{gateways: [mesh]}", nil, "b"),
        ]
        for (match, client, expected) in cases {
            #expect(trial(match).findings == [], "\(match)")
            #expect(trial(match).connect("t", port: 5432, by: client) == expected, "\(match)")
        }
    }

    @Test("tcp, tls: sourceSubnet is the client's address or a block around it; what is neither refuses the object")
    func sourceSubnet() {
        func trial(_ match: String, kind: String = "tcp") -> RouteTrial {
            RouteTrial(
                """
                {apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: v},
                 spec: {hosts: [t], \(kind): [{match: [\(match)], route: [{destination: {host: b, port: {number: 80}}}]}]}}
                """)
        }
        let cases: [(String, String, String)] = [
            ("{sourceSubnet: 10.9.0.0/24}", "10.9.0.77", "b"), ("{sourceSubnet: 10.9.0.0/24}", "10.9.1.1", "closed"),
            ("{sourceSubnet: 10.9.0.77}", "10.9.0.77", "b"), ("{sourceSubnet: 10.9.0.77}", "10.9.0.78", "closed"),
            ("{sourceSubnet: 'fd00:9::/32'}", "fd00:9::1", "b"),
            ("{sourceSubnet: 'fd00:9::/32'}", "10.9.0.1", "closed"),
            ("{sourceSubnet: 10.9.0.0/24, destinationSubnets: [10.2.0.0/24]}", "10.9.0.77", "closed"),
            ("{sourceSubnet: 10.9.0.0/24}, {port: 5432}", "10.8.0.1", "b"),
        ]
        for (match, source, expected) in cases {
            #expect(trial(match).findings == [], "\(match)")
            #expect(trial(match).connect("t", port: 5432, from: source) == expected, "\(match) \(source)")
        }
        let tls = trial("{sniHosts: [x.example], sourceSubnet: 10.9.0.0/24}", kind: "tls")
        #expect(tls.connect("t", port: 443, serverName: "x.example", from: "10.9.0.1") == "b")
        #expect(tls.connect("t", port: 443, serverName: "x.example", from: "10.8.0.1") == "closed")
        #expect(trial("{sourceSubnet: here}").finds("error", "spec.tcp[0].match[0].sourceSubnet", "CIDR"))
    }

    @Test("tls: sniHosts are needed, and go before tcp")
    func tls() {
        let both = RouteTrial(
            """
            {apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: v},
             spec: {hosts: [t], tcp: [{route: [{destination: {host: c, port: {number: 80}}}]}],
                    tls: [{match: [{sniHosts: [x.example, '*.y.example'], port: 443}], route: [{destination: {host: b, port: {number: 80}}}]}]}}
            """)
        #expect(both.findings == [])
        #expect(both.connect("t", port: 443, serverName: "x.example") == "b")
        #expect(both.connect("t", port: 443, serverName: "a.y.example") == "b")
        #expect(both.connect("t", port: 443, serverName: "z.example") == "c" && both.connect("t", port: 443) == "c")
        let without = RouteTrial(
            "{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: v}, spec: {hosts: [t], tls: [{match: [{port: 443}]}]}}"
        )
        #expect(without.finds("error", "spec.tls[0]", "sniHosts"))
    }

    // MARK: - Retries

    @Test(
        "retryOn: each word, and what it makes a try of",
        arguments: [
            ("5xx", [500, 503, 599], [], [.connectFailure, .refusedStream, .reset(requestSent: true), .tryTimeout]),
            ("gateway-error", [502, 503, 504], [], [.tryTimeout]), ("retriable-4xx", [409], [], []),
            (
                "reset", [], [],
                [.connectFailure, .refusedStream, .reset(requestSent: true), .reset(requestSent: false), .tryTimeout]
            ),
            ("reset-before-request", [], [], [.connectFailure, .refusedStream, .reset(requestSent: false)]),
            ("connect-failure", [], [], [.connectFailure]), ("refused-stream", [], [], [.refusedStream]),
            ("cancelled", [], [1], []), ("deadline-exceeded", [], [4], []), ("internal", [], [13], []),
            ("resource-exhausted", [], [8], []), ("unavailable", [], [14], []),
            ("retriable-status-codes,429,502", [429, 502], [], []),
        ] as [(String, [UInt16], [UInt8], [TryOutcome])])
    func retryOn(_ words: String, _ codes: [UInt16], _ statuses: [UInt8], _ outcomes: [TryOutcome]) {
        let trial = acting("retries: {attempts: 3, retryOn: '\(words)'}")
        #expect(trial.findings == [])
        for code in [200, 404, 409, 429, 500, 502, 503, 504, 599] as [UInt16] {
            let expected = words == "5xx" ? code >= 500 : codes.contains(code)
            #expect(trial.isRetriable(status: code) == expected, "\(code)")
        }
        for status in UInt8(0)...16 where words != "5xx" {
            #expect(trial.isRetriable(status: 200, grpc: status) == statuses.contains(status), "\(status)")
        }
        let all: [TryOutcome] = [
            .connectFailure, .refusedStream, .reset(requestSent: true), .reset(requestSent: false), .tryTimeout,
        ]
        for outcome in all where words != "5xx" || outcome != .reset(requestSent: false) {
            #expect(trial.isRetriable(outcome) == outcomes.contains(outcome), "\(outcome)")
        }
    }

    @Test("retryOn: envoy-ratelimited asks the response's field; words without effect, and unknown ones, are warnings")
    func retryOnOthers() {
        let limited = acting("retries: {attempts: 1, retryOn: envoy-ratelimited}")
        for isRateLimited in [true, false] {
            #expect(limited.isRetriable(status: 429, isRateLimited: isRateLimited) == isRateLimited)
        }
        for word in ["retriable-headers", "http3-post-connect-failure", "nonsense"] {
            #expect(acting("retries: {attempts: 1, retryOn: \(word)}").finds("warning", "retries.retryOn", word))
        }
    }

    @Test(
        "retries: attempts after the first try, 0 for none; time of one; back-off; endpoints that failed are avoided",
        arguments: [
            ("attempts: 3", 3, nil, true), ("attempts: 0", 0, nil, true),
            ("attempts: 1, perTryTimeout: 2s", 1, .seconds(2), true),
            ("attempts: 1, retryIgnorePreviousHosts: false", 1, nil, false), ("perTryTimeout: 0s", 2, nil, true),
        ] as [(String, UInt32, Nanoseconds?, Bool)])
    func retries(_ text: String, _ attempts: UInt32, _ tryTimeout: Nanoseconds?, _ avoids: Bool) throws {
        let trial = acting("retries: {\(text)}")
        let rule = try #require(trial.rule())
        #expect(trial.findings == [] && rule.retryAttempts == attempts && rule.tryTimeout == tryTimeout)
        #expect(rule.avoidsPreviousEndpoints == avoids)
    }

    @Test("retries: backoff is the base of what is drawn, ten times it the most")
    func backoff() {
        let trial = acting("retries: {attempts: 9, backoff: 10ms}")
        for tries in UInt32(1)...9 {
            #expect(trial.waits(tries: tries).longest <= .milliseconds(min(10 * ((1 << Int64(tries)) - 1), 100)))
        }
        #expect(acting("retries: {attempts: 1, retryRemoteLocalities: true}").finds("warning", "retryRemoteLocalities"))
    }
}
