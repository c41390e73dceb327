// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
package import Mesh

extension MeshSnapshot {
    /// Decides where a connection of a pod goes (the order of ztunnel's `build_request`).
    ///
    /// - Parameters:
    ///   - request: the connection.
    ///   - load: connections now open to each workload, by `WorkloadIndex`; what lies beyond its end counts as none.
    ///   - random: decides between endpoints that are equally good.
    /// - Returns: after a failure to connect, add the route's workload to `request.tried` and ask again; a
    ///   `passthrough` has no alternative.
    /// - Complexity: does not allocate. O(log n) in the endpoints of the service, O(n) when most of them are unusable
    ///   for this connection (other network, other family, tried).
    package func decide(
        _ request: OutboundRequest, load: Span<UInt32>, random: inout RandomSource
    ) -> OutboundDecision {
        let original = request.destination
        let isIllegalPort = request.illegalPorts.contains(original.port)
        if isIllegalPort, original.ip.isLoopback || original.ip.isUnspecified { return .reject(.selfCall) }
        guard let source = request.source else { return .reject(.unknownSourceWorkload) }
        if isIllegalPort, has(source, original.ip) { return .reject(.selfCall) }
        if let workload = workload(at: original.ip, seenFrom: source) {
            return decide(request, source: source, workload: workload, load: load, random: &random)
        }
        guard let service = service(at: original.ip, seenFrom: self[source].namespace) else {
            return .passthrough(original, service: nil)
        }
        if let waypoint = self[service].waypoint, !isServer(source, of: waypoint) {
            let call = WaypointCall(waypoint: waypoint, destination: nil, service: service)
            return decide(request, source: source, call, load: load, random: &random)
        }
        if self[service].mode == .passthrough { return .passthrough(original, service: service) }
        let query = EndpointQuery(
            service: service, port: original.port, fallbackPort: nil, source: source, address: original.ip,
            tried: request.tried)
        guard let endpoint = choose(query, load: load, random: &random) else {
            return .reject(request.tried.count > 0 ? .noOtherEndpoint : .noHealthyUpstream(service))
        }
        return route(to: endpoint.workload, at: endpoint.address, service: service, ports: request.illegalPorts)
    }

    /// A connection to a workload's own address.
    private func decide(
        _ request: OutboundRequest, source: WorkloadIndex, workload: WorkloadIndex, load: Span<UInt32>,
        random: inout RandomSource
    ) -> OutboundDecision {
        if let waypoint = self[workload].waypoint, !isServer(source, of: waypoint) {
            let call = WaypointCall(waypoint: waypoint, destination: workload, service: nil)
            return decide(request, source: source, call, load: load, random: &random)
        }
        if request.tried.contains(workload) { return .reject(.noOtherEndpoint) }
        return route(to: workload, at: request.destination, service: nil, ports: request.illegalPorts)
    }

    private struct WaypointCall {
        var waypoint: WaypointIndex
        var destination: WorkloadIndex?
        var service: ServiceIndex?
    }

    /// A connection that goes to a waypoint first: what the pod addressed is passed on as it is.
    private func decide(
        _ request: OutboundRequest, source: WorkloadIndex, _ call: WaypointCall, load: Span<UInt32>,
        random: inout RandomSource
    ) -> OutboundDecision {
        guard let proxy = proxy(of: call.waypoint, request, source: source, load: load, random: &random) else {
            return .reject(request.tried.count > 0 ? .noOtherEndpoint : .unknownWaypoint(call.waypoint))
        }
        guard let identity = self[proxy.workload].identity else { return .reject(.noIdentity(proxy.workload)) }
        var service: ServiceIndex?
        if case .service(let own) = self[call.waypoint].destination { service = own }
        let route = HBONERoute(
            nextHop: proxy.address, authority: request.destination,
            expected: ExpectedIdentities(workload: identity, service: service), nextHopWorkload: proxy.workload,
            destination: call.destination, service: call.service, waypoint: call.waypoint)
        return .hboneViaWaypoint(route)
    }

    private func proxy(
        of waypoint: WaypointIndex, _ request: OutboundRequest, source: WorkloadIndex, load: Span<UInt32>,
        random: inout RandomSource
    ) -> ChosenEndpoint? {
        let record = self[waypoint]
        switch record.destination {
        case .unresolved:
            return nil
        case .workload(let workload):
            let isUsable = self[workload].isReady && !request.tried.contains(workload)
            guard isUsable, let ip = address(of: workload, near: request.destination.ip, families: .automatic) else {
                return nil
            }
            return ChosenEndpoint(workload: workload, address: SocketAddress(ip: ip, port: record.hbonePort))
        case .service(let service):
            let query = EndpointQuery(
                service: service, port: record.hbonePort, fallbackPort: record.hbonePort, source: source,
                address: request.destination.ip, tried: request.tried)
            return choose(query, load: load, random: &random)
        }
    }

    /// The last hop to a workload: by HBONE when it is captured, else as it is.
    private func route(
        to workload: WorkloadIndex, at address: SocketAddress, service: ServiceIndex?, ports: IllegalPorts
    ) -> OutboundDecision {
        switch self[workload].tunnelProtocol {
        case .tcp:
            return .tcp(TCPRoute(address: address, workload: workload, service: service))
        case .hbone:
            guard let identity = self[workload].identity else { return .reject(.noIdentity(workload)) }
            let route = HBONERoute(
                nextHop: SocketAddress(ip: address.ip, port: ports.hbone), authority: address,
                expected: ExpectedIdentities(workload: identity, service: service), nextHopWorkload: workload,
                destination: workload, service: service, waypoint: nil)
            return .hbone(route)
        }
    }
}
