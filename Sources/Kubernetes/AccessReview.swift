// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Manifest
internal import Telemetry

/// A right that a process needs, and the question whether it has it (authorization.k8s.io/v1 SelfSubjectAccessReview).
///
/// Everybody may ask: Kubernetes grants that to all who are authenticated (`system:basic-user`).
package struct AccessReview: Sendable, Equatable, CustomStringConvertible {
    private let verb: String
    private let group: String
    private let resource: String
    private let subresource: String

    /// The rights to follow kinds.
    package static func following(_ kinds: [ObjectKind]) -> [AccessReview] {
        kinds.compactMap { APIResource($0) }.flatMap { resource in
            ["list", "watch"].map { AccessReview($0, resource.kind.group, resource.plural) }
        }
    }

    /// The rights to annotate pods and to write Events (`PodReporter`).
    package static let reporting = [
        AccessReview("patch", "", "pods", "status"), AccessReview("create", "", "events"),
        AccessReview("patch", "", "events"),
    ]

    private init(_ verb: String, _ group: String, _ resource: String, _ subresource: String = "") {
        (self.verb, self.group, self.resource, self.subresource) = (verb, group, resource, subresource)
    }

    /// As in a ClusterRole: `watch authorizationpolicies.security.istio.io`.
    package var description: String {
        "\(verb) \(resource)" + (group.isEmpty ? "" : ".\(group)") + (subresource.isEmpty ? "" : "/\(subresource)")
    }

    /// The question.
    package var request: APIRequest {
        var json = JSONWriter()
        json.object { json in
            json.member("apiVersion", "authorization.k8s.io/v1")
            json.member("kind", "SelfSubjectAccessReview")
            json.name("spec")
            json.object { json in
                json.name("resourceAttributes")
                json.object { json in
                    json.member("verb", verb)
                    json.member("group", group)
                    json.member("resource", resource)
                    if !subresource.isEmpty { json.member("subresource", subresource) }
                }
            }
        }
        return APIRequest(
            .post, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", "application/json", json.bytes)
    }

    /// What the answer says.
    ///
    /// - Throws: `.malformed` when it says neither.
    package static func isAllowed(_ answer: YAMLNode) throws(KubernetesError) -> Bool {
        guard let isAllowed = answer["status"]?["allowed"]?.boolean else { throw .malformed }
        return isAllowed
    }
}
