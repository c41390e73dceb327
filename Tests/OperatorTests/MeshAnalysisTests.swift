// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import Manifest
internal import Mesh
internal import Testing

@testable internal import Operator

/// A folder, and how each of its findings begins: `LINE: severity: OBJECT: FIELD: text`.
struct Analysed: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let text: String
    let findings: [String]

    init(_ description: String, _ text: String, _ findings: [String] = []) {
        testDescription = description
        self.text = text
        self.findings = findings
    }
}

/// A namespace with a waypoint that works, and the services a and b.
private let mesh = """
    apiVersion: v1
    kind: Namespace
    metadata: {name: default, labels: {istio.io/use-waypoint: w}}
    ---
    apiVersion: gateway.networking.k8s.io/v1
    kind: Gateway
    metadata: {name: w}
    spec: {gatewayClassName: ambit-waypoint, listeners: [{name: mesh, port: 15008, protocol: HBONE}]}
    status: {addresses: [{type: IPAddress, value: 10.0.0.9}]}
    ---
    apiVersion: v1
    kind: Pod
    metadata: {name: w, labels: {gateway.networking.k8s.io/gateway-name: w, istio.io/dataplane-mode: none}}
    status: {podIP: 10.0.0.9}
    ---
    apiVersion: v1
    kind: Service
    metadata: {name: a}
    spec: {clusterIP: 10.1.0.1, ports: [{name: http, port: 80}], selector: {app: a}}
    ---
    apiVersion: v1
    kind: Service
    metadata: {name: b}
    spec: {clusterIP: 10.1.0.2, ports: [{name: http, port: 80}], selector: {app: b}}
    ---
    apiVersion: v1
    kind: Pod
    metadata: {name: a-1, labels: {app: a, version: v1}}
    status: {podIP: 10.0.0.1}

    """

private func findings(_ text: String, isComplete: Bool = true) -> [Finding] {
    AnalysisInput(texts: [("mesh.yaml", mesh), ("x.yaml", text)], isComplete: isComplete).findings
}

