// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// How requests reach the endpoints of a service: a DestinationRule for one host.
package struct DestinationPolicy: Equatable, Sendable {
    /// Some of the endpoints, by labels.
    package struct Subset: Equatable, Sendable {
        /// The name that routes use.
        package var name: String
        /// Labels that an endpoint's workload must have.
        package var labels: [String: String]
        /// The policy of these endpoints: what the subset does not say is what the service's says.
        package var policy: TrafficPolicy
        /// Policies of single ports, in the place of `policy`.
        package var ports: [UInt16: TrafficPolicy]

        /// Puts the parts together.
        package init(
            name: String, labels: [String: String], policy: TrafficPolicy, ports: [UInt16: TrafficPolicy] = [:]
        ) {
            self.name = name
            self.labels = labels
            self.policy = policy
            self.ports = ports
        }
    }

    /// The service.
    package var service: ServiceKey
    /// The object, as `DestinationRule default/reviews`.
    package var origin: String
    /// The policy of all endpoints.
    package var policy: TrafficPolicy
    /// Policies of single ports, in the place of `policy`.
    package var ports: [UInt16: TrafficPolicy]
    /// The subsets.
    package var subsets: [Subset]

    /// Defaults for a service; the rest is set afterwards.
    package init(service: ServiceKey, origin: String = "") {
        self.service = service
        self.origin = origin
        policy = TrafficPolicy()
        ports = [:]
        subsets = []
    }

    /// The policy of a port, of a subset or of all endpoints; nil when there is no such subset.
    package func policy(port: UInt16, subset name: String?) -> TrafficPolicy? {
        guard let name else { return ports[port] ?? policy }
        guard let subset = subsets.first(where: { $0.name == name }) else { return nil }
        return subset.ports[port] ?? subset.policy
    }
}
