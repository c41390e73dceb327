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
        uniqueWorkloads = Self.unique(model.workloads) { workload, position in
            let isNew = workloadsByUID[workload.uid] == nil
            if isNew { workloadsByUID[workload.uid] = WorkloadIndex(position) }
            return isNew
        }
        uniqueServices = Self.unique(model.services) { service, position in
            let key = Self.lowercased(service.key)
            let isNew = servicesByKey[key] == nil
            if isNew { servicesByKey[key] = ServiceIndex(position) }
            return isNew
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

    /// The elements that are new by `add`, which gets the position each would have; the same array when all are.
    private static func unique<Element>(
        _ elements: [Element], add: (borrowing Element, _ position: UInt32) -> Bool
    ) -> [Element] {
        var old: [Int] = []
        for position in elements.indices where !add(elements[position], UInt32(position - old.count)) {
            old.append(position)
        }
        if old.isEmpty { return elements }
        let dropped = Set(old)
        return elements.indices.filter { !dropped.contains($0) }.map { elements[$0] }
    }

    private static func lowercased(_ key: ServiceKey) -> ServiceKey {
        ServiceKey(namespace: key.namespace, hostname: key.hostname.asciiLowercased)
    }

    func find(_ key: ServiceKey) -> ServiceIndex? {
        servicesByKey[Self.lowercased(key)]
    }

    // MARK: Addresses

    private mutating func indexAddresses() {
        let all = uniqueWorkloads
        var count = 0
        for position in all.indices where !all[position].isHostNetwork { count += all[position].addresses.count }
        workloads.addressSlots = HashSlots(count: count)
        workloads.addressOwners.reserveCapacity(count)
        for position in all.indices where !all[position].isHostNetwork {
            let network = names.intern(all[position].network)
            networks.insert(network)
            for address in all[position].addresses {
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
        if rank(workload) > rank(owner) { workloads.addressOwners[Int(known)].workload = workload }
    }

    /// Who keeps an address that several claim: captured pods, pods, captured others, the rest (ztunnel behaviour).
    private func rank(_ workload: WorkloadIndex) -> Int {
        (uniqueWorkloads[workload.position].isPod ? 2 : 0)
            + (uniqueWorkloads[workload.position].tunnelProtocol == .hbone ? 1 : 0)
    }
}