@Suite("Mesh analysis")
struct MeshAnalysisTests {
    private static let virtualService =
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: r}\nspec:\n"
    private static let rule =
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: d}\nspec:\n  host: a\n  subsets:\n"
    private static let route = "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: h}\nspec:\n"
    private static let policy =
        "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p}\nspec:\n  rules: [{}]\n"

    @Test(
        "Each mistake is found where it stands, and nothing else is",
        arguments: [
            Analysed("a mesh without mistakes", ""),
            // Hosts
            Analysed(
                "routes between services that are there",
                virtualService + "  hosts: [a, b.default.svc.cluster.local, b.default]\n  http:\n"
                    + "  - {match: [{uri: {exact: /x}}], route: [{destination: {host: b}}]}\n"
                    + "  - {route: [{destination: {host: a.default.svc}}]}\n"),
            Analysed(
                "hosts that are not there",
                virtualService
                    + "  hosts: [nowhere]\n  http:\n  - route:\n    - destination:\n        host: lost.shop\n"
                    + "    mirror: {host: gone}\n",
                [
                    "5: warning: VirtualService default/r: spec.hosts[0]: there is no service nowhere.default.svc",
                    "9: error: VirtualService default/r: spec.http[0].route[0].destination.host: there is no service lost.shop",
                    "10: error: VirtualService default/r: spec.http[0].mirror.host: there is no service gone.default.svc",
                ]),
            Analysed(
                "an external host by a ServiceEntry, one by a wildcard of it",
                virtualService + "  hosts: [a]\n  http:\n"
                    + "  - {match: [{uri: {exact: /x}}], route: [{destination: {host: api.example.com}}]}\n"
                    + "  - {route: [{destination: {host: x.example.org}}]}\n---\n"
                    + "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: e}\n"
                    + "spec: {hosts: [api.example.com, '*.example.org'], ports: [{number: 80, name: http, protocol: HTTP}], resolution: NONE}\n"
            ),
            Analysed(
                "a VirtualService of a gateway at the edge is not the mesh's",
                virtualService + "  hosts: [shop.example.com]\n  gateways: [edge]\n"
                    + "  http: [{route: [{destination: {host: elsewhere}}]}]\n"),
            Analysed(
                "backends of an HTTPRoute for a Service",
                route + "  parentRefs: [{kind: Service, group: '', name: a, port: 80}]\n  rules:\n  - backendRefs:\n"
                    + "    - {name: b, port: 80}\n    - {name: c, port: 80}\n",
                ["9: error: HTTPRoute default/h: spec.rules[0].backendRefs[1].name: there is no service c.default.svc"]),
            Analysed(
                "an HTTPRoute of a Gateway at the edge is not the mesh's",
                route + "  parentRefs: [{name: edge}]\n  rules: [{backendRefs: [{name: c, port: 80}]}]\n"),
            // Subsets
            Analysed(
                "a subset that no DestinationRule has",
                virtualService + "  hosts: [a]\n  http: [{route: [{destination: {host: a, subset: v1}}]}]\n",
                [
                    "6: error: VirtualService default/r: spec.http[0].route[0].destination.subset: there is no subset v1 of a.default.svc.cluster.local (no DestinationRule"
                ]),
            Analysed(
                "a subset of another name",
                rule + "  - {name: v1, labels: {version: v1}}\n---\n" + virtualService
                    + "  hosts: [a]\n  http: [{route: [{destination: {host: a, subset: v2}}]}]\n",
                [
                    "14: error: VirtualService default/r: spec.http[0].route[0].destination.subset: there is no subset v2 of a.default.svc.cluster.local (there are v1)"
                ]),
            Analysed(
                "a subset whose labels no pod has",
                rule + "  - {name: v1, labels: {version: v1}}\n  - {name: v2, labels: {version: v2}}\n",
                ["8: warning: DestinationRule default/d: spec.subsets[1].labels: no endpoint of a.default.svc"]),
            // Weights
            Analysed(
                "weights that are all zero",
                virtualService + "  hosts: [a]\n  http:\n  - route:\n"
                    + "    - {destination: {host: a}, weight: 0}\n    - {destination: {host: b}, weight: 0}\n",
                ["8: error: VirtualService default/r: spec.http[0].route: all weights are 0"]),
            Analysed(
                "one weight is zero",
                virtualService + "  hosts: [a]\n  http:\n  - route:\n"
                    + "    - {destination: {host: a}, weight: 0}\n    - {destination: {host: b}, weight: 100}\n"),
            Analysed(
                "a split whose weights are all zero",
                "apiVersion: split.smi-spec.io/v1alpha1\nkind: TrafficSplit\nmetadata: {name: s}\n"
                    + "spec: {service: a, backends: [{service: b, weight: 0m}]}\n",
                ["4: error: TrafficSplit default/s: spec.backends: all weights are 0"]),
            // Waypoints
            Analysed(
                "routes of a service without a waypoint",
                "apiVersion: v1\nkind: Service\nmetadata: {name: free, labels: {istio.io/use-waypoint: none}}\n"
                    + "spec: {clusterIP: 10.1.0.3, ports: [{port: 80}]}\n---\n" + virtualService
                    + "  hosts: [free]\n  http: [{route: [{destination: {host: a}}]}]\n",
                [
                    "10: warning: VirtualService default/r: spec.hosts[0]: nothing reads this: default/free has no waypoint"
                ]),
            Analysed(
                "a label that names no waypoint",
                "apiVersion: v1\nkind: Service\nmetadata: {name: c, labels: {istio.io/use-waypoint: typo}}\n"
                    + "spec: {clusterIP: 10.1.0.3, ports: [{port: 80}]}\n",
                [
                    "1: warning: Service default/c: metadata.labels[\"istio.io/use-waypoint\"]: there is no waypoint default/typo"
                ]
            ),
            Analysed(
                "a waypoint of another namespace that admits only its own",
                "apiVersion: v1\nkind: Service\nmetadata:\n  name: c\n  namespace: other\n  labels:\n"
                    + "    istio.io/use-waypoint: w\n    istio.io/use-waypoint-namespace: default\n"
                    + "spec: {clusterIP: 10.1.0.3, ports: [{port: 80}]}\n",
                [
                    "7: warning: Service other/c: metadata.labels[\"istio.io/use-waypoint\"]: the waypoint does not admit namespace other"
                ]),
            Analysed(
                "a pod that asks a waypoint for services",
                "apiVersion: v1\nkind: Pod\nmetadata: {name: c, labels: {istio.io/use-waypoint: w}}\nstatus: {podIP: 10.0.0.3}\n",
                [
                    "1: warning: Pod default/c: metadata.labels[\"istio.io/use-waypoint\"]: the waypoint is not for workloads"
                ]),
            Analysed(
                "a waypoint's pod that the tunnel captures",
                "apiVersion: v1\nkind: Pod\nmetadata:\n  name: w-2\n  labels: {gateway.networking.k8s.io/gateway-name: w, istio.io/dataplane-mode: ambient}\nstatus: {podIP: 10.0.0.3}\n",
                ["1: error: Pod default/w-2: metadata.labels: the pod of a waypoint is enrolled in the mesh"]),
            // Policies
            Analysed(
                "HTTP fields in a policy that the node enforces",
                policy.replacingOccurrences(of: "[{}]", with: "[{to: [{operation: {methods: [GET]}}]}]"),
                ["5: warning: AuthorizationPolicy default/p: spec.rules[0].to[0].operation.methods: needs HTTP"]),
            Analysed(
                "a policy for a service with a waypoint",
                policy + "  targetRefs: [{kind: Service, group: '', name: a}]\n"),
            Analysed(
                "a policy for a service that is not there",
                policy + "  targetRefs:\n  - {kind: Service, group: '', name: c}\n",
                ["7: error: AuthorizationPolicy default/p: spec.targetRefs[0].name: there is no service c.default.svc"]),
            Analysed(
                "a policy for a Gateway that is not there",
                policy + "  targetRefs: [{kind: Gateway, group: gateway.networking.k8s.io, name: x}]\n",
                ["6: error: AuthorizationPolicy default/p: spec.targetRefs[0].name: there is no Gateway default/x"]),
            Analysed(
                "tokens that nobody checks",
                "apiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {name: t}\n"
                    + "spec:\n  selector: {matchLabels: {app: a}}\n  jwtRules: [{issuer: i, jwksUri: 'https://i/'}]\n",
                ["5: warning: RequestAuthentication default/t: spec.selector: tokens are HTTP"]),
            // What the reader of single objects finds
            Analysed(
                "broken text", "a: [\n", ["1: error: column 4: "]),
            Analysed(
                "an unknown field", "apiVersion: v1\nkind: Service\nmetadata: {name: c}\nspec: {port: 1}\n",
                ["4: warning: Service default/c: spec.port: unknown field"]),
        ])
    func mistakes(_ analysed: Analysed) {
        let found = findings(analysed.text).map { String("\($0)".dropFirst("x.yaml:".count)) }
        #expect(found.count == analysed.findings.count, "\(found)")
        for (found, expected) in zip(found, analysed.findings) { #expect(found.hasPrefix(expected), "\(found)") }
    }

    @Test("What users bring has no false finding", arguments: try samples())
    func sample(_ file: URL) throws {
        let text = try String(contentsOf: file, encoding: .utf8)
        let findings = AnalysisInput(texts: [(file.lastPathComponent, text)], isComplete: false).findings
        // These say that the node cannot do it, which is so, or name kinds that are not the mesh's.
        let isTrue = [
            "needs HTTP", "tokens are HTTP", "only a waypoint can ask", "does not read objects of kind",
            // Read by a waypoint and not acted upon (docs/routing.md).
            "does not enforce it yet", "ejects no endpoint yet", "does not act upon objects of kind",
        ]
        for finding in findings {
            #expect(finding.severity == .warning && isTrue.contains { finding.text.contains($0) }, "\(finding)")
        }
    }

    @Test("Without services nothing is said of hosts, unless the content is all there is")
    func partial() {
        let text =
            Self.virtualService + "  hosts: [a]\n  http: [{route: [{destination: {host: a}}]}]\n"
        #expect(AnalysisInput(texts: [("x.yaml", text)], isComplete: false).findings.isEmpty)
        #expect(AnalysisInput(texts: [("x.yaml", text)], isComplete: true).findings.count == 2)
    }

    private static func samples() throws -> [URL] {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "ManifestTests/Fixtures/samples")
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        #expect(files.count == 13)
        return files.sorted { $0.path < $1.path }
    }
}

