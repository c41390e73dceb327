// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HBONE
internal import HTTP2
internal import LinuxIO

// The end of a turn: pipes go into sockets and carriers, carriers into sockets.
extension Worker {
    /// Payload sent per turn and pipe of a carrier; then others have their turn.
    private static let pipeBudget = 131_072
    /// Payload sent per turn and carrier.
    private static let carrierBudget = 524_288

    /// Puts a pipe in line for the pump.
    func markDirty(_ pipe: inout Pipe, _ link: Link) {
        guard !pipe.flags.contains(.isDirty) else { return }
        pipe.flags.insert(.isDirty)
        dirtyPipes.append(link)
    }

    /// Puts a carrier in line for the pump.
    func markDirty(_ carrier: inout Carrier, _ key: Carrier.Key) {
        guard !carrier.isDirty else { return }
        carrier.isDirty = true
        dirtyCarriers.append(key)
    }

    /// Writes what waits.
    ///
    /// Two rounds: what the first one sets free goes out with the second.
    func pump() {
        for _ in 0..<2 {
            if dirtyPipes.isEmpty, dirtyCarriers.isEmpty { return }
            for _ in 0..<dirtyPipes.count {
                guard let link = dirtyPipes.popFirst() else { break }
                switch link {
                case .downstream(let key): pumpDownstream(key)
                case .upstream(let key): pumpUpstream(key)
                }
                performSteps()
            }
            for _ in 0..<dirtyCarriers.count {
                guard let key = dirtyCarriers.popFirst() else { break }
                withCarrier(key) { (carrier: inout Carrier) throws(HBONEError) in
                    carrier.isDirty = false
                    if carrier.isReadPending {
                        carrier.isReadPending = false
                        try self.read(&carrier, key)
                    }
                    try self.pump(&carrier, key)
                    self.closeIfIdle(&carrier, key)
                }
                performSteps()
            }
        }
    }

    private func pumpDownstream(_ key: Downstream.Key) {
        let reads = downstreams.withElement(key) { downstream -> Bool in
            downstream.pipe.flags.remove(.isDirty)
            guard self.flush(&downstream.pipe, .downstream(key)) else {
                self.steps.append(.closeDownstream(key))
                return false
            }
            self.drained(&downstream, key)
            return downstream.pipe.wantsRead
        }
        if reads == true { readDownstream(key) }
    }

    private func pumpUpstream(_ key: Upstream.Key) {
        let reads = upstreams.withElement(key) { upstream -> Bool in
            upstream.pipe.flags.remove(.isDirty)
            guard upstream.phase == .established else { return false }
            guard self.flush(&upstream.pipe, .upstream(key)) else {
                self.steps.append(.closeUpstream(key, .termination))
                return false
            }
            self.drained(&upstream, key)
            return upstream.pipe.wantsRead
        }
        if reads == true { readUpstream(key) }
    }

    /// Writes a pipe to its socket, or hands it to its carrier.
    ///
    /// - Returns: false when the pipe is broken.
    private func flush(_ pipe: inout Pipe, _ link: Link) -> Bool {
        guard pipe.drainHTTP2(&text, &blocks) else { return false }
        guard pipe.socket != nil else {
            handOver(&pipe, link)
            return true
        }
        while !pipe.out.isEmpty, pipe.flags.contains(.writable) {
            switch Socket.write(pipe.fd, pipe.out.first) {
            case .bytes(let count):
                if count < pipe.out.first.count { pipe.flags.remove(.writable) }
                pipe.out.consume(count, in: &blocks)
            case .wouldBlock: pipe.flags.remove(.writable)
            case .failed:
                // The other worker wants no more of it, and may have said much that is still to be read.
                guard pipe.handed?.isClosed == true else { return false }
                pipe.out.removeAll(in: &blocks)
            }
        }
        if pipe.out.isEmpty, pipe.flags.contains(.finishing), !pipe.flags.contains(.finished) {
            pipe.flags.insert(.finished)
            Socket.shutdownWrite(pipe.fd)
        }
        return true
    }

    /// Announces what was taken of a carrier's stream, and puts the pipe in the carrier's line if it has payload.
    private func handOver(_ pipe: inout Pipe, _ link: Link) {
        guard let carrierKey = pipe.carrier, let stream = pipe.stream, !pipe.flags.contains(.streamClosed) else {
            return
        }
        let credit = pipe.flags.contains(.paused) ? 0 : pipe.uncredited
        let hasWork = !pipe.out.isEmpty || pipe.flags.isFinishing
        guard credit > 0 || hasWork else { return }
        pipe.uncredited -= credit
        carriers.withElement(carrierKey) { carrier in
            if credit > 0 { carrier.hbone.http2.consumed(stream, count: credit) }
            if hasWork { self.queue(&pipe, link, &carrier, carrierKey) }
            self.markDirty(&carrier, carrierKey)
        }
    }

    /// Puts a pipe in its carrier's line.
    func queue(_ pipe: inout Pipe, _ link: Link, _ carrier: inout Carrier, _ key: Carrier.Key) {
        guard !pipe.flags.contains(.isQueued), !pipe.out.isEmpty || pipe.flags.isFinishing else { return }
        pipe.flags.insert(.isQueued)
        carrier.ready.append(link)
        markDirty(&carrier, key)
    }

