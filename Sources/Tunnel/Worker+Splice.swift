// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import LinuxIO
internal import Routing
internal import Telemetry

// Plain TCP on both sides: traffic that is not for the mesh, and plaintext that a policy lets in.
extension Worker {
    /// Bytes moved per turn and direction; then others have their turn.
    private static let spliceBudgetBytes = 1 << 20

    /// Starts to connect for a client whose bytes will be spliced.
    ///
    /// - Parameter end: how to account for it when the connect cannot even be started.
    func startSplice(
        _ client: consuming OwnedDescriptor, to options: Socket.ConnectOptions, _ details: ConnectionDetails
    ) {
        let upstream: OwnedDescriptor
        do {
            upstream = try open(options, for: details.pod)
        } catch {
            Socket.resetOnClose(client.rawValue)
            return finish(details, .applicationFailed(errno: error.number), sent: 0, received: 0)
        }
        let clientNumber = client.rawValue
        let upstreamNumber = upstream.rawValue
        let splice = Splice(
            client: client, upstream: upstream, details: details,
            phaseEnd: now + configuration.connectTimeout, now: now)
        guard let key = splices.insert(splice) else {
            return finish(details, .refused(.memory), sent: 0, received: 0)
        }
        do {
            try poller.addEdgeTriggered(
                upstreamNumber,
                token: EventToken(kind: TokenKind.spliceUpstream, index: key.index, generation: key.generation))
            try poller.addEdgeTriggered(
                clientNumber,
                token: EventToken(kind: TokenKind.spliceClient, index: key.index, generation: key.generation))
        } catch {
            return finishSplice(key, .applicationFailed(errno: error.number))
        }
        timers.arm(spliceToken(key), at: now + configuration.connectTimeout)
    }

    /// Opens an outgoing connection in the pod's network namespace.
    func open(_ options: Socket.ConnectOptions, for pod: Pod) throws(SystemError) -> OwnedDescriptor {
        try own.within(pod) { () throws(SystemError) in try Socket.connect(options) }
    }

    private func spliceToken(_ key: Splice.Key) -> EventToken {
        EventToken(kind: TokenKind.spliceClient, index: key.index, generation: key.generation)
    }

    /// One of the two sockets is ready for something.
    func spliceEvent(_ key: Splice.Key, _ readiness: LinuxIO.Readiness, isClient: Bool) {
        var end: ConnectionEnd?
        splices.withElement(key) { splice in
            if readiness.hasAny(of: .failed) {
                let number = Socket.takeError(isClient ? splice.client.rawValue : splice.upstream.rawValue)
                if number != 0 {
                    end = .applicationFailed(errno: number)
                    return
                }
            }
            let isReadable = readiness.hasAny(of: .input)
            let isFinished = readiness.hasAny(of: .end)
            if isClient {
                if readiness.hasAny(of: .writable) { splice.isClientWritable = true }
                if isReadable { splice.request.isReadable = true }
                if isFinished { splice.request.isSourceFinished = true }
            } else {
                if readiness.hasAny(of: .writable) {
                    splice.isUpstreamWritable = true
                    if !splice.isConnected { self.connected(&splice, key) }
                }
                if isReadable { splice.response.isReadable = true }
                if isFinished { splice.response.isSourceFinished = true }
            }
            if splice.isConnected { end = self.move(&splice, key) }
        }
        if let end { failSplice(key, end) }
    }

    /// A splice is over; when it was not even connected, another endpoint may serve its client.
    private func failSplice(_ key: Splice.Key, _ end: ConnectionEnd) {
        var canRetry = false
        splices.withElement(key) { splice in
            guard !splice.isConnected, let endpoint = splice.details.endpoint else { return }
            canRetry = splice.details.remember(tried: endpoint)
        }
        guard canRetry, let splice = splices.remove(key) else { return finishSplice(key, end) }
        poller.remove(splice.client.rawValue)
        let details = splice.details
        reroute(splice.client, details, after: end)
    }

    private func connected(_ splice: inout Splice, _ key: Splice.Key) {
        splice.isConnected = true
        splice.details.established = now
        splice.clock.establish(configuration, now: now)
        armTimer(splice, key)
        observer.connectTook(now - splice.details.opened, splice.details.reporter)
        observer.opened(splice.details, now: now)
    }

    /// What a turn of moving bytes came to.
    private enum Moved {
        /// Nothing more can be moved now.
        case blocked
        /// The turn's budget is used up; there may be more.
        case busy
        case ended(ConnectionEnd)
    }

