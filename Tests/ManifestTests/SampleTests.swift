// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import Mesh
internal import Testing

@testable internal import Manifest

/// The folder of this target's fixtures.
let fixtures = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures")

@Suite("Manifests that users bring")
struct SampleTests {
    private func outcome(_ name: String) throws -> Outcome {
        try translated(String(contentsOf: fixtures.appending(path: "samples/\(name)"), encoding: .utf8))
    }

    @Test(
        "Each loads without an error, and warns only of what the node passes over",
        arguments: [
            ("01-canary-weights.yaml", []),
            ("02-canary-header.yaml", []),
            ("03-fault-injection.yaml", []),
            ("04-mirror.yaml", []),
            ("05-circuit-breaker.yaml", []),
            ("06-gateway-api.yaml", []),
            ("07-peer-authentication.yaml", []),
            (
                "08-authorization.yaml",
                [
                    "29: warning: AuthorizationPolicy production/allow-frontend-to-api: spec.rules[0].to[0].operation.methods",
                    "30: warning: AuthorizationPolicy production/allow-frontend-to-api: spec.rules[0].to[0].operation.paths",
                    "33: warning: AuthorizationPolicy production/allow-frontend-to-api: spec.rules[0].when[0].values",
                    "51: warning: AuthorizationPolicy default/reviews-viewer: spec.rules[0].to[0].operation.methods",
                    "52: warning: AuthorizationPolicy default/reviews-viewer: spec.rules[0].to[0].operation.paths",
                ]
            ),
            (
                "09-jwt.yaml",
                [
                    "30: warning: AuthorizationPolicy production/require-jwt: spec.rules[0].from[0].source.requestPrincipals",
                    "33: warning: AuthorizationPolicy production/require-jwt: spec.rules[0].when[0].values",
                ]
            ),
            (
                "10-ext-authz.yaml",
                [
                    "11: warning: AuthorizationPolicy production/ext-authz: spec.action",
                    "17: warning: AuthorizationPolicy production/ext-authz: spec.rules[0].to[0].operation.paths",
                    "20: warning: the mesh does not read objects of kind IstioOperator",
                ]
            ),
            ("11-telemetry.yaml", []),
            ("12-smi-linkerd.yaml", []),
            ("13-flagger.yaml", ["5: warning: the mesh does not read objects of kind Canary"]),
        ] as [(String, [String])])
    func load(_ name: String, _ warnings: [String]) throws {
        let findings = try outcome(name).findings
        #expect(findings.count == warnings.count, "\(findings)")
        for (finding, warning) in zip(findings, warnings) {
            #expect(finding.hasPrefix("0.yaml:" + warning), "\(finding)")
        }
    }

    @Test("07: the mesh is STRICT, one namespace is not")
    func peerAuthentication() throws {
        let policies = try outcome("07-peer-authentication.yaml").model.peerAuthentications
        #expect(policies.map(\.namespace) == ["istio-system", "legacy-apps"])
        #expect(policies.map(\.mode) == [.strict, .permissive])
    }

    @Test("08: deny-all has no rules; rules with HTTP fields allow nothing at the node")
    func authorization() throws {
        let outcome = try outcome("08-authorization.yaml")
        #expect(outcome.policy("deny-all")?.rules == [])
        #expect(outcome.policy("deny-all")?.selector == [:])
        let rule = try #require(outcome.policy("allow-frontend-to-api")?.rules.first)
        #expect(rule.clauses.count == 3)
        #expect(rule.clauses[0].matches[0].namespaces == [.exact("production")])
        #expect(rule.clauses[1].matches[0].omits == .layer7 && rule.clauses[2].matches[0].omits == .layer7)
    }

    @Test("Objects for waypoints are kept as they are written when asked for")
    func rawObjects() throws {
        var reader = ManifestReader()
        reader.keepsWaypointObjects = true
        let octets = Array(try Data(contentsOf: fixtures.appending(path: "samples/04-mirror.yaml")))
        let objects = try reader.read(octets, file: "a").objects
        let source = try #require(objects.first?.source)
        #expect(source["spec"]?["http"]?.elements.first { _ in true }?["mirror"]?["subset"]?.string == "v2")
        #expect(try ManifestReader().read(octets, file: "a").objects.first?.source == nil)
    }
}
