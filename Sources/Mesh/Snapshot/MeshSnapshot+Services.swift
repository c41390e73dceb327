// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

extension MeshSnapshot {
    /// The service that has a virtual address, as seen from a namespace.
    ///
    /// An exact address before a block. Of several services with one address: the one in `namespace`, else a service of
    /// the platform, else the first. Of several blocks: one of a service in `namespace`, else the longest prefix.
    /// Services visible to their own namespace only are skipped for others.
    ///
    /// - Complexity: O(number of different prefix lengths); does not allocate.
    package func service(at address: IPAddress, seenFrom namespace: NameIndex) -> ServiceIndex? {
        if let exact = block(address, prefixLength: address.isIPv4 ? 32 : 128),
            let claimants = services.claimants(of: exact),
            let best = services.best(of: claimants, for: namespace)
        {
            return best.service
        }
        let count = address.isIPv4 ? services.prefixLengthsIPv4.count : services.prefixLengthsIPv6.count
        var longest: ServiceIndex?
        for position in 0..<count {
            let length = address.isIPv4 ? services.prefixLengthsIPv4[position] : services.prefixLengthsIPv6[position]
            guard let block = block(address, prefixLength: length), let claimants = services.claimants(of: block),
                let best = services.best(of: claimants, for: namespace)
            else { continue }
            if best.isOwn { return best.service }
            if longest == nil { longest = best.service }
        }
        return longest
    }

    private func block(_ address: IPAddress, prefixLength: Int) -> CIDR? {
        CIDR(address, prefixLength: prefixLength)
    }

    /// The service of a hostname, as seen from a namespace; ties as for `service(at:seenFrom:)`.
    ///
    /// - Parameter hostname: compared without regard to ASCII case.
    package func service(hostname: String, seenFrom namespace: NameIndex) -> ServiceIndex? {
        guard let claimants = services.claimants(ofHostname: hostname.asciiLowercased) else { return nil }
        return services.best(of: claimants, for: namespace)?.service
    }

    /// The service of a hostname, whoever may use it: of several that meet a condition one of the platform, else the first.
    ///
    /// - Parameter hostname: compared without regard to ASCII case.
    /// - Complexity: O(number of services of this hostname).
    package func service(
        hostname: String, where isMeant: (ServiceRecord) -> Bool = { _ in true }
    ) -> ServiceIndex? {
        guard let claimants = services.claimants(ofHostname: hostname.asciiLowercased) else { return nil }
        for position in claimants.positions {
            let service = services.claimants[position]
            if isMeant(services.records[service.position]) { return service }
        }
        return nil
    }

    /// The first plain virtual address of a service; nil for one that has none (headless, or a block only).
    package func firstAddress(of service: ServiceIndex) -> IPAddress? {
        for position in self[service].addresses.positions {
            if let address = services.addresses[position].onlyAddress { return address }
        }
        return nil
    }

    /// The port on an endpoint for a port of its service: the endpoint's own mapping, else the service's.
    ///
    /// - Parameter endpoint: nil when the workload is no endpoint of the service.
    /// - Returns: nil when neither says.
    package func targetPort(of port: UInt16, service: ServiceIndex, endpoint: EndpointRecord?) -> UInt16? {
        if let endpoint {
            for position in endpoint.ports.positions where services.portMappings[position].servicePort == port {
                return services.portMappings[position].targetPort
            }
        }
        for position in services.records[service.position].ports.positions
        where services.ports[position].servicePort == port {
            return services.ports[position].targetPort
        }
        return nil
    }

    /// The endpoint that a workload is of a service, ready or not; nil when it is none.
    ///
    /// - Complexity: O(number of the service's endpoints).
    package func endpoint(of service: ServiceIndex, for workload: WorkloadIndex) -> EndpointRecord? {
        for position in services.records[service.position].endpoints.positions
        where services.endpoints[position].workload == workload {
            return services.endpoints[position]
        }
        return nil
    }
}

extension String {
    /// The text with ASCII letters in lower case; allocates only when there is an upper-case one.
    package var asciiLowercased: String {
        guard utf8.contains(where: { $0 >= 0x41 && $0 <= 0x5A }) else { return self }
        return String(decoding: utf8.map { $0 >= 0x41 && $0 <= 0x5A ? $0 | 0x20 : $0 }, as: UTF8.self)
    }
}
