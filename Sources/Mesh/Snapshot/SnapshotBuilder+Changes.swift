// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// Positions whose records a change has to write again.
struct DirtyPositions {
    var workloads = Set<Int>()
    /// Workloads of which their services must know: weight, place, or whether they have an address.
    var movedWorkloads = Set<Int>()
    var services = Set<Int>()
    /// Those of `services` that are not only behind other endpoints or another waypoint.
    var changedServices = Set<Int>()
    var isElseChanged = false

    var isEmpty: Bool { workloads.isEmpty && services.isEmpty && !isElseChanged }
}

// How a change gets into the tables. What it does not name is not looked at, but for what may depend on it: the services of a
// workload, the waypoints, and all workloads when policies change.
extension SnapshotBuilder {
    /// Takes a change.
    ///
    /// - Returns: whether anything is another now.
    mutating func apply(_ change: MeshChange) -> Bool {
        var dirty = DirtyPositions()
        let setCount = binder.setCount
        for (uid, workload) in change.workloads { if let workload { set(workload, uid: uid, &dirty) } }
        for (key, service) in change.services { set(service, key: key, &dirty) }
        for (key, endpoints) in change.endpoints { set(endpoints, of: key, &dirty) }
        let gone = change.workloads.filter { $0.value == nil }.compactMap { find(workload: $0.key)?.position }
        followMoves(Set(change.endpoints.keys.compactMap { find($0)?.position }), gone: Set(gone), &dirty)
        for position in gone { vacate(workload: position, &dirty) }
        for (uid, enrollment) in change.enrollments { set(enrollment, uid: uid, &dirty) }
        let hasOtherPolicies = policySources.apply(change)
        if hasOtherPolicies {
            binder = PolicyBinder(policySources, rootNamespaces: rootNamespaces, names: &names)
            dirty.isElseChanged = true
        }
        if dirty.isEmpty { return false }
        resolveWaypointsAgain(&dirty)
        write(dirty, rebinding: hasOtherPolicies)
        if hasOtherPolicies || binder.setCount != setCount { policies = binder.table() }
        return true
    }

    private mutating func write(_ dirty: DirtyPositions, rebinding: Bool) {
        for position in dirty.services.sorted() where !isVacant(service: position) {
            let isSame = !dirty.changedServices.contains(position) && position < services.records.count
            writeService(position, same: isSame ? services.records[position] : nil)
        }
        for position in dirty.workloads.sorted() where !isVacant(workload: position) { bindWorkload(position) }
        guard rebinding else { return }
        for position in workloads.records.indices
        where !workloads.records[position].isVacant && !dirty.workloads.contains(position) {
            writePolicies(position)
        }
    }

    func isVacant(workload position: Int) -> Bool { workloads.records[position].isVacant }

    private func isVacant(service position: Int) -> Bool { uniqueServices[position].hostname.isEmpty }

    // MARK: Workloads

    private mutating func set(_ workload: Workload, uid: String, _ dirty: inout DirtyPositions) {
        guard let position = find(workload: uid)?.position else {
            add(workload, &dirty)
            return
        }
        let old = self.workload(at: position)
        guard old != workload else { return }
        disclaimAddresses(of: position)
        writeWorkload(workload, at: position)
        claimAddresses(of: position)
        dirty.workloads.insert(position)
        let isMoved =
            old.capacity != workload.capacity || old.addresses.isEmpty != workload.addresses.isEmpty
            || old.locality != workload.locality || old.node != workload.node || old.clusterID != workload.clusterID
            || old.network != workload.network
        if isMoved { dirty.movedWorkloads.insert(position) }
    }

    private mutating func add(_ workload: Workload, _ dirty: inout DirtyPositions) {
        guard let vacant = vacantWorkloads.popLast()?.position else {
            dirty.workloads.insert(workloads.records.count)
            addWorkload(workload)
            return
        }
        writeWorkload(workload, at: vacant)
        insertUID(of: vacant)
        claimAddresses(of: vacant)
        dirty.workloads.insert(vacant)
    }

    private mutating func vacate(workload position: Int, _ dirty: inout DirtyPositions) {
        let index = WorkloadIndex(UInt32(position))
        removeUID(of: position)
        disclaimAddresses(of: position)
        setNode(of: index, from: names[workloads.records[position].node], to: "")
        workloadSources[position].labels = [:]
        askedWaypoints[index] = nil
        workloads.records[position].isVacant = true
        names.replace(workloads.records[position].uid, with: "")
        names.replace(workloads.records[position].name, with: "")
        enrollments[index] = nil
        vacantWorkloads.append(index)
        dirty.isElseChanged = true
    }

