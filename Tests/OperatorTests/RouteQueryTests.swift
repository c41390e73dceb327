// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Manifest
internal import Mesh
internal import Testing

@testable internal import Operator

@Suite("Asking what a waypoint would do")
struct RouteQueryTests {
    private static let mesh = """
        apiVersion: v1
        kind: Service
        metadata: {name: api}
        spec: {clusterIP: 10.1.0.1, ports: [{name: http, port: 80, targetPort: 8080}], selector: {app: api}}
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: two}
        spec: {clusterIP: 10.1.0.2, ports: [{name: http, port: 80}, {name: http-admin, port: 81}]}
        ---
        apiVersion: v1
        kind: Pod
        metadata: {name: api-1, labels: {app: api, version: v1}}
        spec: {serviceAccountName: api}
        status: {podIP: 10.0.0.1}
        ---
        apiVersion: v1
        kind: Pod
        metadata: {name: api-2, labels: {app: api, version: v2}}
        spec: {serviceAccountName: api}
        status: {podIP: 10.0.0.2}
        ---
        apiVersion: networking.istio.io/v1
        kind: VirtualService
        metadata: {name: api}
        spec:
          http:
          - match: [{headers: {x-canary: {exact: "true"}}}]
          - {}

        """

    private static let key = ServiceKey(namespace: "default", hostname: "api.default.svc.cluster.local")

    /// `x-canary: true` to v2, everything else 90 to 10 with faults; `/old` is redirected, `/none` matches nothing.
    private func content() throws -> ConfigurationFolder.Content {
        let read = AnalysisInput(texts: [("mesh.yaml", Self.mesh)], isComplete: true).content
        func backend(_ subset: String, _ weight: UInt32) -> RouteBackend {
            RouteBackend(
                .service(BackendReference(service: Self.key, port: 80, subset: subset)), weight: weight)
        }
        func origin(_ index: Int) -> RouteOrigin {
            RouteOrigin(object: "VirtualService default/api", field: "spec.http[\(index)]")
        }
        var split = RouteRule(origin: origin(1), action: .forward([backend("v1", 90), backend("v2", 10)]))
        split.fault.delay = .seconds(5)
        split.fault.delayPartsPerMillion = 100_000
        split.fault.abortPartsPerMillion = 50_000
        split.filters.request.set = [.init("x-env", "prod")]
        split.requestTimeout = .seconds(5)
        split.tryTimeout = .milliseconds(1_500)
        var canary = RequestMatch(path: .prefix("/"))
        canary.headers = [.init(name: "x-canary", value: .exact("true"))]
        var binding = RouteBinding(service: Self.key, port: 80)
        binding.http = HTTPRoutes(
            rules: [
                RouteRule(origin: origin(0), action: .forward([backend("v2", 1)])), split,
                RouteRule(origin: origin(2), action: .redirect(Redirect(status: 301))),
            ],
            entries: [
                .init(match: canary, rule: 0), .init(match: RequestMatch(path: .exact("/old")), rule: 2),
                .init(match: RequestMatch(path: .prefix("/x")), rule: 1),
            ])
        var model = read.model
        model.routes.bindings = [binding]
        var policy = DestinationPolicy(service: Self.key)
        policy.subsets = ["v1", "v2"].map { .init(name: $0, labels: ["version": $0], policy: TrafficPolicy()) }
        model.routes.destinationPolicies = [policy]
        return ConfigurationFolder.Content(entries: read.entries, model: model, findings: [])
    }

    @Test("A header leads to its rule, with file and line, and to the endpoints of its subset")
    func header() throws {
        var query = RouteQuery(host: "api")
        query.headers = [("X-Canary", "true")]
        let answer = try query.answer(content())
        #expect(answer.request == "GET http://api.default.svc.cluster.local:80/")
        #expect(answer.object == "VirtualService default/api" && answer.field == "spec.http[0]")
        #expect(answer.place == "mesh.yaml:28")
        #expect(answer.clusters.map(\.name) == ["inbound-vip|80|http/v2|api.default.svc.cluster.local"])
        #expect(answer.clusters.map(\.endpoints) == [["10.0.0.2:8080 default/api-2 TCP"]])
        #expect(answer.waypoint == "none (the service asks for none): the request goes direct, whatever routes say")
    }

    @Test("All backends are shown with their shares, and what is done on the way in order")
    func split() throws {
        var query = RouteQuery(host: "api.default.svc.cluster.local")
        query.path = "/x?a=b"
        let answer = try query.answer(content())
        #expect(answer.field == "spec.http[1]" && answer.outcome == "forward")
        #expect(answer.clusters.map(\.share) == [90, 10])
        #expect(
            answer.steps == [
                "delay 10 % by 5s", "abort 5 % with 503", "request header x-env set to prod",
                "time-out 5s over all tries",
                "time-out 1500ms of each try", "up to 2 retries",
            ])
    }

    @Test("Redirects, and requests that no rule takes, say so")
    func others() throws {
        var query = RouteQuery(host: "api")
        query.path = "/old"
        #expect(try query.answer(content()).outcome == "redirect 301")
        query.path = "/none"
        let answer = try query.answer(content())
        #expect(answer.outcome == "404, no rule of the service's routes matches" && answer.object.isEmpty)
        #expect(answer.clusters.isEmpty)
    }

    @Test("A service without routes gets the request itself")
    func noRoutes() throws {
        var query = RouteQuery(host: "two")
        query.port = 81
        let answer = try query.answer(content())
        #expect(answer.outcome == "forward to the service, no route says otherwise")
        #expect(answer.clusters.map(\.name) == ["inbound-vip|81|http|two.default.svc.cluster.local"])
        #expect(answer.clusters.map(\.endpoints) == [[]])
    }

    @Test(
        "What cannot be asked says what to give",
        arguments: [
            (
                "nowhere", nil,
                "there is no service nowhere in namespace default; --namespace, or its full name, asks for another"
            ),
            ("two", nil, "which port of two.default.svc.cluster.local? --port 80, 81"),
            ("api", 81, "api.default.svc.cluster.local has no port 81, only 80"),
        ] as [(String, UInt16?, String)])
    func refusals(_ host: String, _ port: UInt16?, _ text: String) throws {
        var query = RouteQuery(host: host)
        query.port = port
        let content = try content()
        let error = #expect(throws: OperatorError.self) { try query.answer(content) }
        #expect(error?.description == text)
    }
}
