// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HBONE
internal import HTTP
internal import HTTP2
internal import HTTPRouting
internal import LinuxIO

/// One thread of the data path: its listeners, connections, exchanges, buffers and timers, and the loop that serves them.
///
/// A connection lives and dies on the worker that accepted it (streams of a tunnel may be served by others); workers share
/// nothing but the immutable snapshot and counters. Work that needs a collection which is in use is put off to `steps` and
/// done when the event at hand is over. While an event is handled, collections are entered in one of two orders only:
/// carrier, downstream, exchange, upstream (what clients send) or carrier, upstream, exchange, downstream (what endpoints
/// send). Neither ever comes back.
///
/// One turn: wait for events, take each, fire timers, then pump: pipes into sockets and carriers, carriers into sockets.
final class Worker {
    /// Kinds of event tokens.
    enum TokenKind {
        static let mailbox: UInt8 = 0
        static let listener: UInt8 = 1
        static let carrier: UInt8 = 2
        static let downstream: UInt8 = 3
        static let upstream: UInt8 = 4
        static let exchange: UInt8 = 5
        static let housekeeping: UInt8 = 6
    }

    let index: Int
    let configuration: WaypointConfiguration
    let mailbox: Mailbox<WorkerMessage>
    /// All workers, this one included.
    let peers: [Peer]
    let observer: Observer

    var poller: Poller
    var timers = TimerQueue()
    var random: RandomSource
    var now: MonotonicTime

    /// Buffers of the HBONE connections.
    var scratch: Scratch
    /// Plaintext of a carrier while its events are looked at.
    var plain: ByteBuffer
    /// What was just read from a socket.
    var input: ByteBuffer
    /// The message that is being written.
    var text: ByteBuffer
    /// Blocks of all queues of pipes and exchanges.
    var blocks: BufferPool
    /// The response whose head is passed on.
    var response = ResponseHead()
    /// The content of an answer whose head is in `response` already.
    var preparedContent: [UInt8] = []
    /// The request that is copied.
    var mirrorHead = RequestHead()

    var listeners: Slab<Listener>
    var carriers: Slab<Carrier>
    var downstreams: Slab<Downstream>
    var upstreams: Slab<Upstream>
    var exchanges: Slab<Exchange>
    var heads: Slab<Heads>
    var freeHeads: [Heads.Key] = []
    var targets: Slab<Target>
    var targetKeys: [TargetID: Target.Key] = [:]

    var steps = KeyQueue<Step>()
    var dirtyPipes = KeyQueue<Link>()
    var dirtyCarriers = KeyQueue<Carrier.Key>()

    /// The routes of now.
    var epoch: RouteEpoch
    var routeScratch = RouteScratch()
    /// Requests under way and latencies per endpoint.
    var loadState = LoadState()
    /// Tries under way that are not the first.
    var activeRetries = 0
    /// Our certificate, in both roles; nil until there is one.
    var identity: OwnIdentity?
    /// Its identity as text, for headers.
    var principal = ""
    /// What of a core this worker takes.
    var busy: BusyShare
    var isOutOfDescriptors = false
    var drainDeadline: MonotonicTime?
    var isStopped = false

    init(
        index: Int, configuration: WaypointConfiguration, peers: [Peer], observer: Observer, routes: Routes,
        seed: UInt64
    ) throws(SystemError) {
        self.index = index
        self.configuration = configuration
        self.peers = peers
        mailbox = peers[index].mailbox
        self.observer = observer
        epoch = RouteEpoch(routes)
        poller = try Poller()
        let ceiling = configuration.memoryCeilingBytes / configuration.workers
        scratch = Scratch(pooledBytes: ceiling / 2)
        plain = ByteBuffer(capacity: scratch.plaintext.capacity)
        input = ByteBuffer(capacity: Self.inputBytes)
        text = ByteBuffer(capacity: Self.textBytes)
        blocks = BufferPool(blockCapacity: Self.blockBytes, limit: max(256, ceiling / 2 / Self.blockBytes), keep: 64)
        random = RandomSource(seed: seed)
        now = MonotonicClock.now()
        busy = BusyShare(now: now)
        listeners = Slab(limit: 1 << 16)
        carriers = Slab(limit: 1 << 20)
        downstreams = Slab(limit: 1 << 20)
        upstreams = Slab(limit: 1 << 20)
        exchanges = Slab(limit: 1 << 21)
        heads = Slab(limit: 1 << 20)
        targets = Slab(limit: 1 << 20)
        try poller.addReadable(mailbox.descriptor, token: EventToken(kind: TokenKind.mailbox, index: 0, generation: 0))
    }

