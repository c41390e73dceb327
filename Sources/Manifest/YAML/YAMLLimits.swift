// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// What a manifest file may cost us; everything in it is treated as hostile.
package struct YAMLLimits: Sendable {
    /// Octets of one file; a Kubernetes object is at most 1.5 MiB in etcd, and a file may hold thousands.
    package var fileBytes = 16 << 20
    /// Collections inside each other; manifests as deep as CustomResourceDefinitions stay below 60.
    package var depth = 128
    /// Nodes of one document, aliases counted once; at 24 octets each they take 6 MiB at most.
    package var nodes = 250_000
    /// Nodes of one document with every alias replaced by what it names ("billion laughs").
    package var expandedNodes = 250_000
    /// Octets of one scalar; a ConfigMap or Secret holds 1 MiB at most (k8s.io/api core/v1 `MaxSecretSize`).
    package var scalarBytes = 1 << 20
    /// Anchors of one document.
    package var anchors = 1_000
    /// Documents of one file.
    package var documents = 10_000

    /// The limits every source uses unless a test lowers them.
    package init() {}
}
