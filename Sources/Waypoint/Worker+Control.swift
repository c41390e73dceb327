// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HBONE
internal import HTTP1
internal import HTTP2
internal import Identity
internal import LinuxIO
internal import Mesh

// What the control thread tells a worker, and how a worker comes to its end.
extension Worker {
    /// Obeys a message.
    func take(_ message: WorkerMessage) {
        switch message {
        case .routes(let new): adopt(new)
        case .identity(let new):
            identity = new
            principal = new.id.description
        case .listen(let new): listen(new)
        case .drain(let deadline): beginDrain(deadline)
        case .carry(let connection): carry(connection)
        case .stop: isStopped = true
        }
        performSteps()
    }

    private func listen(_ new: [(purpose: Listener.Purpose, descriptor: CInt)]) {
        for (purpose, descriptor) in new {
            let listener = Listener(socket: OwnedDescriptor(adopting: descriptor), purpose: purpose)
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

    /// The mesh has changed: connections find their services again; what was decided already is carried out as it was.
    func adopt(_ new: Routes) {
        // Another worker may have brought it already.
        guard new.mesh.generation > epoch.mesh.generation else { return }
        epoch = RouteEpoch(new)
        for key in downstreams.keys {
            downstreams.withElement(key) { downstream in
                if let frontend = self.renewed(downstream.frontend, downstream.client) {
                    downstream.frontend = frontend
                } else {
                    // The service is gone: what it was goes on for a moment, and nobody stays.
                    self.drain(&downstream, key)
                }
            }
        }
    }

    private func beginDrain(_ deadline: MonotonicTime) {
        guard drainDeadline == nil else { return }
        drainDeadline = deadline
        for key in listeners.keys {
            // What is in the accept queue has been promised a connection by the kernel.
            acceptConnections(key, limit: .max)
            _ = listeners.remove(key)
        }
        for key in downstreams.keys {
            downstreams.withElement(key) { self.drain(&$0, key) }
        }
        for key in carriers.keys {
            withCarrier(key) { (carrier: inout Carrier) throws(HBONEError) in
                guard carrier.target == nil else { return }
                carrier.isDraining = true
                carrier.hbone.http2.beginDrain(now: self.now)
                self.markDirty(&carrier, key)
                self.rearm(&carrier, key)
            }
        }
        timers.arm(EventToken(kind: TokenKind.housekeeping, index: 0, generation: 0), at: deadline)
    }

    private func drain(_ downstream: inout Downstream, _ key: Downstream.Key) {
        downstream.isDraining = true
        switch downstream.mode {
        case .http1:
            downstream.http1?.closeAfterResponse()
            // A request may be on its way: the connection closes when it is answered, or after a moment.
            if downstream.exchange == nil { arm(&downstream, key, configuration.closeTimeout) }
        case .http2:
            downstream.pipe.http2?.beginDrain(now: now)
            markDirty(&downstream.pipe, .downstream(key))
            if downstream.exchangeCount == 0 { arm(&downstream, key, configuration.closeTimeout) }
        case .sniffing: arm(&downstream, key, configuration.closeTimeout)
        case .raw, .closing: break
        }
    }

    /// Ends the worker when nothing is left to carry, or when the time is up.
    func continueDrain(until deadline: MonotonicTime) {
        // From an empty mailbox that is closed nothing can come any more.
        if downstreams.count == 0 && mailbox.closeIfEmpty() || deadline <= now { isStopped = true }
    }

    /// Ends everything, when the worker stops.
    func closeEverything() {
        for case .carry(let connection) in mailbox.close() { connection.abort() }
        for key in listeners.keys { _ = listeners.remove(key) }
        for key in downstreams.keys { closeDownstream(key) }
        performSteps()
        for key in upstreams.keys { closeUpstream(key, .termination) }
        performSteps()
        for key in carriers.keys { closeCarrier(key, .closedLocally) }
        performSteps()
    }
}
