// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HBONE
internal import HTTP2
internal import LinuxIO
internal import Routing
internal import TLS

// What happens on HBONE connections: their sockets and the events of their streams.
extension Worker {
    /// The socket of a carrier is ready for something.
    func carrierEvent(_ key: Carrier.Key, _ readiness: LinuxIO.Readiness) {
        withCarrier(key) { (carrier: inout Carrier) throws(HBONEError) in
            if readiness.invitesWriting {
                let wasConnecting = carrier.hbone.phase == .connecting
                try carrier.hbone.becameWritable(&self.scratch)
                if wasConnecting {
                    carrier.deadline = self.now + self.configuration.handshakeTimeout
                    self.rearm(&carrier, key)
                }
                if carrier.hbone.canSend { self.markDirty(&carrier, key) }
            }
            if readiness.invitesReading {
                carrier.hbone.isReadable = true
                if readiness.tellsEnd {
                    carrier.hbone.isPeerFinished = true
                }
                try self.read(&carrier, key)
            }
        }
    }

    /// Runs `body` on a carrier; an error it throws closes the carrier when the event at hand is over.
    func withCarrier(_ key: Carrier.Key, _ body: (inout Carrier) throws(HBONEError) -> Void) {
        do throws(HBONEError) {
            try carriers.withElement(key, body)
        } catch {
            scratch.incoming.clear()
            scratch.incomingOffset = 0
            steps.append(.closeCarrier(key, error))
        }
    }

    /// Reads and takes events, within the budget of a turn.
    func read(_ carrier: inout Carrier, _ key: Carrier.Key) throws(HBONEError) {
        var reads = 0
        receiving: while true {
            if scratch.incomingOffset == scratch.incoming.count {
                if reads == Self.readsPerTurn {
                    carrier.isReadPending = true
                    markDirty(&carrier, key)
                    break receiving
                }
                reads += 1
            }
            switch try carrier.hbone.receive(&scratch) {
            case .plaintext:
                // The scratch buffers are free for others while the payload is looked at.
                swap(&scratch.plaintext, &plain)
                scratch.plaintext.clear()
                var offset = 0
                while let event = try carrier.hbone.nextEvent(in: plain, at: &offset, now: now) {
                    take(event, &carrier, key)
                }
            case .established: established(&carrier, key)
            case .drained: break receiving
            case .ended: throw .closedByPeer
            }
        }
        rearm(&carrier, key)
        if carrier.hbone.http2.hasPendingOutput { markDirty(&carrier, key) }
    }

    private func established(_ carrier: inout Carrier, _ key: Carrier.Key) {
        carrier.deadline = .distantFuture
        if carrier.target == nil {
            carrier.client = Client(address: carrier.peerAddress, identity: carrier.hbone.peer?.id)
            carrier.deadline = now + configuration.idleTimeout
        }
        for upstream in carrier.waiting { steps.append(.openStream(upstream)) }
        carrier.waiting = []
        markDirty(&carrier, key)
    }

    private func take(_ event: HTTP2Event, _ carrier: inout Carrier, _ key: Carrier.Key) {
        switch event {
        case .headers(let stream, let kind, let isEndStream):
            switch kind {
            case .request: acceptStream(stream, isEndStream: isEndStream, &carrier, key)
            case .response: takeResponse(stream, &carrier)
            case .informational: break
            case .trailers: if isEndStream { deliverEnd(stream, carrier) }
            }
        case .data(let stream, let offset, let count, let isEndStream):
            deliver(stream, offset..<offset + count, &carrier)
            if isEndStream { deliverEnd(stream, carrier) }
        case .reset(let stream, _, _): streamReset(stream, carrier)
        case .sendWindowOpened(let stream): queue(stream, &carrier, key)
        case .connectionWindowOpened:
            while let stream = carrier.hbone.http2.nextSendableStream() { queue(stream, &carrier, key) }
        case .goAway:
            carrier.isDraining = true
            closeIfIdle(&carrier, key)
        case .settingsChanged, .pingAcknowledged: break
        }
    }

    // MARK: Streams of clients

    private func acceptStream(
        _ stream: StreamHandle, isEndStream: Bool, _ carrier: inout Carrier, _ key: Carrier.Key
    ) {
        guard let client = carrier.client, carrier.hbone.http2.fields.method.equals("CONNECT"),
            carrier.hbone.http2.fields.protocol.isEmpty,
            let authority = Authority(carrier.hbone.http2.fields.authority)
        else {
            observer.refused("no CONNECT with an authority", carrier.peerAddress)
            return refuse(stream, 400, &carrier, key)
        }
        guard let frontend = frontend(authority, client) else {
            observer.refused("not served by this waypoint: \(authority)", carrier.peerAddress)
            return refuse(stream, 503, &carrier, key)
        }
        if isEndStream { return refuse(stream, 503, &carrier, key) }
        if handOver(stream, authority, client, frontend, &carrier, key) { return }
        guard servedCount < configuration.maxConnections else { return refuse(stream, 503, &carrier, key) }
        var downstream = Downstream(
            pipe: Pipe(carrier: key, stream: stream), client: client, frontend: frontend,
            deadline: now + configuration.headerTimeout)
        downstream.isDraining = drainDeadline != nil
        guard let downstreamKey = downstreams.insert(downstream) else { return refuse(stream, 503, &carrier, key) }
        countServed(1)
        accept(stream, downstreamKey, &carrier, key)
        begin(downstreamKey)
    }

