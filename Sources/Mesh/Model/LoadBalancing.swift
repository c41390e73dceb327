// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// Which endpoints of a service a client prefers (Istio's workload API `LoadBalancing`).
package struct LoadBalancing: Hashable, Sendable {
    /// What to do with the preference.
    package enum Mode: Hashable, Sendable {
        /// Every endpoint is as good as another.
        case standard
        /// Only endpoints that share every scope of the preference with the client.
        case strict
        /// Endpoints that share more leading scopes with the client first.
        case failover
        /// None: connections go where the client sent them (ServiceEntry `resolution: NONE`).
        case passthrough
    }

    /// What a client and an endpoint may have in common.
    package enum Scope: Hashable, Sendable {
        /// The region.
        case region
        /// The zone.
        case zone
        /// The part of the zone.
        case subzone
        /// The node.
        case node
        /// The cluster.
        case cluster
        /// The network.
        case network
    }

    /// What to do with the preference.
    package var mode: Mode
    /// The scopes, the widest first; at most 8, others are ignored.
    package var routingPreference: [Scope]

    /// Puts the two together.
    package init(mode: Mode, routingPreference: [Scope] = []) {
        self.mode = mode
        self.routingPreference = routingPreference
    }

    /// No preference.
    package static let standard = LoadBalancing(mode: .standard)
    /// `trafficDistribution: PreferClose`, and its newer name `PreferSameZone`.
    package static let preferSameZone = LoadBalancing(mode: .failover, routingPreference: [.network, .region, .zone])
    /// `trafficDistribution: PreferSameNode`.
    package static let preferSameNode = LoadBalancing(
        mode: .failover, routingPreference: [.network, .region, .zone, .subzone, .node])
    /// `internalTrafficPolicy: Local`.
    package static let localNode = LoadBalancing(mode: .strict, routingPreference: [.node])
    /// ServiceEntry `resolution: NONE`.
    package static let passthrough = LoadBalancing(mode: .passthrough)
}
