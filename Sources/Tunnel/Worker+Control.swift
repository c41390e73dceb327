// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Authorization
internal import Bytes
internal import HBONE
internal import HTTP2
internal import Identity
internal import LinuxIO
internal import Mesh
internal import TLS
internal import Telemetry

// What the control thread tells a worker.
extension Worker {
    /// Obeys a message.
    func take(_ message: WorkerMessage) {
        switch message {
        case .snapshot(let new): adopt(new)
        case .attach(let pod, let listeners): attach(pod, listeners)
        case .detach(let uid, let drain): detach(uid, drain)
        case .drain(let deadline): beginDrain(until: deadline)
        case .carry(let pod, let purpose, let descriptor, let peer):
            carryHandedOver(OwnedDescriptor(adopting: descriptor), purpose, pod: pod, peer: peer)
        case .stop: isStopped = true
        case .revoke(let lists): closeRevoked(lists)
        case .report(let report): report.add(rows())
        }
        performDeferred()
    }

    private func attach(_ pod: Pod, _ new: [(purpose: Listener.Purpose, descriptor: CInt)]) {
        pods[pod.uid] = pod
        for (purpose, descriptor) in new {
            let listener = Listener(socket: OwnedDescriptor(adopting: descriptor), purpose: purpose, pod: pod)
            guard let key = listeners.insert(listener) else { continue }
            do {
                try poller.addReadable(
                    descriptor,
                    token: EventToken(kind: TokenKind.listener, index: key.index, generation: key.generation))
            } catch {
                observer.acceptFailed(error)
            }
        }
    }

    /// Cuts the connections of peers that are revoked now; nothing is said to them that a revoked peer need know.
    private func closeRevoked(_ lists: RevocationSet) {
        for key in connections.keys {
            connections.withElement(key) { connection in
                guard let peer = connection.hbone.peer, lists.revokes(anyOf: peer.path) else { return }
                self.deferred.append(.closeConnection(key, .tls(.certificateRevoked)))
            }
        }
    }

    /// The mesh has changed: counts load by the new indexes, and closes what is no longer allowed.
    private func adopt(_ new: MeshSnapshot) {
        let old = snapshot
        snapshot = new
        load = Array(repeating: 0, count: new.workloadCount)
        var changed: [ObjectIdentifier: Bool] = [:]
        for key in relays.keys {
            var details: ConnectionDetails?
            relays.withElement(key) { details = $0.details }
            guard let details, let end = review(details, old, &changed) else { continue }
            finishRelay(key, end)
        }
        for key in splices.keys {
            var details: ConnectionDetails?
            splices.withElement(key) { details = $0.details }
            guard let details, let end = review(details, old, &changed) else { continue }
            finishSplice(key, end)
        }
    }

    /// Carries a connection over to the new snapshot.
    ///
    /// - Returns: how it ends, when it is no longer allowed.
    private func review(
        _ details: ConnectionDetails, _ old: MeshSnapshot, _ changed: inout [ObjectIdentifier: Bool]
    ) -> ConnectionEnd? {
        if let workload = details.loadedWorkload, details.generation == old.generation {
            details.loadedWorkload = old.counterpart(of: workload, in: snapshot)
            guard let counterpart = details.loadedWorkload else { return .destinationGone }
            load[counterpart.position] += 1
        }
        details.generation = snapshot.generation
        guard details.reporter == .destination else { return nil }
        let pod = ObjectIdentifier(details.pod)
        if changed[pod] == nil { changed[pod] = hasNewRules(details.pod, old) }
        guard changed[pod] == true, let rule = refusal(of: details) else { return nil }
        return .deniedLate(rule)
    }

    private func hasNewRules(_ pod: Pod, _ old: MeshSnapshot) -> Bool {
        guard let before = old.workload(uid: pod.uid), let after = snapshot.workload(uid: pod.uid) else { return true }
        return !old.hasSameInboundRules(for: before, as: snapshot, at: after)
    }

    /// The rule that refuses a connection to a pod of ours now; nil when it is allowed.
    ///
    /// A pod that the configuration does not know any more is on its way out: its connections drain, they are not judged.
    private func refusal(of details: ConnectionDetails) -> String? {
        guard let workload = snapshot.workload(uid: details.pod.uid) else { return nil }
        let verdict = snapshot.authorize(
            connectionTo: workload, at: details.target,
            from: PeerInfo(identity: details.peerIdentity, sourceIP: details.source.ip))
        return snapshot.refusal(of: verdict)
    }

    private func rows() -> [ConnectionRow] {
        var rows: [ConnectionRow] = []
        for key in relays.keys {
            relays.withElement(key) { relay in
                var row = self.row(relay.details, "relay-\(self.index)-\(key.index)-\(key.generation)")
                row.bytesSent = relay.bytesFromApplication
                row.bytesReceived = relay.bytesToApplication
                row.state = relay.phase == .established ? "open" : "opening"
                rows.append(row)
            }
        }
        for key in splices.keys {
            splices.withElement(key) { splice in
                var row = self.row(splice.details, "splice-\(self.index)-\(key.index)-\(key.generation)")
                (row.bytesSent, row.bytesReceived) = splice.bytes
                row.state = splice.isConnected ? "open" : "opening"
                rows.append(row)
            }
        }
        return rows
    }

    private func row(_ details: ConnectionDetails, _ id: String) -> ConnectionRow {
        var row = ConnectionRow(
            details.reporter, source: details.source, destination: details.target, transport: details.transport)
        let (own, peer) =
            details.reporter == .source
            ? (details.sourceParty, details.destinationParty) : (details.destinationParty, details.sourceParty)
        row.id = id
        row.namespace = own?.access.namespace ?? ""
        row.workload = own?.access.workload ?? details.pod.name
        row.peer = peer.map { "\($0.access.namespace)/\($0.access.workload)" } ?? ""
        row.peerIdentity = details.peerIdentity?.description ?? ""
        row.service = details.service?.hostname ?? ""
        row.tunnelProtocol = details.peerIdentity == nil ? "TCP" : "HBONE"
        row.age = now - details.opened
        return row
    }
}
