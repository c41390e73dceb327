// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Identity

/// Makes the tables of a snapshot from a model.
///
/// Owns all resolution of names: nothing after it compares strings to find out what belongs together. Order matters:
/// services and workloads get their positions first, then endpoints and waypoints, then policies, then the records.
struct SnapshotBuilder {
    let model: MeshModel
    var names = NamePool()
    var workloads = WorkloadTable()
    var services = ServiceTable()
    var policies = PolicyTable()
    var enrollments: [WorkloadIndex: Enrollment] = [:]

    /// The workloads and services that count: the first of each key.
    var uniqueWorkloads: [Workload] = []
    var uniqueServices: [Service] = []
    var workloadsByUID: [String: WorkloadIndex] = [:]
    var servicesByKey: [ServiceKey: ServiceIndex] = [:]
    /// For each service, its endpoints that name a known workload.
    var endpointsByService: [[(workload: WorkloadIndex, endpoint: Endpoint)]] = []
    var namespaceWaypoints: [String: WaypointBinding] = [:]
    /// The waypoints that count, by key.
    var uniqueWaypoints: [Waypoint] = []
    var waypointsByKey: [WaypointKey: WaypointIndex] = [:]
    var networks = Set<NameIndex>()
    var waypointServices = Set<ServiceIndex>()
    var waypointWorkloads = Set<WorkloadIndex>()

    struct WaypointKey: Hashable {
        var namespace: String
        var name: String
    }

    init(_ model: MeshModel) {
        self.model = model
    }

    mutating func build() {
        collect()
        indexAddresses()
        indexClaims()
        resolveWaypoints()
        let bindings = compilePolicies()
        buildServices()
        buildWorkloads(bindings)
        for enrollment in model.enrollments {
            guard let workload = workloadsByUID[enrollment.workloadUID], enrollments[workload] == nil else { continue }
            enrollments[workload] = enrollment
        }
    }

    /// Gives every object that counts its position.
    private mutating func collect() {
        workloadsByUID.reserveCapacity(model.workloads.count)
        uniqueWorkloads.reserveCapacity(model.workloads.count)
        for workload in model.workloads where workloadsByUID[workload.uid] == nil {
            workloadsByUID[workload.uid] = WorkloadIndex(UInt32(uniqueWorkloads.count))
            uniqueWorkloads.append(workload)
        }
        for var service in model.services {
            service.hostname = service.hostname.asciiLowercased
            guard servicesByKey[service.key] == nil else { continue }
            servicesByKey[service.key] = ServiceIndex(UInt32(uniqueServices.count))
            uniqueServices.append(service)
        }
        endpointsByService = Array(repeating: [], count: uniqueServices.count)
        for endpoint in model.endpoints {
            guard let service = find(endpoint.service), let workload = workloadsByUID[endpoint.workloadUID] else {
                continue
            }
            endpointsByService[service.position].append((workload, endpoint))
        }
        for namespace in model.namespaces where namespaceWaypoints[namespace.name] == nil {
            namespaceWaypoints[namespace.name] = namespace.waypoint
        }
    }

    func find(_ key: ServiceKey) -> ServiceIndex? {
        servicesByKey[ServiceKey(namespace: key.namespace, hostname: key.hostname.asciiLowercased)]
    }

    // MARK: Addresses

    private mutating func indexAddresses() {
        let count = uniqueWorkloads.reduce(0) { $0 + ($1.isHostNetwork ? 0 : $1.addresses.count) }
        workloads.addressSlots = HashSlots(count: count)
        workloads.addressOwners.reserveCapacity(count)
        for (position, workload) in uniqueWorkloads.enumerated() where !workload.isHostNetwork {
            let network = names.intern(workload.network)
            networks.insert(network)
            for address in workload.addresses {
                own(address, network: network, workload: WorkloadIndex(UInt32(position)))
            }
        }
    }

    private mutating func own(_ address: IPAddress, network: NameIndex, workload: WorkloadIndex) {
        let hash = WorkloadTable.hash(address, network: network)
        let known = workloads.addressSlots.find(hash: hash) { position in
            workloads.addressOwners[Int(position)].address == address
                && workloads.addressOwners[Int(position)].network == network
        }
        guard let known else {
            let position = UInt32(workloads.addressOwners.count)
            workloads.addressOwners.append(.init(address: address, network: network, workload: workload))
            workloads.addressSlots.insert(position, hash: hash)
            return
        }
        let owner = workloads.addressOwners[Int(known)].workload
        if Self.rank(uniqueWorkloads[workload.position]) > Self.rank(uniqueWorkloads[owner.position]) {
            workloads.addressOwners[Int(known)].workload = workload
        }
    }

    /// Who keeps an address that several claim: captured pods, pods, captured others, the rest (ztunnel behaviour).
    private static func rank(_ workload: Workload) -> Int {
        (workload.isPod ? 2 : 0) + (workload.tunnelProtocol == .hbone ? 1 : 0)
    }
}