    /// Answers a CONNECT that is carried.
    func accept(_ stream: StreamHandle, _ owner: Downstream.Key, _ carrier: inout Carrier, _ key: Carrier.Key) {
        carrier.hbone.http2.setContext(owner.context, for: stream)
        carrier.hbone.http2.sendResponse(stream, status: 200, isEndStream: false)
        markDirty(&carrier, key)
    }

    /// Answers a CONNECT that is not carried: the status ends our side, and nothing more is wanted from the other.
    func refuse(_ stream: StreamHandle, _ status: Int, _ carrier: inout Carrier, _ key: Carrier.Key) {
        carrier.hbone.http2.sendResponse(stream, status: status, isEndStream: true)
        carrier.hbone.http2.reset(stream, .noError)
        markDirty(&carrier, key)
    }

    /// An endpoint's tunnel has answered a CONNECT.
    private func takeResponse(_ stream: StreamHandle, _ carrier: inout Carrier) {
        guard let key = upstreamKey(stream, carrier) else { return }
        guard carrier.hbone.http2.fields.status == 200 else { return steps.append(.closeUpstream(key, .connect)) }
        upstreams.withElement(key) { self.establish(&$0, key) }
    }

    // MARK: Octets

    private func deliver(_ stream: StreamHandle, _ range: Range<Int>, _ carrier: inout Carrier) {
        let isPaused: Bool?
        if carrier.target == nil {
            isPaused = downstreamKey(stream, carrier).flatMap { key in
                downstreams.withElement(key) { downstream -> Bool in
                    self.receive(&downstream, key, self.plain, range)
                    return downstream.pipe.keepsCredit(range.count)
                }
            }
        } else {
            isPaused = upstreamKey(stream, carrier).flatMap { key in
                upstreams.withElement(key) { upstream -> Bool in
                    self.receive(&upstream, key, self.plain, range)
                    return upstream.pipe.keepsCredit(range.count)
                }
            }
        }
        if isPaused != true { carrier.hbone.http2.consumed(stream, count: range.count) }
    }

    private func deliverEnd(_ stream: StreamHandle, _ carrier: borrowing Carrier) {
        if carrier.target == nil {
            guard let key = downstreamKey(stream, carrier) else { return }
            downstreams.withElement(key) { downstream in
                downstream.pipe.flags.insert(.readClosed)
                self.receiveEnd(&downstream, key)
            }
        } else if let key = upstreamKey(stream, carrier) {
            upstreams.withElement(key) { upstream in
                upstream.pipe.flags.insert(.readClosed)
                self.receiveEnd(&upstream, key)
            }
        }
    }

    private func streamReset(_ stream: StreamHandle, _ carrier: borrowing Carrier) {
        if carrier.target == nil {
            guard let key = downstreamKey(stream, carrier) else { return }
            downstreams.withElement(key) { _ = $0.pipe.flags.insert(.streamClosed) }
            steps.append(.closeDownstream(key))
        } else if let key = upstreamKey(stream, carrier) {
            upstreams.withElement(key) { _ = $0.pipe.flags.insert(.streamClosed) }
            let isOpen = upstreams.withElement(key) { $0.phase == .established }
            steps.append(.closeUpstream(key, isOpen == true ? .termination : .connect))
        }
    }

    /// A stream may send again.
    private func queue(_ stream: StreamHandle, _ carrier: inout Carrier, _ key: Carrier.Key) {
        if carrier.target == nil {
            guard let owner = downstreamKey(stream, carrier) else { return }
            downstreams.withElement(owner) { self.queue(&$0.pipe, .downstream(owner), &carrier, key) }
        } else if let owner = upstreamKey(stream, carrier) {
            upstreams.withElement(owner) { self.queue(&$0.pipe, .upstream(owner), &carrier, key) }
        }
    }

    private func downstreamKey(_ stream: StreamHandle, _ carrier: borrowing Carrier) -> Downstream.Key? {
        guard let context = carrier.hbone.http2.context(of: stream), context != 0 else { return nil }
        let key = Downstream.Key(context: context)
        return downstreams.contains(key) ? key : nil
    }

    private func upstreamKey(_ stream: StreamHandle, _ carrier: borrowing Carrier) -> Upstream.Key? {
        guard let context = carrier.hbone.http2.context(of: stream), context != 0 else { return nil }
        let key = Upstream.Key(context: context)
        return upstreams.contains(key) ? key : nil
    }
}

extension Pipe {
    /// Whether octets that were just taken are not to be credited yet; remembers them if so.
    fileprivate mutating func keepsCredit(_ count: Int) -> Bool {
        guard flags.contains(.paused) else { return false }
        uncredited += count
        return true
    }
}
