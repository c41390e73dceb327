// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HTTP
internal import HTTPRouting
internal import LinuxIO
internal import Manifest
internal import Mesh

/// A request that nobody sends, to ask what a waypoint would do with it.
package struct RouteQuery: Sendable {
    /// The service: a short name, or a full one.
    package var host: String
    /// The namespace of short names.
    package var namespace = "default"
    /// The service's port; nil: the only one.
    package var port: UInt16?
    /// The method.
    package var method = "GET"
    /// The path, with a query if there is one.
    package var path = "/"
    /// Header fields.
    package var headers: [(name: String, value: String)] = []
    /// Who sends it: a namespace, and a service account if one is known; nil: a stranger.
    package var client: (namespace: String, account: String?)?

    /// A GET of `/` from a stranger; the rest is set afterwards.
    package init(host: String) {
        self.host = host
    }

    /// Asks the route table that a waypoint would make of the folder.
    ///
    /// - Throws: when there is no such service or port.
    package func answer(_ content: ConfigurationFolder.Content) throws(OperatorError) -> RouteAnswer {
        let mesh = MeshIndex(content.model)
        let snapshot = mesh.snapshot(generation: 0)
        let (service, port) = try target(content.model)
        var directory = EndpointDirectory()
        let table = RouteTable(mesh, mesh: snapshot, directory: &directory, now: MonotonicTime(nanoseconds: 1))
        guard let index = snapshot.services.records.firstIndex(where: { snapshot[$0.hostname] == service.hostname }),
            let scope = table.scope(service: ServiceIndex(UInt32(index)), port: port)
        else { throw OperatorError("\(service.hostname) has no port \(port) that carries requests") }
        let decision = decide(table, scope, snapshot)
        var answer = RouteAnswer(request: "\(method) http://\(service.hostname):\(port)\(path)")
        answer.waypoint = Self.waypoint(snapshot.services.records[index], snapshot)
        let origin = table.origin(of: decision.rule)
        let binding = content.model.routes.bindings.filter { $0.service == service.key && $0.port == port }
        let rule = binding.lazy.compactMap { $0.http?.rules.first { $0.origin == origin } }.first
        answer.describe(decision.outcome, rule, origin: origin, place: Self.place(of: origin, content))
        for (cluster, weight) in table.alternatives(of: decision) {
            answer.add(cluster, weight: weight, table, snapshot)
        }
        return answer
    }

    private func target(_ model: MeshModel) throws(OperatorError) -> (Service, UInt16) {
        let candidates = [
            host, "\(host).\(namespace).svc.cluster.local", "\(host).svc.cluster.local", "\(host).cluster.local",
        ]
        guard let service = candidates.lazy.compactMap({ name in model.services.first { $0.hostname == name } }).first
        else {
            throw OperatorError(
                "there is no service \(host) in namespace \(namespace); --namespace, or its full name, asks for another"
            )
        }
        let ports = service.ports.map(\.servicePort)
        if let port {
            guard ports.contains(port) else {
                throw OperatorError("\(service.hostname) has no port \(port), only \(Self.list(ports))")
            }
            return (service, port)
        }
        guard ports.count == 1, let only = ports.first else {
            throw OperatorError("which port of \(service.hostname)? --port \(Self.list(ports))")
        }
        return (service, only)
    }

    private static func list(_ ports: [UInt16]) -> String {
        ports.isEmpty ? "none" : ports.map(String.init).joined(separator: ", ")
    }

    private func decide(
        _ table: borrowing RouteTable, _ scope: RouteScope, _ snapshot: MeshSnapshot
    ) -> RouteDecision {
        var head = RequestHead()
        head.setMethod(method.utf8.span)
        head.setScheme("http".utf8.span)
        head.setTarget(path.utf8.span)
        let own = snapshot[snapshot[table.service(of: scope)].hostname]
        let authority = headers.last { $0.name.lowercased() == "host" }?.value ?? own
        head.setAuthority(authority.utf8.span)
        for (name, value) in headers where name.lowercased() != "host" {
            let name = name.lowercased()
            head.fields.append(name: name.utf8.span, value: value.utf8.span)
        }
        var workload: WorkloadIndex?
        if let client, let account = client.account {
            let position = snapshot.workloads.records.firstIndex {
                snapshot[$0.namespace] == client.namespace && snapshot[$0.serviceAccount] == account
            }
            workload = position.map { WorkloadIndex(UInt32($0)) }
        }
        let from = table.client(namespace: client?.namespace ?? "", workload: workload)
        var random = RandomSource(seed: 1)
        var scratch = RouteScratch()
        return table.decide(head, in: scope, from: from, random: &random, scratch: &scratch)
    }

    private static func waypoint(_ record: ServiceRecord, _ snapshot: MeshSnapshot) -> String {
        if let index = record.waypoint {
            let waypoint = snapshot[index]
            return "\(snapshot[waypoint.namespace])/\(snapshot[waypoint.name])"
        }
        let reason: String =
            switch record.waypointStatus {
            case .bound, .unbound: "the service asks for none"
            case .isWaypoint: "the service is one"
            case .notReady: "it does not exist or has no address"
            case .attachmentDenied: "it does not admit the namespace"
            case .unsupportedTrafficType: "it is not for services"
            }
        return "none (\(reason)): the request goes direct, whatever routes say"
    }

    private static func place(of origin: RouteOrigin, _ content: ConfigurationFolder.Content) -> String {
        guard let entry = content.entries.first(where: { $0.object.key.description == origin.object }) else {
            return ""
        }
        let line = Field(entry)?.descendant(origin.field).node.position.line ?? entry.object.line
        return "\(entry.file):\(line)"
    }
}
