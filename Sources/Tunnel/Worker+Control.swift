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

// What the control thread tells a worker, and how a worker comes to its end.
extension Worker {
    /// Obeys a message.
    func take(_ message: WorkerMessage) {
        switch message {
        case .snapshot(let new): adopt(new)
        case .attach(let pod, let listeners): attach(pod, listeners)
        case .detach(let uid, let drain): detach(uid, drain)
        case .drain(let deadline): beginDrain(deadline)
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

    /// A pod leaves: no new connection from now on; those that are open may go on for `time`.
    private func detach(_ uid: String, _ time: Nanoseconds) {
        guard let pod = pods.removeValue(forKey: uid) else { return }
        closeListeners { $0 === pod }
        guard time.count > 0 else { return endAll { $0 === pod } }
        for key in connections.keys {
            withConnection(key) { (connection: inout TunnelConnection) throws(HBONEError) in
                guard connection.pod === pod else { return }
                self.drain(&connection, key)
            }
        }
        departures.append((pod, now + time))
        timers.arm(EventToken(kind: TokenKind.housekeeping, index: 0, generation: 0), at: now + time)
    }

    /// Ends what is left of pods whose time to drain is over.
    func endDepartures() {
        for (pod, deadline) in departures where deadline <= now {
            endAll { $0 === pod }
        }
        departures.removeAll { $0.deadline <= now }
    }

    private func closeListeners(_ isMeant: (Pod) -> Bool) {
        for key in listeners.keys {
            var isClosed = false
            listeners.withElement(key) { isClosed = isMeant($0.pod) }
            guard isClosed else { continue }
            // What is in the accept queue has been promised a connection by the kernel.
            acceptConnections(key, limit: .max)
            _ = listeners.remove(key)
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

    private func drain(_ connection: inout TunnelConnection, _ key: TunnelConnection.Key) {
        connection.isDraining = true
        forget(connection.poolKey, key)
        // A peer in the middle of its handshake, or just after it, is told when its first stream has come, and served until then.
        if connection.poolKey == nil {
            guard connection.hbone.phase == .established else { return }
            let grace = connection.phaseBegan + Self.firstStreamGrace
            if connection.hbone.http2.activeStreamCount == 0, grace > now {
                connection.deadline = grace
                return rearm(&connection, key)
            }
        }
        connection.hbone.http2.beginDrain(now: now)
        markDirty(&connection, key)
        rearm(&connection, key)
    }

    private func beginDrain(_ deadline: MonotonicTime) {
        guard drainDeadline == nil else { return }
        drainDeadline = deadline
        closeListeners { _ in true }
        for key in connections.keys {
            withConnection(key) { (connection: inout TunnelConnection) throws(HBONEError) in
                self.drain(&connection, key)
            }
        }
        timers.arm(EventToken(kind: TokenKind.housekeeping, index: 0, generation: 0), at: deadline)
    }

    /// Ends the worker when nothing is left to carry, or when the time is up.
    func continueDrain(until deadline: MonotonicTime) {
        // From an empty mailbox that is closed nothing can come any more.
        if (isCarryingNothing && mailbox.closeIfEmpty()) || deadline <= now { isStopped = true }
    }

    /// Whether nothing is carried, and no peer may still open a stream in good faith.
    ///
    /// That may one which shakes hands, or has not heard our GOAWAY; both end by deadlines of their own.
    private var isCarryingNothing: Bool {
        guard relays.count == 0, splices.count == 0 else { return false }
        for key in connections.keys {
            if connections.withElement(key, { $0.poolKey == nil }) == true { return false }
        }
        return true
    }

    /// Ends every connection of the pods that are meant.
    private func endAll(_ isMeant: (Pod) -> Bool) {
        for key in relays.keys {
            var isEnded = false
            relays.withElement(key) { isEnded = isMeant($0.details.pod) }
            if isEnded { finishRelay(key, .drained) }
        }
        for key in splices.keys {
            var isEnded = false
            splices.withElement(key) { isEnded = isMeant($0.details.pod) }
            if isEnded { finishSplice(key, .drained) }
        }
        for key in connections.keys {
            var isEnded = false
            connections.withElement(key) { isEnded = isMeant($0.pod) }
            if isEnded { closeConnection(key, .closedLocally) }
        }
        performDeferred()
    }

    /// Ends everything, when the worker stops.
    func closeEverything() {
        for case .carry(_, _, let descriptor, _) in mailbox.close() { _ = OwnedDescriptor(adopting: descriptor) }
        for key in listeners.keys { _ = listeners.remove(key) }
        endAll { _ in true }
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
