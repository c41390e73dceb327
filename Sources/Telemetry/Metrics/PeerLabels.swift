// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// What metrics say about one end of a connection; an empty value is shown as `unknown`.
package struct PeerLabels: Hashable, Sendable {
    /// The workload's name: that of the Deployment or the like, not of the pod.
    package var workload = ""
    /// Label `service.istio.io/canonical-name`, else `app.kubernetes.io/name`, else `app`, else the workload's name.
    package var canonicalService = ""
    /// Label `service.istio.io/canonical-revision`, else `app.kubernetes.io/version`, else `version`, else `latest`.
    package var canonicalRevision = ""
    /// The namespace.
    package var namespace = ""
    /// The SPIFFE ID; only from a handshake of mutual TLS.
    package var principal = ""
    /// Label `app`, as `canonicalService` where there is none.
    package var app = ""
    /// Label `version`, as `canonicalRevision` where there is none.
    package var version = ""
    /// The cluster.
    package var cluster = ""
    /// The region; left out when empty.
    package var region = ""
    /// The zone; left out when empty.
    package var zone = ""

    /// All unknown.
    package init() {}
}
