// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Authorization
internal import Bytes
internal import HBONE
internal import HTTP2
internal import Mesh
internal import Routing
internal import TLS
internal import Telemetry

// What may reach the pods of this node: is it for the pod, and do the policies let it in.
extension Worker {
    /// What was decided about an inbound connection.
    enum Judgement {
        /// Goes to `details.target`.
        case accepted(ConnectionDetails)
        /// Not let in.
        case refused(ConnectionDetails, ConnectionEnd)
    }

    /// Judges the CONNECT whose fields are at hand.
    func judge(_ connection: borrowing TunnelConnection) -> Judgement {
        let pod = connection.pod
        let authority = Authority(connection.hbone.http2.fields.authority)
        let local = SocketAddress(ip: connection.localIP, port: configuration.hbonePort)
        func details(target: SocketAddress) -> ConnectionDetails {
            let details = ConnectionDetails(
                pod: pod, reporter: .destination, source: connection.peerAddress, target: target,
                generation: snapshot.generation, opened: now)
            details.transport = local
            details.peerIdentity = connection.hbone.peer?.id
            switch authority {
            case .address(let address): details.authority = address.description
            case .host(let name, let port): details.authority = "\(name):\(port)"
            case .none: break
            }
            return details
        }
        guard connection.hbone.http2.fields.method.equals("CONNECT"), connection.hbone.peer != nil,
            !connection.hbone.http2.fields.contains(.protocol)
        else {
            return .refused(details(target: local), .refused(rejection(.notConnect)))
        }
        let workload = snapshot.workload(uid: pod.uid)
        switch snapshot.decideInbound(
            to: workload, at: connection.localIP, authority: authority, illegalPorts: configuration.ownPorts)
        {
        case .reject(let rejection):
            let details = details(target: local)
            if let workload { nameParties(details, workload, service: nil) }
            return .refused(details, .refused(self.rejection(rejection)))
        case .accept(let route):
            guard let workload else {
                return .refused(details(target: local), .refused(self.rejection(.unknownWorkload)))
            }
            let details = details(target: route.destination)
            let service = route.service ?? forwardedService(connection.hbone.http2.fields, workload)
            nameParties(details, workload, service: service)
            if let announced = route.announced {
                details.preamble = ProxyHeader.encode(
                    source: connection.peerAddress, destination: announced, identity: details.peerIdentity)
            }
            return authorized(details, workload)
        }
    }

    /// The service that the client says it called (`forwarded`), if the workload is behind it; for telemetry only.
    private func forwardedService(_ fields: borrowing HTTP2Fields, _ workload: WorkloadIndex) -> ServiceIndex? {
        let namespace = snapshot.workloads.records[workload.position].namespace
        guard let index = fields.firstIndex(of: "forwarded"),
            let host = Forwarded.host(parsing: fields.value(index)),
            let service = snapshot.service(hostname: host, seenFrom: namespace),
            snapshot.endpoint(of: service, for: workload) != nil
        else { return nil }
        return service
    }

    /// Judges a connection in plain text, which proves no identity.
    func judgePlaintext(pod: Pod, peer: SocketAddress, target: SocketAddress) -> Judgement {
        let details = ConnectionDetails(
            pod: pod, reporter: .destination, source: peer, target: target, generation: snapshot.generation, opened: now
        )
        let workload = snapshot.workload(uid: pod.uid)
        switch snapshot.decidePlaintextInbound(to: workload, original: target, illegalPorts: configuration.ownPorts) {
        case .reject(let rejection):
            return .refused(details, .refused(self.rejection(rejection)))
        case .accept:
            guard let workload else {
                return .refused(details, .refused(self.rejection(.unknownWorkload)))
            }
            nameParties(details, workload, service: nil)
            return authorized(details, workload)
        }
    }

    private func rejection(_ rejection: InboundRejection) -> ConnectionEnd.Refusal {
        .badRequest("\(rejection)", status: rejection.status, rejection.reason)
    }

    private func authorized(_ details: ConnectionDetails, _ workload: WorkloadIndex) -> Judgement {
        let verdict = snapshot.authorize(
            connectionTo: workload, at: details.target,
            from: PeerInfo(identity: details.peerIdentity, sourceIP: details.source.ip))
        observer.decided(verdict, snapshot, now: now)
        guard let rule = snapshot.refusal(of: verdict) else { return .accepted(details) }
        return .refused(details, .denied(rule, verdict.reason))
    }

    /// Who is who, as far as addresses tell; the source is only named, never trusted, by its address.
    private func nameParties(_ details: ConnectionDetails, _ workload: WorkloadIndex, service: ServiceIndex?) {
        details.destinationParty = observer.party(workload, snapshot)
        details.service = service.map { observer.service($0, snapshot) }
        details.sourceParty = snapshot.workload(at: details.source.ip, seenFrom: workload).map {
            observer.party($0, snapshot)
        }
    }

    /// Answers a CONNECT that is carried.
    func sendAcceptance(_ stream: StreamHandle, _ details: ConnectionDetails, _ connection: inout TunnelConnection) {
        connection.hbone.http2.beginHeaders(stream)
        connection.hbone.http2.addField(name: ":status", value: "200")
        if let baggage = details.destinationParty?.baggage, !baggage.isEmpty {
            connection.hbone.http2.addField(name: "baggage", value: baggage.utf8.span)
        }
        connection.hbone.http2.endHeaders(isEndStream: false)
    }
}

extension Verdict {
    /// The reason for the refusals metric.
    var reason: RefusalReason {
        switch decision {
        case .allowed, .explicitlyDenied: .policyDenied
        case .notAllowed: .policyNotAllowed
        case .mutualTLSRequired: .plaintextRefused
        }
    }
}

extension InboundRejection {
    /// The reason for the refusals metric.
    var reason: RefusalReason {
        switch self {
        case .selfCall: .loop
        case .notConnect, .malformedAuthority: .protocolViolation
        case .ipMismatch, .unknownWorkload, .unknownHost, .noPort: .unknownDestination
        }
    }
}
