// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HBONE
internal import HTTP2
internal import HTTPRouting
internal import LinuxIO
internal import Mesh
internal import Routing
internal import Telemetry

// Which worker serves a stream.
//
// The tunnel of a busy node sends everything by one connection, or few. Their worker keeps TLS and the outer HTTP/2; the
// streams, where the work of requests is, go to those that serve fewer. The worker that has the connection passes octets on
// between the stream and a pair of sockets, as it does for TCP: the stream is a `Downstream`, its end of the pair an
// `Upstream`, the way between them an `Exchange` with the flag `.relay`, which no route, limit or log knows.
extension Worker {
    /// What waits in the sockets between two workers, in each direction; the pipes at both ends hold as much.
    private static let socketBytes: CInt = 65_536
    /// From this share of a core on, in percent, a worker gives streams away early: passing octets on costs it system calls,
    /// which pay where it would otherwise be the bottleneck.
    private static let busyPercent = 60
    /// Streams that such a worker serves more than another one.
    private static let busySpread = 2

    /// Connections and streams that this worker serves.
    var servedCount: Int { Int(peers[index].connections.value) }

    /// Counts a connection that this worker serves, or one less.
    func countServed(_ change: Int64) {
        peers[index].connections.add(change)
    }

    /// Gives a stream to the worker that serves least, if that pays.
    ///
    /// - Returns: false when it stays here.
    func handOver(
        _ stream: StreamHandle, _ authority: Authority, _ client: Client, _ frontend: Frontend,
        _ carrier: inout Carrier, _ key: Carrier.Key
    ) -> Bool {
        guard let other = lessBusyWorker() else { return false }
        let ends: (CInt, CInt)
        do throws(SystemError) {
            ends = try UnixSocket.pair(bufferBytes: Self.socketBytes)
        } catch {
            // No descriptors: without a pair it can be served here only.
            return false
        }
        let socket = OwnedDescriptor(adopting: ends.0)
        let handed = HandedStream()
        peers[other].connections.add(1)
        let message = HandedConnection(
            descriptor: ends.1, stream: handed, authority: authority, address: client.address,
            identity: client.identity, routes: epoch.routes)
        guard peers[other].mailbox.post(.carry(message)) else {
            // It ends just now.
            peers[other].connections.add(-1)
            _ = OwnedDescriptor(adopting: ends.1)
            return false
        }
        peers[index].handedOver.add()
        guard let downstreamKey = relay(stream, client, frontend, key, socket, handed) else {
            handed.close(isOrderly: false)
            refuse(stream, 503, &carrier, key)
            return true
        }
        accept(stream, downstreamKey, &carrier, key)
        return true
    }

    /// Makes what octets are passed on by; nil when there is too much of it.
    private func relay(
        _ stream: StreamHandle, _ client: Client, _ frontend: Frontend, _ carrier: Carrier.Key,
        _ socket: consuming OwnedDescriptor, _ handed: HandedStream
    ) -> Downstream.Key? {
        let number = socket.rawValue
        var downstream = Downstream(
            pipe: Pipe(carrier: carrier, stream: stream), client: client, frontend: frontend, deadline: .distantFuture)
        downstream.mode = .raw
        downstream.isRelayed = true
        guard let downstreamKey = downstreams.insert(downstream) else { return nil }
        var exchange = Exchange(
            downstream: downstreamKey, stream: nil, heads: Heads.Key(context: 0), client: client, frontend: frontend,
            now: now)
        exchange.flags.insert([.tcp, .raw, .relay, .decided])
        exchange.phase = .sent
        var upstream = Upstream(
            pipe: Pipe(socket: socket, flags: .writable), mode: .raw, target: Target.Key(context: 0),
            deadline: .distantFuture, now: now)
        upstream.phase = .established
        upstream.pipe.handed = handed
        guard let exchangeKey = exchanges.insert(exchange) else {
            _ = downstreams.remove(downstreamKey)
            return nil
        }
        guard let upstreamKey = upstreams.insert(upstream) else {
            _ = exchanges.remove(exchangeKey)
            _ = downstreams.remove(downstreamKey)
            return nil
        }
        exchanges.withElement(exchangeKey) { $0.upstream = upstreamKey }
        upstreams.withElement(upstreamKey) { $0.exchange = exchangeKey }
        downstreams.withElement(downstreamKey) { downstream in
            downstream.exchange = exchangeKey
            downstream.exchangeCount = 1
        }
        watch(number, token(upstream: upstreamKey)) { _ in .closeUpstream(upstreamKey, .termination) }
        return downstreamKey
    }

    /// The worker that serves fewest streams, if it serves fewer by `--spread` and a quarter of what this one does.
    private func lessBusyWorker() -> Int? {
        guard peers.count > 1, drainDeadline == nil else { return nil }
        let isBusy = busy.percent(now: now) >= Self.busyPercent
        var least = servedCount
        let most = least - (isBusy ? Self.busySpread : configuration.spread) - least / 4
        var best = index
        for other in peers.indices {
            let count = Int(peers[other].connections.value)
            if count <= most, count < least { (best, least) = (other, count) }
        }
        return best == index ? nil : best
    }

    /// Serves a stream that another worker has, as a connection of its own.
    func carry(_ handed: HandedConnection) {
        if handed.routes.mesh.generation > epoch.mesh.generation { adopt(handed.routes) }
        let client = Client(address: handed.address, identity: handed.identity)
        guard let frontend = frontend(handed.authority, client) else {
            // It was unbound a moment ago.
            observer.refused("not served by this waypoint: \(handed.authority)", handed.address)
            countServed(-1)
            return handed.abort()
        }
        var downstream = Downstream(
            pipe: Pipe(socket: OwnedDescriptor(adopting: handed.descriptor), flags: .writable), client: client,
            frontend: frontend,
            deadline: now + configuration.headerTimeout)
        downstream.pipe.handed = handed.stream
        downstream.isDraining = drainDeadline != nil
        guard let key = downstreams.insert(downstream) else {
            handed.stream.close(isOrderly: false)
            return countServed(-1)
        }
        watch(handed.descriptor, token(downstream: key)) { _ in .closeDownstream(key) }
        begin(key)
    }

    /// The worker that serves a stream has closed its socket with everything said: what the client still sends goes nowhere.
    func hangUp(_ key: Exchange.Key) {
        let isOver = exchanges.withElement(key) { exchange -> Bool in
            exchange.flags.insert([.requestEnded, .requestSent])
            exchange.flags.remove(.awaitsFlush)
            return self.isOver(&exchange)
        }
        if isOver == true { steps.append(.finish(key)) }
    }
}