@Suite("Rules that no request reaches")
struct ShadowTests {
    /// A condition and the rule it belongs to.
    private func routes(_ conditions: [(RequestMatch, Int)]) -> HTTPRoutes {
        let count = (conditions.map(\.1).max() ?? -1) + 1
        return HTTPRoutes(
            rules: (0..<count).map {
                RouteRule(origin: RouteOrigin(object: "o", field: "spec.http[\($0)]"), action: .forward([]))
            },
            entries: conditions.map { HTTPRoutes.Entry(match: $0.0, rule: $0.1) })
    }

    private static func match(_ path: PathMatch, _ change: (inout RequestMatch) -> Void = { _ in }) -> RequestMatch {
        var match = RequestMatch(path: path)
        change(&match)
        return match
    }

    private static let canary = RequestMatch.Header(name: "x-canary", value: .exact("true"))

    @Test(
        "A condition takes all that a later one would, or it does not",
        arguments: [
            (match(.any), match(.exact("/a")), true),
            (match(.elements("")), match(.regex("/a+")), true),
            (match(.prefix("/")), match(.regex("/a+")), true),
            (match(.exact("/a")), match(.exact("/a")), true),
            (match(.exact("/a")), match(.exact("/b")), false),
            (match(.exact("/a")), match(.any), false),
            (match(.elements("/a")), match(.exact("/a/b")), true),
            (match(.elements("/a")), match(.exact("/ab")), false),
            (match(.elements("/a")), match(.prefix("/a")), false),
            (match(.prefix("/a")), match(.elements("/a")), true),
            (match(.prefix("/a")), match(.exact("/ab")), true),
            (match(.prefix("/ab")), match(.prefix("/a")), false),
            (match(.regex("/a.*")), match(.exact("/ab")), false),
            (match(.regex("/a.*")), match(.regex("/a.*")), true),
            (match(.exact("/a")), match(.exact("/a")) { _ in }, true),
            (match(.exact("/a")), Self.match(.exact("/a")) { $0.ignoresPathCase = true }, false),
            (match(.any) { $0.headers = [canary] }, match(.any), false),
            (match(.any) { $0.headers = [canary] }, match(.any) { $0.headers = [canary] }, true),
            (
                match(.any) { $0.headers = [.init(name: "x-canary", value: .presence)] },
                match(.any) { $0.headers = [canary] }, true
            ),
            (
                match(.any) { $0.headers = [.init(name: "x-canary", value: .presence, isInverted: true)] },
                match(.any) { $0.headers = [canary] }, false
            ),
            (match(.any) { $0.method = .exact("GET") }, match(.any) { $0.method = .exact("POST") }, false),
            (match(.any) { $0.method = .exact("GET") }, match(.any) { $0.method = .exact("GET") }, true),
            (match(.any) { $0.authority = .suffix(".x") }, match(.any) { $0.authority = .exact("a.x") }, true),
            (match(.any) { $0.query = [.init(name: "q", value: .prefix("a"))] }, match(.any), false),
            (match(.any) { $0.sourceNamespace = "n" }, match(.any), false),
            (
                match(.any) { $0.sourceLabels = ["a": "b"] }, match(.any) { $0.sourceLabels = ["a": "b", "c": "d"] },
                true
            ),
        ])
    func covering(_ first: RequestMatch, _ second: RequestMatch, _ isShadowed: Bool) {
        let shadows = MeshAnalysis.shadows(in: routes([(first, 0), (second, 1)]))
        #expect(shadows.map(\.rule) == (isShadowed ? [1] : []))
    }

    @Test("A rule is reached by one of its conditions that is")
    func anyCondition() {
        let shadows = MeshAnalysis.shadows(
            in: routes([
                (RequestMatch(path: .prefix("/a")), 0), (RequestMatch(path: .exact("/ab")), 1),
                (RequestMatch(path: .exact("/b")), 1), (RequestMatch(path: .exact("/ac")), 2),
            ]))
        #expect(shadows.map(\.rule) == [2] && shadows.map(\.by) == [0])
    }

    @Test("Two conditions of one rule may overlap")
    func sameRule() {
        let shadows = MeshAnalysis.shadows(
            in: routes([(RequestMatch(path: .prefix("/a")), 0), (RequestMatch(path: .exact("/ab")), 0)]))
        #expect(shadows.isEmpty)
    }
}
