// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Mesh
internal import Testing

/// From the manifest to what happens to requests and connections, row by row of GRPCRoute, of GAMMA and of routes that are not HTTP.
@Suite("Routes of a mesh: gRPC, GAMMA, TCP, TLS")
struct MeshRouteRowTests {
    private static let toB = "backendRefs: [{name: b, port: 80}]"
    private static let toC = "backendRefs: [{name: c, port: 80}]"

    // MARK: - GRPCRoute

    @Test(
        "GRPCRoute matches: service and method, exact or by expression, and headers",
        arguments: [
            ("{method: {service: s.t, method: m}}", "POST /s.t/m", true),
            ("{method: {service: s.t, method: m}}", "POST /s.t/n", false),
            ("{method: {service: s.t}}", "POST /s.t/n", true), ("{method: {service: s.t}}", "POST /s.tt/n", false),
            ("{method: {method: m}}", "POST /any/m", true), ("{method: {method: m}}", "POST /any/mm", false),
            ("{method: {type: RegularExpression, service: 's.*'}}", "POST /s.t.u/m", true),
            ("{method: {type: RegularExpression, service: 's.*'}}", "POST /t/m", false),
            ("{method: {type: RegularExpression, service: 's', method: 'get.*'}}", "POST /s/getAll", true),
            ("{method: {type: RegularExpression, service: 's', method: 'get.*'}}", "POST /s/setAll", false),
            ("{headers: [{name: x, value: v}]}", "POST /s/m x: v", true),
            ("{headers: [{name: x, value: v}]}", "POST /s/m", false), ("{}", "POST /s/m", true),
        ])
    func gRPCMatches(_ match: String, _ request: String, _ expected: Bool) {
        let trial = RouteTrial(gatewayRoute("[{matches: [\(match)], \(Self.toB)}]", kind: "GRPCRoute"))
        #expect(trial.findings == [] && trial.send(request) == (expected ? "b" : "404"))
    }

    @Test(
        "GRPCRoute precedence: longest service, longest method, most headers",
        arguments: [
            ("{method: {service: s.t}}", "{method: {service: s, method: m}}", "POST /s.t/m"),
            ("{method: {service: s, method: m}}", "{method: {service: s}}", "POST /s/m"),
            ("{method: {service: s}}", "{method: {method: m}}", "POST /s/m"),
            ("{method: {service: s}, headers: [{name: x, value: v}]}", "{method: {service: s}}", "POST /s/m x: v"),
            (
                "{method: {service: s, method: m}}", "{method: {service: s}, headers: [{name: x, value: v}]}",
                "POST /s/m x: v"
            ),
        ])
    func gRPCPrecedence(_ better: String, _ worse: String, _ request: String) {
        let rules = ["{matches: [\(better)], \(Self.toB)}", "{matches: [\(worse)], \(Self.toC)}"]
        for order in [rules, rules.reversed()] {
            let trial = RouteTrial(gatewayRoute("[\(order.joined(separator: ", "))]", kind: "GRPCRoute"))
            #expect(trial.send(request) == "b")
        }
    }

    @Test("GRPCRoute filters: header modifiers and mirrors; a match that names nothing is void")
    func gRPCFilters() {
        let filters = """
            filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x, value: v}]}},
              {type: RequestMirror, requestMirror: {backendRef: {name: c, port: 80}}}]
            """
        let trial = RouteTrial(gatewayRoute("[{\(filters), \(Self.toB)}]", kind: "GRPCRoute"))
        #expect(trial.findings == [] && trial.filtered("POST /s/m") == ["a.example/s/m", "x: v"])
        #expect(trial.mirrored("POST /s/m") == ["c"])
        let void = RouteTrial(gatewayRoute("[{matches: [{method: {}}], \(Self.toB)}]", kind: "GRPCRoute"))
        #expect(void.finds("error", "spec.rules[0].matches[0].method") && void.send("POST /s/m") == "404")
    }

    // MARK: - GAMMA

