// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Mesh

/// A pod of the API, by its name and UID: another pod of the name is another pod.
package struct PodReference: Hashable, Sendable {
    /// Its namespace.
    package let namespace: String
    /// Its name.
    package let name: String
    /// Its UID.
    package let uid: PodUID

    /// Puts the parts together.
    package init(namespace: String, name: String, uid: PodUID) {
        self.namespace = namespace
        self.name = name
        self.uid = uid
    }
}

/// What a pod's Event is about: the word is its `reason`, on which others may rely (docs/kubernetes.md).
package enum PodTrouble: String, Hashable, Sendable, CaseIterable {
    /// The pod is enrolled and cannot be captured.
    case meshJoinFailed = "MeshJoinFailed"
    /// The pod's service account gets no certificate, or no new one.
    case certificateNotIssued = "CertificateNotIssued"
    /// The runtime was told that the pod must not start.
    case cniAddFailed = "CNIAddFailed"

    /// What was being done (`action` of an Event).
    var action: String {
        switch self {
        case .meshJoinFailed: "Capture"
        case .certificateNotIssued: "IssueCertificate"
        case .cniAddFailed: "AddToNetwork"
        }
    }
}

/// What a node tunnel has to say of a pod of its node.
package enum PodReport: Sendable {
    /// Whether the pod's traffic is captured.
    case captured(PodReference, Bool)
    /// Something is wrong with it; the text says what, for an operator.
    case trouble(PodReference, PodTrouble, String)
    /// The pod is gone, and what was to be said of it.
    case gone(PodUID)

    /// The annotation that Istio's tools know; `enabled` while the pod is captured.
    package static var redirectionAnnotation: String { "ambient.istio.io/redirection" }
    /// Says that it was us who wrote that one, so that it decides nothing: our labels do.
    package static var ownAnnotation: String { "ambit.dev/redirection" }
    /// The value of both.
    package static var enabled: String { "enabled" }
}
