// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Identity
import Mesh
import Routing

/// An address that a test writes as text.
func ip(_ text: String) -> IPAddress {
    guard let address = IPAddress(text) else { preconditionFailure("no address: \(text)") }
    return address
}

/// A block that a test writes as text.
func cidr(_ text: String) -> CIDR {
    guard let block = CIDR(text) else { preconditionFailure("no block: \(text)") }
    return block
}

/// An address and a port that a test writes as text.
func address(_ text: String) -> SocketAddress {
    guard let address = SocketAddress(text) else { preconditionFailure("no address: \(text)") }
    return address
}

/// A mesh to decide in, and what decisions look like as text.
struct Town {
    var model = MeshModel()

    /// A captured pod `client` at 10.0.0.1 on the node `n1`.
    init() {
        add("client", "10.0.0.1") {
            $0.node = "n1"
            $0.locality = Locality(region: "r1", zone: "z1", subzone: "s1")
        }
    }

    /// Adds a captured pod of the namespace `default`, whose uid and service account are its name.
    mutating func add(_ name: String, _ addresses: String..., set: (inout Workload) -> Void = { _ in }) {
        var workload = Workload(uid: name, name: name, namespace: "default", addresses: addresses.map(ip))
        workload.serviceAccount = name
        workload.tunnelProtocol = .hbone
        set(&workload)
        model.workloads.append(workload)
    }

    /// Adds a service of the namespace `default` with port 80 to 8080 in front of some pods.
    mutating func serve(
        _ name: String, at vips: String..., by uids: [String], ports: [UInt16: UInt16] = [:],
        set: (inout Service) -> Void = { _ in }
    ) {
        var service = Service(name: name, namespace: "default", hostname: "\(name).default.svc.cluster.local")
        service.vips = vips.map(cidr)
        service.ports = [ServicePort(servicePort: 80, targetPort: 8080)]
        set(&service)
        model.services.append(service)
        for uid in uids { model.endpoints.append(Endpoint(service: service.key, workloadUID: uid, ports: ports)) }
    }

    /// Adds a waypoint `waypoint` for all traffic, served by the service of that name.
    mutating func addWaypoint(set: (inout Waypoint) -> Void = { _ in }) {
        let key = ServiceKey(namespace: "default", hostname: "waypoint.default.svc.cluster.local")
        var waypoint = Waypoint(namespace: "default", name: "waypoint", destination: .service(key))
        waypoint.trafficType = .all
        set(&waypoint)
        model.waypoints.append(waypoint)
    }

    static let waypoint = WaypointBinding.gateway(namespace: "default", name: "waypoint")

    var snapshot: MeshSnapshot { MeshSnapshot(model, generation: 1) }

    /// The decision about one connection, as text.
    func decide(from uid: String? = "client", to destination: String, seed: UInt64 = 1) -> String {
        let snapshot = snapshot
        let request = OutboundRequest(
            source: uid.flatMap { snapshot.workload(uid: $0) }, destination: address(destination))
        let idle: [UInt32] = []
        var random = RandomSource(seed: seed)
        return snapshot.text(snapshot.decide(request, load: idle.span, random: &random))
    }

    /// All different decisions about connections to one address.
    func choices(from uid: String = "client", to destination: String) -> Set<String> {
        Set((0..<64).map { decide(from: uid, to: destination, seed: $0) })
    }
}

extension MeshSnapshot {
    /// A decision as text.
    func text(_ decision: OutboundDecision) -> String {
        func name(_ service: ServiceIndex?) -> String { service.map { " for \(self[self[$0].name])" } ?? "" }
        func hop(_ route: HBONERoute) -> String {
            let identities = identities(of: route.expected).map { $0.description.split(separator: "/").last ?? "" }
            return
                "\(route.nextHop) as \(identities.joined(separator: ",")) CONNECT \(route.authority)\(name(route.service))"
        }
        return switch decision {
        case .hbone(let route): "hbone \(hop(route))"
        case .hboneViaWaypoint(let route): "waypoint \(hop(route))"
        case .tcp(let route): "tcp \(route.address)\(name(route.service))"
        case .passthrough(let address, let service): "passthrough \(address)\(name(service))"
        case .reject(let rejection): "reject: \(description(of: rejection))"
        }
    }
}