    @Test("GEP-1426: a route without a port is for all ports of its Service, one with a port for that alone")
    func ports() {
        let all = RouteTrial(gatewayRoute("[{\(Self.toB)}]"))
        #expect(all.send("GET /") == "b" && all.send("GET /", port: 81) == "b")
        let one = RouteTrial(gatewayRoute("[{\(Self.toB)}]", parent: "name: a, port: 81"))
        #expect(one.send("GET /") == "a" && one.send("GET /", port: 81) == "b")
        let none = RouteTrial(gatewayRoute("[{\(Self.toB)}]", parent: "name: a, port: 99"))
        #expect(none.finds("warning", "spec.parentRefs[0].port", "no port 99") && none.send("GET /") == "a")
    }

    @Test(
        "GEP-1426: a route in the Service's namespace is everyone's; another namespace's is its own clients', and beats it"
    )
    func consumers() {
        let producer = gatewayRoute("[{\(Self.toB)}]")
        let consumer = gatewayRoute(
            "[{backendRefs: [{name: c, namespace: default, port: 80}]}]", name: "x", namespace: "other")
        let trial = RouteTrial(producer, consumer)
        #expect(trial.findings == [])
        #expect(trial.send("GET /", by: "web") == "b" && trial.send("GET /") == "b")
        #expect(trial.send("GET /", by: "guest") == "c")
        // Exactly one group counts: what the consumer's routes do not match is not the producer's.
        let narrow = gatewayRoute(
            "[{matches: [{path: {value: /x}}], backendRefs: [{name: c, namespace: default, port: 80}]}]", name: "x",
            namespace: "other")
        #expect(RouteTrial(producer, narrow).send("GET /", by: "guest") == "404")
        // A consumer's own backends need no namespace.
        let own = gatewayRoute("[{backendRefs: [{name: d, port: 80}]}]", name: "x", namespace: "other")
        #expect(RouteTrial(own).send("GET /", by: "guest") == "d" && RouteTrial(own).send("GET /", by: "web") == "a")
    }

    @Test("GEP-1426: a bound route replaces the default; hosts say nothing; the Host field can be matched")
    func hosts() {
        let trial = RouteTrial(gatewayRoute("[{\(Self.toB)}]", spec: "hostnames: [x.example],"))
        #expect(trial.finds("warning", "spec.hostnames", "has no effect"))
        #expect(trial.send("GET / host: y.example") == "b")
        let host = matching("{headers: [{name: Host, value: x.example}]}")
        #expect(host.send("GET / host: x.example") == "b" && host.send("GET / host: y.example") == "404")
    }

    @Test("GEP-1426: the backend's endpoints get the request, not the backend's own route")
    func onlyFirstRoute() {
        let second = gatewayRoute("[{\(Self.toC)}]", name: "second", parent: "name: b")
        let trial = RouteTrial(gatewayRoute("[{\(Self.toB)}]"), second)
        #expect(trial.findings == [] && trial.send("GET /") == "b" && trial.send("GET /", to: "b") == "c")
    }

    @Test("GEP-1294: a backend of another namespace needs no ReferenceGrant")
    func otherNamespace() {
        let trial = filtering("name: x", to: "{name: d, namespace: other, port: 80}")
        #expect(trial.findings == [] && trial.send("GET /") == "d")
    }

