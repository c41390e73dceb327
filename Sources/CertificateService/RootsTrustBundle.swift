// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Kubernetes
internal import Manifest
internal import Telemetry

/// The ClusterTrustBundle (certificates.k8s.io) with the roots, for whoever mounts bundles by their signer.
///
/// The kind is not served everywhere: where it is not, there is nothing to do, and each look asks again. It is written by
/// server-side apply without force, so what another manager has set is left alone. The right to `attest` for the signer is
/// needed besides those on the object.
struct RootsTrustBundle: PublishedObject {
    let name: TrustBundleName
    /// The version of the API that serves the kind; nil when that is not known.
    private var version: String?

    /// The best first; the kind was alpha in Kubernetes 1.27 and is beta since 1.33.
    private static let versions = ["v1", "v1beta1", "v1alpha1"]
    private static let manager = "ambit-identity"
    private static let labels = [
        (key: "app.kubernetes.io/managed-by", value: "ambit-identity"),
        (key: "app.kubernetes.io/part-of", value: "ambit"),
    ]

    init(name: TrustBundleName) {
        self.name = name
    }

    var text: String { "ClusterTrustBundle \(name.text)" }

    mutating func look(
        _ roots: String, _ session: ClusterSession, until end: MonotonicTime
    ) throws(KubernetesError) -> PublishedLook {
        if version == nil { version = try Self.served(by: session, until: end) }
        guard let version else { return .inStep }
        let path = "/apis/certificates.k8s.io/\(version)/clustertrustbundles/\(APIRequest.escaped(name.text))"
        let found = try session.ask(APIRequest(.get, path), before: end)
        guard found.isGood || found.status == 404 else { return .trouble("\(text): \(found.problem)") }
        if found.isGood, try found.object()["spec"]?["trustBundle"]?.string == roots { return .inStep }
        let written = try session.ask(
            APIRequest(
                .patch, "\(path)?fieldManager=\(Self.manager)&force=false", "application/apply-patch+yaml",
                body(roots, version)), before: end)
        switch written.status {
        case 200..<300: return .written
        case 404:
            // The version is not served any more: the next look finds out which is.
            self.version = nil
            return .trouble("\(text): \(written.problem)")
        case 409:
            return .trouble("\(text) has other roots than the CA, and is left alone: \(written.problem)")
        default: return .trouble("\(text): \(written.problem)")
        }
    }

    /// - Returns: the version that has the kind; nil when none has.
    private static func served(
        by session: ClusterSession, until end: MonotonicTime
    ) throws(KubernetesError) -> String? {
        for version in versions {
            let answer = try session.ask(APIRequest(.get, "/apis/certificates.k8s.io/\(version)"), before: end)
            guard answer.isGood else { continue }
            let resources = try answer.object()["resources"]
            let hasKind = resources?.elements.contains { $0["name"]?.string == "clustertrustbundles" }
            if hasKind == true { return version }
        }
        return nil
    }

    private func body(_ roots: String, _ version: String) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.member("apiVersion", "certificates.k8s.io/\(version)")
            json.member("kind", "ClusterTrustBundle")
            json.name("metadata")
            json.object { json in
                json.member("name", name.text)
                json.name("labels")
                json.object { json in
                    for label in Self.labels { json.member(label.key, label.value) }
                }
            }
            json.name("spec")
            json.object { json in
                json.member("signerName", name.signer)
                json.member("trustBundle", roots)
            }
        }
        return json.bytes
    }
}
