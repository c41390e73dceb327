// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Identity

/// Makes the tables of a snapshot from a model, and keeps them in step with changes of it.
///
/// Owns all resolution of names: nothing after it compares strings to find out what belongs together. Order matters:
/// services and workloads get their positions first, then endpoints and waypoints, then policies, then the records. What was
/// built from a model and changed afterwards decides as what is built from the changed model; only positions differ.
struct SnapshotBuilder {
    let rootNamespaces: Set<String>
    var names = NamePool()
    var workloads = WorkloadTable()
    var services = ServiceTable()
    var policies = PolicyTable()
    var enrollments: [WorkloadIndex: Enrollment] = [:]

    /// For each workload, what its record does not say; what is at vacant places has no meaning.
    var workloadSources = ChunkedArray<WorkloadSource>()
    /// The waypoints that workloads ask for; of those that are not here, what their namespaces say counts.
    var askedWaypoints: [WorkloadIndex: WaypointBinding] = [:]
    /// The services that count: the first of each key; what is at vacant places has no meaning.
    var uniqueServices: [Service] = []
    var vacantWorkloads: [WorkloadIndex] = []
    var vacantServices: [ServiceIndex] = []
    var servicesByKey: [ServiceKey: ServiceIndex] = [:]
    /// For each service, its endpoints that name a known workload.
    var endpointsByService: [[Member]] = []
    /// For each workload, how many endpoints name it.
    var endpointCounts = ChunkedArray<UInt32>()
    var namespaceWaypoints: [String: WaypointBinding] = [:]
    /// The waypoints that count, by key.
    var uniqueWaypoints: [Waypoint] = []
    var waypointsByKey: [WaypointKey: WaypointIndex] = [:]
    /// Networks that have had a workload with an address.
    var networks: Set<String> = []
    var waypointServices = Set<ServiceIndex>()
    var waypointWorkloads = Set<WorkloadIndex>()
    /// Who claims an address that several do.
    var rivals: [WorkloadTable.AddressKey: Set<WorkloadIndex>] = [:]
    var identities: [IdentityKey: IdentityIndex?] = [:]
    var policySources = PolicySources()
    var binder: PolicyBinder
    /// What is in the tables and is used no more, in elements.
    var garbage = 0

    /// What the record of a workload does not say.
    struct WorkloadSource {
        var labels: [String: String]
        var trustDomain: NameIndex
    }

    /// A workload behind a service: an `Endpoint` without the names.
    struct Member: Equatable {
        let workload: WorkloadIndex
        let isReady: Bool
        let isServing: Bool
        let isTerminating: Bool
        let ports: [UInt16: UInt16]

        init(_ endpoint: Endpoint, _ workload: WorkloadIndex) {
            self.workload = workload
            isReady = endpoint.isReady
            isServing = endpoint.isServing
            isTerminating = endpoint.isTerminating
            ports = endpoint.ports
        }
    }

    struct WaypointKey: Hashable {
        var namespace: String
        var name: String
    }

    struct IdentityKey: Hashable {
        var trustDomain: NameIndex
        var namespace: NameIndex
        var serviceAccount: NameIndex
    }

    init(_ model: MeshModel) {
        rootNamespaces = model.rootNamespaces
        policySources = PolicySources(model)
        binder = PolicyBinder(policySources, rootNamespaces: rootNamespaces, names: &names)
        collect(model)
        indexClaims()
        resolveWaypoints()
        for position in uniqueServices.indices { writeService(position) }
        for position in workloads.records.indices { bindWorkload(position) }
        policies = binder.table()
        for enrollment in model.enrollments {
            guard let workload = find(workload: enrollment.workloadUID), enrollments[workload] == nil else { continue }
            enrollments[workload] = enrollment
        }
    }

    /// Gives every object that counts its position.
    private mutating func collect(_ model: MeshModel) {
        workloads.uidSlots = HashSlots(count: model.workloads.count)
        for workload in model.workloads where find(workload: workload.uid) == nil { addWorkload(workload) }
        uniqueServices = Self.unique(model.services) { service, position in
            let key = Self.lowercased(service.key)
            let isNew = servicesByKey[key] == nil
            if isNew { servicesByKey[key] = ServiceIndex(position) }
            return isNew
        }
        endpointsByService = Array(repeating: [], count: uniqueServices.count)
        for endpoint in model.endpoints {
            guard let service = find(endpoint.service), let workload = find(workload: endpoint.workloadUID) else {
                continue
            }
            endpointsByService[service.position].append(Member(endpoint, workload))
            endpointCounts[workload.position] += 1
        }
        for namespace in model.namespaces where namespaceWaypoints[namespace.name] == nil {
            namespaceWaypoints[namespace.name] = namespace.waypoint
        }
        for waypoint in model.waypoints {
            let key = WaypointKey(namespace: waypoint.namespace, name: waypoint.name)
            guard waypointsByKey[key] == nil else { continue }
            waypointsByKey[key] = WaypointIndex(UInt32(uniqueWaypoints.count))
            uniqueWaypoints.append(waypoint)
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

    static func lowercased(_ key: ServiceKey) -> ServiceKey {
        ServiceKey(namespace: key.namespace, hostname: key.hostname.asciiLowercased)
    }

    func find(_ key: ServiceKey) -> ServiceIndex? {
        servicesByKey[Self.lowercased(key)]
    }

    func find(workload uid: String) -> WorkloadIndex? {
        let position = workloads.uidSlots.find(hash: uid.hashValue) { names[workloads.records[Int($0)].uid] == uid }
        return position.map { WorkloadIndex($0) }
    }

    mutating func insertUID(of position: Int) {
        let uid = names[workloads.records[position].uid]
        workloads.insert(UInt32(position), hash: uid.hashValue, names)
    }

    mutating func removeUID(of position: Int) {
        let uid = names[workloads.records[position].uid]
        workloads.remove(UInt32(position), hash: uid.hashValue, names)
    }
}
