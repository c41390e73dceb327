// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Kubernetes
internal import Manifest
internal import Telemetry

/// The ConfigMap with the roots, which tunnels mount.
///
/// It is made where there is none, and written only while it has the label that says it is ours.
struct RootsConfigMap: PublishedObject {
    let namespace: String
    let name: String

    private static let label = (key: "app.kubernetes.io/managed-by", value: "ambit-identity")
    private static let key = "root-cert.pem"

    var text: String { "ConfigMap \(namespace)/\(name)" }

    func look(
        _ roots: String, _ session: ClusterSession, until end: MonotonicTime
    ) throws(KubernetesError) -> PublishedLook {
        let collection = "/api/v1/namespaces/\(namespace)/configmaps"
        let path = "\(collection)/\(name)"
        let found = try session.ask(APIRequest(.get, path), before: end)
        let request: APIRequest
        if found.status == 404 {
            request = APIRequest(.post, collection, "application/json", body(roots, version: nil))
        } else {
            guard found.isGood else { return .trouble("\(text): \(found.problem)") }
            let object = try found.object()
            if object["data"]?[Self.key]?.string == roots { return .inStep }
            guard object["metadata"]?["labels"]?[Self.label.key]?.string == Self.label.value else {
                return .trouble(
                    "\(text) has other roots than the CA, and is left alone: "
                        + "it lacks the label \(Self.label.key): \(Self.label.value)")
            }
            // On top of what was read: a write that comes late is refused.
            let version = object["metadata"]?["resourceVersion"]?.string ?? ""
            request = APIRequest(.patch, path, "application/merge-patch+json", body(roots, version: version))
        }
        let written = try session.ask(request, before: end)
        return written.isGood ? .written : .trouble("\(text): \(written.problem)")
    }

    private func body(_ roots: String, version: String?) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.member("apiVersion", "v1")
            json.member("kind", "ConfigMap")
            json.name("metadata")
            json.object { json in
                json.member("name", name)
                json.member("namespace", namespace)
                if let version {
                    json.member("resourceVersion", version)
                } else {
                    json.name("labels")
                    json.object { $0.member(Self.label.key, Self.label.value) }
                }
            }
            json.name("data")
            json.object { $0.member(Self.key, roots) }
        }
        return json.bytes
    }
}