    private mutating func set(_ enrollment: Enrollment?, uid: String, _ dirty: inout DirtyPositions) {
        guard let workload = find(workload: uid), enrollments[workload] != enrollment else { return }
        enrollments[workload] = enrollment
        dirty.isElseChanged = true
    }

    // MARK: Services

    private mutating func set(_ service: Service?, key: ServiceKey, _ dirty: inout DirtyPositions) {
        let known = find(key)?.position
        guard let service else {
            if let known { vacate(service: known, &dirty) }
            return
        }
        guard let position = known else {
            add(service, &dirty)
            return
        }
        guard uniqueServices[position] != service else { return }
        disclaimNames(of: position)
        uniqueServices[position] = service
        claimNames(of: position)
        dirty.services.insert(position)
        dirty.changedServices.insert(position)
    }

    private mutating func add(_ service: Service, _ dirty: inout DirtyPositions) {
        let position: Int
        if let vacant = vacantServices.popLast() {
            position = vacant.position
            uniqueServices[position] = service
        } else {
            position = uniqueServices.count
            uniqueServices.append(service)
            endpointsByService.append([])
            writeService(position)
        }
        servicesByKey[Self.lowercased(service.key)] = ServiceIndex(UInt32(position))
        claimNames(of: position)
        dirty.services.insert(position)
        dirty.changedServices.insert(position)
    }

    private mutating func vacate(service position: Int, _ dirty: inout DirtyPositions) {
        disclaimNames(of: position)
        servicesByKey[Self.lowercased(uniqueServices[position].key)] = nil
        replaceMembers(of: position, with: [])
        uniqueServices[position] = Service(name: "", namespace: "", hostname: "")
        services.records[position].isVacant = true
        services.records[position].eligibleCount = 0
        vacantServices.append(ServiceIndex(UInt32(position)))
        dirty.isElseChanged = true
    }

    // MARK: Endpoints

    private mutating func set(_ endpoints: [Endpoint], of key: ServiceKey, _ dirty: inout DirtyPositions) {
        guard let position = find(key)?.position else { return }
        var members: [Member] = []
        members.reserveCapacity(endpoints.count)
        for endpoint in endpoints {
            if let workload = find(workload: endpoint.workloadUID) { members.append(Member(endpoint, workload)) }
        }
        guard members != endpointsByService[position] else { return }
        replaceMembers(of: position, with: members)
        dirty.services.insert(position)
    }

    private mutating func replaceMembers(of service: Int, with members: [Member]) {
        for member in endpointsByService[service] { endpointCounts[member.workload.position] -= 1 }
        for member in members { endpointCounts[member.workload.position] += 1 }
        endpointsByService[service] = members
    }

    /// Has services written again whose endpoints have moved, and takes those out of services that are gone.
    ///
    /// - Parameter named: the services of which the change has told the endpoints: most often all there are.
    private mutating func followMoves(_ named: Set<Int>, gone: Set<Int>, _ dirty: inout DirtyPositions) {
        let moved = dirty.movedWorkloads.union(gone)
        var left: [Int: UInt32] = [:]
        for position in moved where endpointCounts[position] > 0 { left[position] = endpointCounts[position] }
        if left.isEmpty { return }
        for service in named {
            for member in endpointsByService[service] where moved.contains(member.workload.position) {
                left[member.workload.position, default: 0] -= 1
                dirty.services.insert(service)
            }
        }
        let isComplete = left.allSatisfy { $0.value == 0 && !gone.contains($0.key) }
        if isComplete { return }
        for service in endpointsByService.indices
        where endpointsByService[service].contains(where: { moved.contains($0.workload.position) }) {
            let members = endpointsByService[service].filter { !gone.contains($0.workload.position) }
            if members != endpointsByService[service] { replaceMembers(of: service, with: members) }
            dirty.services.insert(service)
        }
    }

    // MARK: Waypoints

    /// Finds the proxies of all waypoints again: few, and an address or a service may lead to others now.
    private mutating func resolveWaypointsAgain(_ dirty: inout DirtyPositions) {
        let servers = waypointWorkloads
        let fronts = waypointServices
        resolveWaypoints()
        dirty.workloads.formUnion(servers.symmetricDifference(waypointWorkloads).map(\.position))
        dirty.services.formUnion(fronts.symmetricDifference(waypointServices).map(\.position))
    }
}
