// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// Whether the workloads it selects insist on mutual TLS (Istio PeerAuthentication).
///
/// Precedence: a policy with a selector (for workloads of its own namespace) before one of the namespace, before one of
/// a root namespace; of several of equal rank the one with the least `(creationTimestamp, name)` counts.
package struct PeerAuthentication: Equatable, Sendable {
    /// What a port accepts.
    package enum Mode: Hashable, Sendable {
        /// What the next wider policy says; the widest says `permissive`.
        case unset
        /// Mutual TLS and plaintext.
        case permissive
        /// Mutual TLS only.
        case strict
        /// As `permissive`: mutual TLS between members of an ambient mesh cannot be turned off.
        case disable
    }

    /// The object's namespace.
    package var namespace: String
    /// The object's name.
    package var name: String
    /// Labels a workload must have (`selector.matchLabels`); empty selects the whole namespace, or mesh.
    package var selector: [String: String]
    /// The mode of every port; an unreadable one must be given as `.strict`.
    package var mode: Mode
    /// Modes of single ports of the workload; counts only with a selector, as in Istio.
    package var portLevelMTLS: [UInt16: Mode]
    /// Seconds since 1970 (`metadata.creationTimestamp`); 0 when unknown.
    package var creationTimestamp: Int64

    /// A policy for the whole of its scope; the rest is set afterwards.
    package init(namespace: String, name: String, mode: Mode) {
        self.namespace = namespace
        self.name = name
        self.mode = mode
        selector = [:]
        portLevelMTLS = [:]
        creationTimestamp = 0
    }
}
