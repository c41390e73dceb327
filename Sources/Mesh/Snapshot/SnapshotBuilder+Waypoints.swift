// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// Istio's binding of objects to waypoints: the object's label, else its namespace's; a waypoint that does not exist,
/// does not admit the namespace, or is for other traffic is not used, and the status says so.
extension SnapshotBuilder {
    /// Finds the proxies of all waypoints.
    mutating func resolveWaypoints() {
        waypointServices = []
        waypointWorkloads = []
        services.waypoints = []
        workloads.waypointServers = []
        for (position, waypoint) in uniqueWaypoints.enumerated() {
            let destination = destination(of: waypoint)
            let record = WaypointRecord(
                namespace: names.intern(waypoint.namespace), name: names.intern(waypoint.name),
                destination: destination, hbonePort: waypoint.hbonePort,
                tellsClientIdentity: waypoint.tellsClientIdentity)
            services.waypoints.append(record)
            addServers(of: WaypointIndex(UInt32(position)), at: destination)
        }
        workloads.waypointServers.sort()
    }

    private mutating func destination(of waypoint: Waypoint) -> WaypointRecord.Destination {
        switch waypoint.destination {
        case .service(let key):
            guard let service = find(key) else { return .unresolved }
            return .service(service)
        case .address(let address):
            let length = address.isIPv4 ? 32 : 128
            if let block = CIDR(address, prefixLength: length), let claimants = services.claimants(of: block),
                let service = firstClaimant(claimants, namespace: waypoint.namespace)
            {
                return .service(service)
            }
            for network in networks.sorted() {
                let network = names.intern(network)
                if let workload = workloads.find(address, network: network) { return .workload(workload) }
            }
            return .unresolved
        }
    }

    /// As `ServiceTable.best`, at a time when there are no records yet.
    private func firstClaimant(_ claimants: IndexRange, namespace: String) -> ServiceIndex? {
        let candidates = claimants.positions.map { services.claimants[$0] }
        return candidates.first { uniqueServices[$0.position].namespace == namespace }
            ?? candidates.first { uniqueServices[$0.position].visibility == .mesh }
    }

    private mutating func addServers(of waypoint: WaypointIndex, at destination: WaypointRecord.Destination) {
        switch destination {
        case .service(let service):
            waypointServices.insert(service)
            for member in endpointsByService[service.position] {
                waypointWorkloads.insert(member.workload)
                workloads.waypointServers.append(
                    .init(workload: member.workload.rawValue, waypoint: waypoint.rawValue))
            }
        case .workload(let workload):
            waypointWorkloads.insert(workload)
            workloads.waypointServers.append(.init(workload: workload.rawValue, waypoint: waypoint.rawValue))
        case .unresolved:
            break
        }
    }

    func waypoint(for service: Service, at index: ServiceIndex) -> (WaypointIndex?, WaypointStatus) {
        if waypointServices.contains(index) { return (nil, .isWaypoint) }
        return resolve(service.waypoint, namespace: service.namespace) { $0 == .service || $0 == .all }
    }

    func waypoint(forWorkloadAt index: WorkloadIndex) -> (WaypointIndex?, WaypointStatus) {
        if waypointWorkloads.contains(index) { return (nil, .isWaypoint) }
        let namespace = names[workloads.records[index.position].namespace]
        return resolve(askedWaypoints[index] ?? .inherit, namespace: namespace) { $0 == .workload || $0 == .all }
    }

    private func resolve(
        _ binding: WaypointBinding, namespace: String, accepts: (Waypoint.TrafficType) -> Bool
    ) -> (WaypointIndex?, WaypointStatus) {
        let isOwn = binding != .inherit
        guard case .gateway(let gatewayNamespace, let name) = isOwn ? binding : namespaceWaypoints[namespace] ?? .none
        else { return (nil, .unbound) }
        guard let index = waypointsByKey[WaypointKey(namespace: gatewayNamespace, name: name)] else {
            return (nil, .notReady)
        }
        let waypoint = uniqueWaypoints[index.position]
        guard waypoint.admits(namespace) else { return (nil, .attachmentDenied) }
        guard accepts(waypoint.trafficType) else {
            // A namespace's label is meant for whichever traffic its waypoint takes: nothing to report.
            return (nil, isOwn ? .unsupportedTrafficType : .unbound)
        }
        return (index, .bound)
    }
}

extension Waypoint {
    func admits(_ other: String) -> Bool {
        switch allowedNamespaces {
        case .same: other == namespace
        case .all: true
        case .names(let names): names.contains(other)
        }
    }
}
