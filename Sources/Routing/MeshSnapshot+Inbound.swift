// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
package import Mesh

extension MeshSnapshot {
    /// Decides where an HBONE request that arrived for a pod goes.
    ///
    /// The connection to the application always goes to the pod itself. An authority of another address is accepted
    /// only if the pod is the waypoint of what it names.
    ///
    /// - Parameters:
    ///   - workload: the pod whose network namespace it arrived in; nil when nothing is known of it.
    ///   - localAddress: the pod's address that it arrived at.
    ///   - authority: the parsed `:authority`; nil when it is malformed.
    /// - Complexity: O(1) for addresses, O(endpoints of the service) for hostnames; does not allocate.
    package func decideInbound(
        to workload: WorkloadIndex?, at localAddress: IPAddress, authority: Authority?,
        illegalPorts: IllegalPorts = IllegalPorts()
    ) -> InboundDecision {
        guard let authority else { return .reject(.malformedAuthority) }
        guard let workload else { return .reject(.unknownWorkload) }
        if let tunnel = self[workload].applicationTunnel {
            return decide(tunnel, of: workload, at: localAddress, authority, illegalPorts)
        }
        switch authority {
        case .address(let address):
            var route = InboundRoute(destination: address, service: nil)
            if address.ip != localAddress, !has(workload, address.ip) {
                guard let served = served(by: workload, at: address.ip) else { return .reject(.ipMismatch) }
                let destination = SocketAddress(ip: localAddress, port: address.port)
                route = InboundRoute(destination: destination, service: served.service)
            }
            return illegalPorts.contains(address.port) ? .reject(.selfCall) : .accept(route)
        case .host(let name, let port):
            guard let service = service(hostname: name, seenFrom: self[workload].namespace) else {
                return .reject(.unknownHost)
            }
            let endpoint = endpoint(of: service, for: workload)
            guard let target = targetPort(of: port, service: service, endpoint: endpoint) else {
                return .reject(.noPort)
            }
            if illegalPorts.contains(target) { return .reject(.selfCall) }
            let destination = SocketAddress(ip: localAddress, port: target)
            return .accept(InboundRoute(destination: destination, service: service))
        }
    }

    /// A request for a proxy of which the tunnel ends HBONE: whatever it is for, the proxy is asked.
    private func decide(
        _ tunnel: ApplicationTunnel, of workload: WorkloadIndex, at localAddress: IPAddress, _ authority: Authority,
        _ illegalPorts: IllegalPorts
    ) -> InboundDecision {
        let asked: SocketAddress
        var service: ServiceIndex?
        var resolved: UInt16
        switch authority {
        case .address(let address):
            asked = address
            service = served(by: workload, at: address.ip)?.service
            resolved = address.port
        case .host(let name, let port):
            guard let named = self.service(hostname: name, seenFrom: self[workload].namespace) else {
                return .reject(.unknownHost)
            }
            service = named
            asked = SocketAddress(ip: virtualAddress(of: named, near: localAddress) ?? localAddress, port: port)
            resolved = targetPort(of: port, service: named, endpoint: endpoint(of: named, for: workload)) ?? port
        }
        if let port = tunnel.port { resolved = port }
        if illegalPorts.contains(resolved) { return .reject(.selfCall) }
        return .accept(
            InboundRoute(
                destination: SocketAddress(ip: localAddress, port: resolved), service: service,
                announced: tunnel.preamble == .proxy ? asked : nil))
    }

    /// A virtual address of a service, of the family of `other` if it has one.
    private func virtualAddress(of service: ServiceIndex, near other: IPAddress) -> IPAddress? {
        var result: IPAddress?
        for position in self[service].addresses.positions {
            let address = services.addresses[position].network
            if address.isIPv4 == other.isIPv4 { return address }
            if result == nil { result = address }
        }
        return result
    }

    /// Decides where captured plaintext that arrived for a pod goes: where it was sent, unless that is the tunnel.
    ///
    /// - Parameter original: the address and port the peer connected to.
    package func decidePlaintextInbound(
        to workload: WorkloadIndex?, original: SocketAddress, illegalPorts: IllegalPorts = IllegalPorts()
    ) -> InboundDecision {
        if illegalPorts.contains(original.port) { return .reject(.selfCall) }
        guard workload != nil else { return .reject(.unknownWorkload) }
        return .accept(InboundRoute(destination: original, service: nil))
    }

    /// Whether a workload has an address.
    func has(_ workload: WorkloadIndex, _ address: IPAddress) -> Bool {
        for position in self[workload].addresses.positions where workloads.addresses[position] == address {
            return true
        }
        return false
    }

    private struct Served {
        var service: ServiceIndex?
    }

    /// What has an address and this workload as its waypoint.
    private func served(by proxy: WorkloadIndex, at address: IPAddress) -> Served? {
        if let workload = workload(at: address, seenFrom: proxy) {
            guard let waypoint = self[workload].waypoint, isServer(proxy, of: waypoint) else { return nil }
            return Served(service: nil)
        }
        guard let service = service(at: address, seenFrom: self[proxy].namespace),
            let waypoint = self[service].waypoint, isServer(proxy, of: waypoint)
        else { return nil }
        return Served(service: service)
    }
}
