// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HBONE
internal import HTTP2
internal import LinuxIO

// How pods leave and a worker comes to its end: nothing new is taken, peers are told, what is open has time.
extension Worker {
    /// A pod that has left: its connections may go on for a while.
    struct Departure {
        let pod: Pod
        let end: QuietEnd
    }

    /// A pod leaves: no new connection from now on; those that are open may go on for `time`.
    func detach(_ uid: String, _ time: Nanoseconds) {
        guard let pod = pods.removeValue(forKey: uid) else { return }
        closeListeners { $0 === pod }
        guard time.count > 0 else { return endAll { $0 === pod } }
        for key in connections.keys {
            withConnection(key) { (connection: inout TunnelConnection) throws(HBONEError) in
                guard connection.pod === pod else { return }
                self.drain(&connection, key)
            }
        }
        forgetPauses { $0 === pod }
        departures.append(Departure(pod: pod, end: QuietEnd(now: now, deadline: now + time)))
        continueDepartures()
    }

    /// The process is about to end: no new connection from now on; those that are open may go on until `deadline`.
    func beginDrain(until deadline: MonotonicTime) {
        guard drainEnd == nil else { return }
        drainEnd = QuietEnd(now: now, deadline: deadline)
        forgetPauses { _ in true }
        closeListeners { _ in true }
        for key in connections.keys {
            withConnection(key) { (connection: inout TunnelConnection) throws(HBONEError) in
                self.drain(&connection, key)
            }
        }
        continueDepartures()
    }

    /// Ends what is between two exchanges, and what is left when the time is up; looks again when there is reason to.
    func continueDepartures() {
        var next = MonotonicTime.distantFuture
        for departure in departures {
            if departure.end.deadline <= now {
                endAll { $0 === departure.pod }
            } else {
                endQuiet(departure.end) { $0 === departure.pod }
                next = min(next, departure.end.next(after: now))
            }
        }
        departures.removeAll { $0.end.deadline <= now }
        // At its deadline the worker ends.
        if let drainEnd, drainEnd.deadline > now {
            endQuiet(drainEnd) { _ in true }
            next = min(next, drainEnd.next(after: now))
        }
        if next != .distantFuture {
            timers.arm(EventToken(kind: TokenKind.housekeeping, index: 0, generation: 0), at: next)
        }
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

    /// From now on connections show how long their answers pause.
    private func forgetPauses(_ isMeant: (Pod) -> Bool) {
        for key in relays.keys {
            relays.withElement(key) { if isMeant($0.details.pod) { $0.clock.longestPause = Nanoseconds(0) } }
        }
        for key in splices.keys {
            splices.withElement(key) { if isMeant($0.details.pod) { $0.clock.longestPause = Nanoseconds(0) } }
        }
    }

    /// Ends the connections of the pods that are meant which are silent after an answer.
    ///
    /// Who opened such a connection gets FIN, as from a server that is tired of it, and says FIN itself: all ends in order.
    private func endQuiet(_ end: QuietEnd, _ isMeant: (Pod) -> Bool) {
        guard let silence = end.silence(at: now) else { return }
        for key in relays.keys {
            var isOver = false
            var inbound: (connection: TunnelConnection.Key, stream: StreamHandle)?
            relays.withElement(key) { relay in
                guard isMeant(relay.details.pod), relay.isAtRest,
                    end.isQuiet(relay.clock, silence: silence, now: self.now)
                else { return }
                if !relay.flags.contains(.isInbound) {
                    isOver = self.takeEndOfStream(&relay) != nil
                } else if let connection = relay.connection, let stream = relay.stream {
                    inbound = (connection, stream)
                    relay.flags.insert(.readClosed)
                    self.watchHalfClose(&relay)
                }
            }
            if isOver { finishRelay(key, .complete) }
            if let inbound {
                withConnection(inbound.connection) { (connection: inout TunnelConnection) throws(HBONEError) in
                    connection.hbone.http2.endStream(inbound.stream)
                    self.markDirty(&connection, inbound.connection)
                }
            }
        }
        for key in splices.keys {
            var isOver = false
            splices.withElement(key) { splice in
                guard isMeant(splice.details.pod), splice.isAtRest,
                    end.isQuiet(splice.clock, silence: silence, now: self.now)
                else { return }
                splice.response.isEnded = true
                isOver = self.move(&splice, key) != nil
            }
            if isOver { finishSplice(key, .complete) }
        }
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
}
