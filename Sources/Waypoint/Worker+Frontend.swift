// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HTTPRouting
internal import Mesh
internal import Routing

// What connections are addressed to.
extension Worker {
    /// What a plain text listener stands for; nil while its service is not in the configuration.
    func plaintextFrontend(_ position: Int, _ client: Client) -> Frontend? {
        let listener = configuration.plaintext[position]
        let full = "\(listener.service).svc.\(configuration.clusterDomain)"
        let mesh = epoch.mesh
        guard let found = mesh.service(hostname: full) ?? mesh.service(hostname: listener.service) else { return nil }
        let address = SocketAddress(ip: listener.address.ip, port: listener.port)
        return frontend(found, address, client)
    }

    private func frontend(_ service: ServiceIndex, _ address: SocketAddress, _ client: Client) -> Frontend? {
        guard let scope = epoch.routes.table.scope(service: service, port: address.port) else { return nil }
        return Frontend(
            address: address, scope: scope, workload: nil, declared: epoch.routes.table.applicationProtocol(of: scope),
            epoch: epoch, client: client.routeClient(epoch))
    }

    /// What the authority of a CONNECT stands for; nil when this waypoint does not serve it.
    func frontend(_ authority: Authority, _ client: Client) -> Frontend? {
        guard let waypoint = epoch.own.waypoint else { return nil }
        let mesh = epoch.mesh
        let namespace = mesh[waypoint].namespace
        switch authority {
        case .address(let address):
            if let service = mesh.service(at: address.ip, seenFrom: namespace) {
                guard mesh[service].waypoint == waypoint else { return nil }
                return frontend(service, address, client)
            }
            guard let pod = epoch.own.workload, let workload = mesh.workload(at: address.ip, seenFrom: pod),
                mesh[workload].waypoint == waypoint
            else { return nil }
            return Frontend(
                address: address, scope: nil, workload: workload, declared: declared(address.port, of: workload),
                epoch: epoch, client: client.routeClient(epoch))
        case .host(let name, let port):
            guard let service = mesh.service(hostname: name, seenFrom: namespace), mesh[service].waypoint == waypoint
            else { return nil }
            return frontend(service, SocketAddress(ip: IPAddress(v4: 0), port: port), client)
        }
    }

    /// What is declared of a pod's own port: by the services that it is an endpoint of, if they agree.
    private func declared(_ port: UInt16, of workload: WorkloadIndex) -> ApplicationProtocol {
        var result: ApplicationProtocol?
        let mesh = epoch.mesh
        for position in mesh.services.records.indices where !mesh.services.records[position].isVacant {
            let service = ServiceIndex(UInt32(position))
            guard let endpoint = mesh.endpoint(of: service, for: workload) else { continue }
            for position in mesh[service].ports.positions {
                let record = mesh.services.ports[position]
                guard mesh.targetPort(of: record.servicePort, service: service, endpoint: endpoint) == port else {
                    continue
                }
                if let result, result != record.applicationProtocol { return .undeclared }
                result = record.applicationProtocol
            }
        }
        return result ?? .undeclared
    }

    /// The same address and port in the state of now; nil when it is not served any more.
    func renewed(_ old: Frontend, _ client: Client) -> Frontend? {
        let before = old.epoch.mesh
        let mesh = epoch.mesh
        if let scope = old.scope {
            let record = before[old.epoch.routes.table.service(of: scope)]
            let hostname = before[record.hostname]
            let namespace = before[record.namespace]
            let found = mesh.service(hostname: hostname) { mesh[$0.namespace] == namespace }
            return found.flatMap { self.frontend($0, old.address, client) }
        }
        guard let workload = old.workload, let counterpart = before.counterpart(of: workload, in: mesh) else {
            return nil
        }
        var renewed = old
        renewed.workload = counterpart
        renewed.epoch = epoch
        renewed.client = client.routeClient(epoch)
        return renewed
    }
}