    private func pump(_ carrier: inout Carrier, _ key: Carrier.Key) throws(HBONEError) {
        guard carrier.hbone.canSend else { return }
        try carrier.hbone.writeControl(&scratch)
        var budget = Self.carrierBudget
        for _ in 0..<carrier.ready.count {
            guard budget > 0, carrier.hbone.canSend, let link = carrier.ready.popFirst() else { break }
            let sent: Int?
            switch link {
            case .downstream(let owner):
                sent = try downstreams.withElement(owner) { (downstream: inout Downstream) throws(HBONEError) -> Int in
                    let sent = try self.send(&downstream.pipe, link, &carrier)
                    self.drained(&downstream, owner)
                    return sent
                }
            case .upstream(let owner):
                sent = try upstreams.withElement(owner) { (upstream: inout Upstream) throws(HBONEError) -> Int in
                    let sent = try self.send(&upstream.pipe, link, &carrier)
                    self.drained(&upstream, owner)
                    return sent
                }
            }
            budget -= sent ?? 0
        }
        try carrier.hbone.writeControl(&scratch)
        try carrier.hbone.finishRecord(&scratch)
        if !carrier.ready.isEmpty, carrier.hbone.canSend { markDirty(&carrier, key) }
    }

    /// Moves a pipe's payload into the carrier's record, and the end behind it.
    private func send(_ pipe: inout Pipe, _ link: Link, _ carrier: inout Carrier) throws(HBONEError) -> Int {
        pipe.flags.remove(.isQueued)
        guard let stream = pipe.stream, !pipe.flags.contains(.streamClosed) else { return 0 }
        let sent = try carrier.hbone.sendData(
            from: &pipe.out, in: &blocks, stream: stream, limit: Self.pipeBudget, &scratch)
        if pipe.out.isEmpty {
            if pipe.flags.isFinishing {
                pipe.flags.insert(.finished)
                carrier.hbone.http2.endStream(stream)
            }
        } else if sent >= Self.pipeBudget || !carrier.hbone.canSend {
            pipe.flags.insert(.isQueued)
            carrier.ready.append(link)
        }
        return sent
    }

    /// Little waits to be written: those who stopped for it go on.
    private func drained(_ downstream: inout Downstream, _ key: Downstream.Key) {
        if downstream.pipe.flags.contains(.congested), downstream.pipe.out.count <= Pipe.lowMark {
            downstream.pipe.flags.remove(.congested)
            if downstream.mode == .http2 {
                continueResponses(&downstream, key)
                resumePausedResponses(downstream)
            } else if let exchange = downstream.exchange {
                resumeResponse(exchange)
            }
        }
        guard downstream.mode == .closing, downstream.pipe.flags.contains(.finished) else { return }
        if downstream.pipe.flags.contains(.readClosed) {
            steps.append(.closeDownstream(key))
        } else if downstream.deadline == .distantFuture || downstream.deadline > now + configuration.closeTimeout {
            arm(&downstream, key, configuration.closeTimeout)
        }
    }

    /// Streams that wait for nothing of their own were paused because the pipe was full.
    private func resumePausedResponses(_ downstream: borrowing Downstream) {
        let contexts: [UInt64]
        switch downstream.pipe.http2 {
        case .some(let http2): contexts = http2.contexts
        case nil: return
        }
        for context in contexts where context != 0 {
            let key = Exchange.Key(context: context)
            let isFree = exchanges.withElement(key) {
                $0.toDownstream.isEmpty && $0.flags.contains(.responsePaused)
            }
            if isFree == true { resumeResponse(key) }
        }
    }

    private func drained(_ upstream: inout Upstream, _ key: Upstream.Key) {
        if upstream.mode == .raw, upstream.pipe.flags.contains(.finished), let exchange = upstream.exchange {
            requestFlushed(exchange)
        }
        guard upstream.pipe.flags.contains(.congested), upstream.pipe.out.count <= Pipe.lowMark else { return }
        upstream.pipe.flags.remove(.congested)
        guard upstream.mode == .http2 else {
            if let exchange = upstream.exchange { continueRequest(exchange, &upstream) }
            return
        }
        continueRequests(&upstream)
        for context in upstream.pipe.http2?.contexts ?? [] where context != 0 {
            let exchange = Exchange.Key(context: context)
            let isFree = exchanges.withElement(exchange) {
                $0.toUpstream.isEmpty && $0.flags.contains(.requestPaused)
            }
            if isFree == true { resumeRequest(exchange) }
        }
    }
}

extension Pipe {
    /// Whether the socket may have bytes and they are wanted.
    fileprivate var wantsRead: Bool {
        socket != nil && flags.contains(.readable) && flags.isDisjoint(with: [.paused, .readClosed])
    }
}

extension Pipe.Flags {
    /// Whether our end is to be written and is not yet.
    fileprivate var isFinishing: Bool { contains(.finishing) && !contains(.finished) }
}
