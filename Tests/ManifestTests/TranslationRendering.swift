// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Mesh

@testable internal import Manifest

/// Reads texts as files of one folder (named in order) and translates them.
func translated(_ files: String..., options: TranslationOptions = TranslationOptions()) throws -> Outcome {
    var store = ObjectStore()
    var findings: [Finding] = []
    for (index, text) in files.enumerated() {
        let name = "\(index).yaml"
        let contents = try ManifestReader().read(Array(text.utf8), file: name)
        findings += contents.findings
        findings += store.replace(file: name, with: contents)
    }
    let translation = translate(store, options: options)
    return Outcome(model: translation.model, findings: (findings + translation.findings).map(\.description))
}

/// A mesh and what was found on the way to it.
struct Outcome {
    let model: MeshModel
    let findings: [String]

    func workload(_ name: String) -> Workload? { model.workloads.first { $0.name == name } }
    func service(_ name: String) -> Service? { model.services.first { $0.name == name } }
    func policy(_ name: String) -> AuthorizationPolicy? { model.authorizationPolicies.first { $0.name == name } }
    func enrollment(_ name: String) -> Enrollment? {
        model.enrollments.first { $0.workloadUID.hasSuffix("/" + name) }
    }

    /// `service workload port>port,… flags` of every endpoint.
    var endpoints: [String] {
        model.endpoints.map { endpoint in
            let ports = endpoint.ports.sorted { $0.key < $1.key }.map { " \($0.key)>\($0.value)" }.joined()
            let flags =
                (endpoint.isReady ? "" : " unready") + (endpoint.isServing ? "" : " unserving")
                + (endpoint.isTerminating ? " terminating" : "")
            let uid = endpoint.workloadUID.split(separator: "/").last.map(String.init) ?? ""
            return "\(endpoint.service.hostname.split(separator: ".")[0]) \(uid)\(ports)\(flags)"
        }
    }
}

/// A pod as users write them in a configuration folder.
func pod(
    _ name: String, namespace: String = "default", labels: String = "{}", annotations: String = "{}",
    spec: String = "{}", status: String = "{podIP: 10.0.0.1}", metadata: String = ""
) -> String {
    """
    ---
    apiVersion: v1
    kind: Pod
    metadata:
      name: \(name)
      namespace: \(namespace)
      labels: \(labels)
      annotations: \(annotations)
      \(metadata)
    spec: \(spec)
    status: \(status)

    """
}
