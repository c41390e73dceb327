// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// What a translation must know that no object says.
package struct TranslationOptions: Sendable {
    /// Namespaces whose policies hold for the whole mesh.
    package var rootNamespaces: Set<String> = ["ambit-system", "istio-system"]
    /// The cluster's domain, in hostnames of services.
    package var clusterDomain = "cluster.local"
    /// The trust domain of every workload.
    package var trustDomain = "cluster.local"
    /// The cluster's name.
    package var clusterID = "Kubernetes"
    /// The cluster's network.
    package var network = ""
    /// Whether a pod may name its network namespace (`ambit.dev/netns`): where whoever writes pods is trusted with the node.
    package var readsNamespacePaths = true
    /// The node whose pods are to be captured; nil for all nodes.
    package var node: String?

    /// The usual names, for all nodes.
    package init() {}
}
