// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

// Which services claim which virtual address and which hostname.
extension SnapshotBuilder {
    /// Lists the claims of all services.
    mutating func indexClaims() {
        var blocks: [CIDR: [ServiceIndex]] = [:]
        var hostnames: [String: [ServiceIndex]] = [:]
        var blockOrder: [CIDR] = []
        var hostnameOrder: [String] = []
        for (position, service) in uniqueServices.enumerated() {
            let index = ServiceIndex(UInt32(position))
            for block in service.vips {
                if blocks[block] == nil { blockOrder.append(block) }
                if blocks[block]?.last != index { blocks[block, default: []].append(index) }
            }
            let hostname = service.hostname.asciiLowercased
            if hostnames[hostname] == nil { hostnameOrder.append(hostname) }
            hostnames[hostname, default: []].append(index)
        }
        services.virtualAddressSlots = HashSlots(count: blockOrder.count)
        for block in blockOrder { add(block, addClaimants(blocks[block] ?? [])) }
        services.hostnameSlots = HashSlots(count: hostnameOrder.count)
        for hostname in hostnameOrder { add(hostname: hostname, addClaimants(hostnames[hostname] ?? [])) }
        func lengths(isIPv4: Bool) -> ContiguousArray<Int> {
            let shorter = blockOrder.filter { $0.network.isIPv4 == isIPv4 && $0.prefixLength < (isIPv4 ? 32 : 128) }
            return ContiguousArray(Set(shorter.map(\.prefixLength)).sorted(by: >))
        }
        services.prefixLengthsIPv4 = lengths(isIPv4: true)
        services.prefixLengthsIPv6 = lengths(isIPv4: false)
    }

    /// Lists the claims of a service that is new.
    mutating func claimNames(of position: Int) {
        let index = ServiceIndex(UInt32(position))
        for block in Set(uniqueServices[position].vips) {
            if let claim = services.claim(of: block) {
                let old = services.virtualAddresses[Int(claim)].claimants
                services.virtualAddresses[Int(claim)].claimants = claimants(old, with: index)
            } else {
                add(block, addClaimants([index]))
            }
            note(prefixLength: block.prefixLength, isIPv4: block.network.isIPv4)
        }
        let hostname = uniqueServices[position].hostname.asciiLowercased
        if let claim = services.claim(ofHostname: hostname) {
            let old = services.hostnames[Int(claim)].claimants
            services.hostnames[Int(claim)].claimants = claimants(old, with: index)
        } else {
            add(hostname: hostname, addClaimants([index]))
        }
    }

    /// Undoes `claimNames` for a service that is as it was then.
    mutating func disclaimNames(of position: Int) {
        let index = ServiceIndex(UInt32(position))
        for block in Set(uniqueServices[position].vips) {
            guard let claim = services.claim(of: block) else { continue }
            let old = services.virtualAddresses[Int(claim)].claimants
            services.virtualAddresses[Int(claim)].claimants = claimants(old, without: index)
        }
        guard let claim = services.claim(ofHostname: uniqueServices[position].hostname.asciiLowercased) else { return }
        let old = services.hostnames[Int(claim)].claimants
        services.hostnames[Int(claim)].claimants = claimants(old, without: index)
    }

    private mutating func add(_ block: CIDR, _ claimants: IndexRange) {
        let position = UInt32(services.virtualAddresses.count)
        services.virtualAddresses.append(.init(key: block, claimants: claimants))
        Self.insert(position, of: services.virtualAddresses, into: &services.virtualAddressSlots)
    }

    private mutating func add(hostname: String, _ claimants: IndexRange) {
        let position = UInt32(services.hostnames.count)
        services.hostnames.append(.init(key: hostname, claimants: claimants))
        Self.insert(position, of: services.hostnames, into: &services.hostnameSlots)
    }

    private static func insert<Key>(
        _ position: UInt32, of claims: ChunkedArray<ServiceTable.Claim<Key>>, into slots: inout HashSlots
    ) {
        slots.insert(position, hash: claims[Int(position)].key.hashValue) { claims[Int($0)].key.hashValue }
    }

    private mutating func note(prefixLength: Int, isIPv4: Bool) {
        guard prefixLength < (isIPv4 ? 32 : 128) else { return }
        if isIPv4 {
            Self.insert(prefixLength, into: &services.prefixLengthsIPv4)
        } else {
            Self.insert(prefixLength, into: &services.prefixLengthsIPv6)
        }
    }

    private static func insert(_ length: Int, into lengths: inout ContiguousArray<Int>) {
        guard !lengths.contains(length) else { return }
        lengths.insert(length, at: lengths.firstIndex { $0 < length } ?? lengths.endIndex)
    }

    // MARK: Claimants

    private mutating func addClaimants(_ claimants: [ServiceIndex]) -> IndexRange {
        let range = IndexRange(start: services.claimants.count, count: claimants.count)
        for claimant in claimants.sorted(by: isBefore) { services.claimants.append(claimant) }
        return range
    }

    private mutating func claimants(_ old: IndexRange, with service: ServiceIndex) -> IndexRange {
        garbage += Int(old.count)
        return addClaimants(old.positions.map { services.claimants[$0] } + [service])
    }

    private mutating func claimants(_ old: IndexRange, without service: ServiceIndex) -> IndexRange {
        garbage += 1
        var end = Int(old.start)
        for position in old.positions where services.claimants[position] != service {
            services.claimants[end] = services.claimants[position]
            end += 1
        }
        return IndexRange(start: Int(old.start), count: end - Int(old.start))
    }

    /// Those of the platform first, then by namespace and name; hosts of one object keep their order.
    private func isBefore(_ one: ServiceIndex, _ other: ServiceIndex) -> Bool {
        let (left, right) = (uniqueServices[one.position], uniqueServices[other.position])
        if left.isCanonical != right.isCanonical { return left.isCanonical }
        if left.namespace != right.namespace { return left.namespace < right.namespace }
        if left.name != right.name { return left.name < right.name }
        return one.rawValue < other.rawValue
    }
}