    /// One read from a plain socket; a request or answer of usual size in one.
    private static let inputBytes = 65_536
    /// The largest head in either direction (HTTP/1 takes 60 KiB) and what a proxy adds to it.
    private static let textBytes = 131_072
    /// Most messages fit into one.
    private static let blockBytes = 8_192

    /// Serves until a `.stop` message, or until a drain has ended.
    func run() {
        while !isStopped {
            let events = poller.wait(timeout: timeout())
            now = MonotonicClock.now()
            for index in 0..<events {
                let (token, readiness) = poller.event(at: index)
                take(token, readiness)
                performSteps()
            }
            fireTimers()
            pump()
            if let drainDeadline { continueDrain(until: drainDeadline) }
        }
        closeEverything()
    }

    private func timeout() -> Nanoseconds? {
        if !dirtyPipes.isEmpty || !dirtyCarriers.isEmpty { return Nanoseconds(0) }
        guard let next = timers.next else { return nil }
        return next <= now ? Nanoseconds(0) : next - now
    }

    private func take(_ token: EventToken, _ readiness: LinuxIO.Readiness) {
        switch token.kind {
        case TokenKind.mailbox:
            for message in mailbox.takeAll() { take(message) }
        case TokenKind.listener:
            acceptConnections(Listener.Key(index: token.index, generation: token.generation))
        case TokenKind.carrier:
            carrierEvent(Carrier.Key(index: token.index, generation: token.generation), readiness)
        case TokenKind.downstream:
            downstreamEvent(Downstream.Key(index: token.index, generation: token.generation), readiness)
        case TokenKind.upstream:
            upstreamEvent(Upstream.Key(index: token.index, generation: token.generation), readiness)
        default:
            break
        }
    }

    /// Does what was put off; each step may put off more.
    func performSteps() {
        while let step = steps.popFirst() {
            switch step {
            case .route(let key): route(key)
            case .reply(let key, let reply): self.reply(key, reply)
            case .upstreamFailed(let key, let failure): upstreamFailed(key, failure)
            case .retry(let key, let pauses): retry(key, pauses: pauses)
            case .clientGone(let key): clientGone(key)
            case .finish(let key): finish(key)
            case .upstreamReady(let key): upstreamReady(key)
            case .openStream(let key): openStream(key)
            case .readHeld(let key): readHeld(key)
            case .closeDownstream(let key): closeDownstream(key)
            case .closeUpstream(let key, let failure): closeUpstream(key, failure)
            case .closeCarrier(let key, let error): closeCarrier(key, error)
            }
        }
    }

    private func fireTimers() {
        while let token = timers.takeDue(now) {
            switch token.kind {
            case TokenKind.carrier:
                carrierTimer(Carrier.Key(index: token.index, generation: token.generation))
            case TokenKind.downstream:
                downstreamTimer(Downstream.Key(index: token.index, generation: token.generation))
            case TokenKind.upstream:
                upstreamTimer(Upstream.Key(index: token.index, generation: token.generation))
            case TokenKind.exchange:
                exchangeTimer(Exchange.Key(index: token.index, generation: token.generation))
            case TokenKind.listener:
                resumeListener(Listener.Key(index: token.index, generation: token.generation))
            default:
                break
            }
            performSteps()
        }
    }
}