    func move(_ splice: inout Splice, _ key: Splice.Key) -> ConnectionEnd? {
        let before = (request: splice.request.bytes, response: splice.response.bytes)
        let request = move(
            &splice.request, from: splice.client.rawValue, to: splice.upstream.rawValue, &splice.isUpstreamWritable)
        if case .ended(let end) = request { return end }
        let response = move(
            &splice.response, from: splice.upstream.rawValue, to: splice.client.rawValue, &splice.isClientWritable)
        if before.response == 0, splice.response.bytes > 0 { observer.firstByte(splice.details, now: now) }
        if case .ended(let end) = response { return end }
        if splice.request.bytes > before.request { splice.clock.moved(isAnswer: false, now: now) }
        if splice.response.bytes > before.response { splice.clock.moved(isAnswer: true, now: now) }
        if !splice.clock.isHalfClosed, splice.request.isClosed || splice.response.isClosed {
            splice.clock.isHalfClosed = true
            splice.clock.lastActivity = now
            armTimer(splice, key)
        }
        switch (request, response) {
        case (.busy, _), (_, .busy): busySplices.append(key)
        default: break
        }
        return splice.isFinished ? .complete : nil
    }

    /// Moves what one side has to the other, through a pipe that is given up as soon as it is empty.
    private func move(
        _ direction: inout Splice.Direction, from source: CInt, to destination: CInt, _ isWritable: inout Bool
    ) -> Moved {
        var budget = Self.spliceBudgetBytes
        while budget > 0 {
            if var pipe = direction.pipe.take() {
                switch isWritable ? pipe.drain(to: destination) : .wouldBlock {
                case .bytes(let count):
                    direction.bytes += UInt64(count)
                    budget -= count
                case .wouldBlock: isWritable = false
                case .failed(let number): return .ended(.applicationFailed(errno: number))
                }
                guard pipe.count == 0 else {
                    direction.pipe = consume pipe
                    if isWritable { continue }
                    return .blocked
                }
                pipes.giveBack(pipe)
            }
            if direction.isEnded {
                if !direction.isClosed {
                    Socket.shutdownWrite(destination)
                    direction.isClosed = true
                }
                return .blocked
            }
            guard direction.isReadable, isWritable else { return .blocked }
            if let end = fill(&direction, from: source) { return .ended(end) }
        }
        return .busy
    }

    private func fill(_ direction: inout Splice.Direction, from source: CInt) -> ConnectionEnd? {
        var pipe: SplicePipe
        do {
            pipe = try pipes.take()
        } catch {
            return .refused(.descriptors)
        }
        switch pipe.fill(from: source) {
        case .bytes:
            direction.pipe = consume pipe
            return nil
        case .wouldBlock: direction.isReadable = false
        case .endOfStream:
            direction.isEnded = true
            direction.isReadable = false
        case .failed(let number): return .applicationFailed(errno: number)
        }
        pipes.giveBack(pipe)
        return nil
    }

    /// Goes on with the splices whose turn had ended before their bytes.
    func continueSplices() {
        for _ in 0..<busySplices.count {
            guard let key = busySplices.popFirst() else { return }
            var end: ConnectionEnd?
            splices.withElement(key) { end = self.move(&$0, key) }
            if let end { finishSplice(key, end) }
        }
    }

    private func armTimer(_ splice: borrowing Splice, _ key: Splice.Key) {
        let next = splice.clock.next(configuration)
        if next != .distantFuture { timers.arm(spliceToken(key), at: next) }
    }

    /// Acts on a splice's timer: the connect took too long, it was silent for too long, or a line is due.
    func spliceTimer(_ key: Splice.Key) {
        var end: ConnectionEnd?
        splices.withElement(key) { splice in
            switch splice.clock.take(self.configuration, now: self.now) {
            case .phaseEnded: end = .timedOut(.connect)
            case .silent(let afterHalfClose): end = .timedOut(afterHalfClose ? .halfClose : .idle)
            case .line:
                let (sent, received) = splice.bytes
                self.observer.progress(
                    splice.details, bytesFromApplication: sent, bytesToApplication: received, now: self.now)
                self.armTimer(splice, key)
            case .nothing: self.armTimer(splice, key)
            }
        }
        if let end { failSplice(key, end) }
    }

    /// Ends a splice: FIN has gone both ways, or both sides get RST.
    func finishSplice(_ key: Splice.Key, _ end: ConnectionEnd) {
        guard let splice = splices.remove(key) else { return }
        if !end.isOrderly {
            Socket.resetOnClose(splice.client.rawValue)
            Socket.resetOnClose(splice.upstream.rawValue)
        }
        let (sent, received) = splice.bytes
        finish(splice.details, end, sent: sent, received: received)
    }
}