    @Test(
        "GEP-1426: of several kinds on one port GRPCRoute counts, then HTTPRoute, then VirtualService; the others are told",
        arguments: [("GRPCRoute", "HTTPRoute"), ("HTTPRoute", "VirtualService"), ("GRPCRoute", "VirtualService")])
    func kinds(_ winner: String, _ loser: String) {
        let first = gatewayRoute("[{\(Self.toB)}]", kind: winner)
        let second =
            loser == "VirtualService"
            ? virtualService("[{route: [{destination: {host: c}}]}]")
            : gatewayRoute("[{\(Self.toC)}]", kind: loser, name: "x")
        let trial = RouteTrial(second, first)
        #expect(trial.send("GET /") == "b")
        #expect(
            trial.findings.count == 2
                && trial.findings.allSatisfy { $0.contains("has a \(winner), which counts instead") })
    }

    @Test(
        "Backends: Service, and Hostname and ServiceEntry of Istio; another kind gets 500",
        arguments: [
            ("{name: b, port: 80}", "b"), ("{group: '', kind: Service, name: b, port: 80}", "b"),
            ("{group: networking.istio.io, kind: Hostname, name: b.default.svc.cluster.local, port: 80}", "b"),
            ("{group: networking.istio.io, kind: ServiceEntry, name: out.example, port: 80}", "out"),
            ("{group: x, kind: InferencePool, name: b, port: 80}", "500"),
        ])
    func backendKinds(_ backend: String, _ expected: String) {
        let entry = """
            {apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: out},
             spec: {hosts: [out.example], addresses: [10.2.0.1], resolution: STATIC, ports: [{number: 80, name: http, protocol: HTTP}],
              endpoints: [{address: 10.3.0.1}]}}
            """
        let trial = RouteTrial(gatewayRoute("[{backendRefs: [\(backend)]}]"), entry)
        #expect(trial.send("GET /") == expected, "\(trial.findings)")
    }

    // MARK: - TCPRoute, TLSRoute

    @Test("TCPRoute: connections go by weight; one without a good backend is closed")
    func tcp() {
        let rules = "[{backendRefs: [{name: t, port: 443, weight: 1}, {name: b, port: 80, weight: 3}]}]"
        let trial = RouteTrial(gatewayRoute(rules, kind: "TCPRoute", parent: "name: t, port: 5432"))
        #expect(trial.findings == [])
        let toB = (0..<4_000).count { trial.connect("t", port: 5432, seed: UInt64($0)) == "b" }
        #expect(abs(toB - 3_000) < 137)  // five standard deviations
        #expect(trial.connect("t", port: 443) == "t:443")
        let lost = gatewayRoute(
            "[{backendRefs: [{name: nobody, port: 1}]}]", kind: "TCPRoute", parent: "name: t, port: 5432")
        #expect(RouteTrial(lost).connect("t", port: 5432) == "invalid")
    }

    @Test("TLSRoute: by server name, whole or with a star for leading labels; another name, or none, is closed")
    func tls() {
        func route(_ names: String, _ backend: String, _ name: String) -> String {
            gatewayRoute(
                "[{backendRefs: [{name: \(backend), port: 80}]}]", kind: "TLSRoute", name: name,
                spec: "hostnames: [\(names)],", parent: "name: t, port: 443")
        }
        let trial = RouteTrial(route("One.example", "b", "one"), route("'*.two.example'", "c", "two"))
        #expect(trial.findings == [])
        let cases = [
            ("one.example", "b"), ("x.one.example", "closed"), ("x.two.example", "c"), ("y.x.two.example", "c"),
            ("two.example", "closed"), ("xtwo.example", "closed"), ("", "closed"),
        ]
        for (name, expected) in cases {
            #expect(trial.connect("t", port: 443, serverName: name) == expected, "\(name)")
        }
        #expect(trial.connect("t", port: 5432) == "t:5432")
    }

    @Test("TLSRoute counts before TCPRoute; a TCPRoute does not ask for a server name, a TLSRoute does")
    func streamKinds() {
        let tls = gatewayRoute(
            "[{\(Self.toB)}]", kind: "TLSRoute", spec: "hostnames: [x.example],", parent: "name: t, port: 443")
        let tcp = gatewayRoute("[{\(Self.toC)}]", kind: "TCPRoute", name: "x", parent: "name: t, port: 443")
        let both = RouteTrial(tcp, tls)
        #expect(both.connect("t", port: 443, serverName: "x.example") == "b")
        #expect(both.finds("Conflicted", "TLSRoute"))
        #expect(both.needsServerName("t", port: 443) && !RouteTrial(tcp).needsServerName("t", port: 443))
    }

    @Test("Routes for HTTP are not bound to ports that are declared to be something else")
    func declared() {
        let trial = RouteTrial(gatewayRoute("[{\(Self.toB)}]", parent: "name: t, port: 443"))
        #expect(trial.finds("warning", "spec.parentRefs[0].port", "declared to be no HTTP"))
    }
}
