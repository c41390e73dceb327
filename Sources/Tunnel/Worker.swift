// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HBONE
internal import HTTP2
internal import LinuxIO
internal import Mesh
internal import Telemetry

/// One thread of the data path: its listeners, connections, buffers and timers, and the loop that serves them.
///
/// A connection lives and dies on the worker that accepted it; workers share nothing but the counters of `Pod` and the
/// immutable snapshot. Everything here is touched by this thread only. Work that needs a collection which is in use is
/// put off to `deferred` and done when the event at hand is over, so no collection is ever changed under its reader.
///
/// One turn: wait for events, take each, fire timers, then pump the connections that have something to send. Pumping last
/// lets the small frames of many streams share one record and one write.
final class Worker {
    /// Kinds of event tokens.
    enum TokenKind {
        static let mailbox: UInt8 = 0
        static let listener: UInt8 = 1
        static let connection: UInt8 = 2
        static let relay: UInt8 = 3
        static let spliceClient: UInt8 = 4
        static let spliceUpstream: UInt8 = 5
        static let housekeeping: UInt8 = 6
    }

    /// What is done after the event at hand.
    enum Deferred {
        case finishRelay(Relay.Key, ConnectionEnd)
        case finishSplice(Splice.Key, ConnectionEnd)
        case closeConnection(TunnelConnection.Key, HBONEError)
        /// Outbound: choose a connection (again, after a failure) for a relay that waits.
        case connectRelay(Relay.Key)
    }

    let index: Int
    let configuration: TunnelConfiguration
    let own: OwnNetwork
    let mailbox: Mailbox<WorkerMessage>
    /// The mailboxes of all workers, its own too.
    let peers: [Mailbox<WorkerMessage>]
    let observer: Observer

    var poller: Poller
    var timers = TimerQueue()
    var scratch: Scratch
    var random: RandomSource
    var now: MonotonicTime

    var listeners: Slab<Listener>
    var connections: Slab<TunnelConnection>
    var relays: Slab<Relay>
    var splices: Slab<Splice>
    var pool: [PoolKey: [TunnelConnection.Key]] = [:]
    var dirty = KeyQueue<TunnelConnection.Key>()
    var busySplices = KeyQueue<Splice.Key>()
    var pipes = PipePool()
    var deferred = KeyQueue<Deferred>()

    var snapshot: MeshSnapshot
    /// The pods of this node, by UID, with what the snapshot says of them.
    var pods: [String: Pod] = [:]
    /// Live connections per workload, by index of the snapshot: what least-connections compares.
    var load: [UInt32]
    /// Pods that have left, while their connections may go on.
    var departures: [Departure] = []
    /// The last accept failed for want of descriptors; said once, not every time.
    var isOutOfDescriptors = false
    /// Set when the process is about to end.
    var drainEnd: QuietEnd?
    var isStopped = false

    init(
        index: Int, configuration: TunnelConfiguration, own: OwnNetwork, mailboxes: [Mailbox<WorkerMessage>],
        observer: Observer, snapshot: MeshSnapshot, seed: UInt64
    ) throws(SystemError) {
        self.index = index
        self.configuration = configuration
        self.own = own
        mailbox = mailboxes[index]
        peers = mailboxes
        self.observer = observer
        self.snapshot = snapshot
        poller = try Poller()
        scratch = Scratch(pooledBytes: configuration.memoryCeilingBytes / configuration.workers)
        random = RandomSource(seed: seed)
        now = MonotonicClock.now()
        listeners = Slab(limit: 1 << 20)
        connections = Slab(limit: 1 << 20)
        relays = Slab(limit: 1 << 22)
        splices = Slab(limit: 1 << 22)
        load = Array(repeating: 0, count: snapshot.workloadCount)
        try poller.addReadable(mailbox.descriptor, token: EventToken(kind: TokenKind.mailbox, index: 0, generation: 0))
    }

    /// Serves until a `.stop` message, or until a drain has ended.
    func run() {
        while !isStopped {
            let events = poller.wait(timeout: timeout())
            now = MonotonicClock.now()
            for index in 0..<events {
                let (token, readiness) = poller.event(at: index)
                take(token, readiness)
                performDeferred()
            }
            fireTimers()
            continueSplices()
            pumpDirty()
            performDeferred()
            if let drainEnd { continueDrain(until: drainEnd.deadline) }
        }
        closeEverything()
    }

    private func timeout() -> Nanoseconds? {
        if !dirty.isEmpty || !busySplices.isEmpty { return Nanoseconds(0) }
        guard let next = timers.next else { return nil }
        return next <= now ? Nanoseconds(0) : next - now
    }

    private func take(_ token: EventToken, _ readiness: LinuxIO.Readiness) {
        switch token.kind {
        case TokenKind.mailbox:
            for message in mailbox.takeAll() { take(message) }
        case TokenKind.listener:
            acceptConnections(Listener.Key(index: token.index, generation: token.generation))
        case TokenKind.connection:
            connectionEvent(TunnelConnection.Key(index: token.index, generation: token.generation), readiness)
        case TokenKind.relay:
            relayEvent(Relay.Key(index: token.index, generation: token.generation), readiness)
        case TokenKind.spliceClient:
            spliceEvent(Splice.Key(index: token.index, generation: token.generation), readiness, isClient: true)
        case TokenKind.spliceUpstream:
            spliceEvent(Splice.Key(index: token.index, generation: token.generation), readiness, isClient: false)
        default:
            break
        }
    }

    /// Does what was put off; each step may put off more.
    func performDeferred() {
        while let step = deferred.popFirst() {
            switch step {
            case .finishRelay(let key, let end): finishRelay(key, end)
            case .finishSplice(let key, let end): finishSplice(key, end)
            case .closeConnection(let key, let error): closeConnection(key, error)
            case .connectRelay(let key): connectRelay(key)
            }
        }
    }

    /// Puts a connection in line for the pump at the end of the turn.
    func markDirty(_ connection: inout TunnelConnection, _ key: TunnelConnection.Key) {
        guard !connection.isDirty else { return }
        connection.isDirty = true
        dirty.append(key)
    }

    private func fireTimers() {
        while let token = timers.takeDue(now) {
            switch token.kind {
            case TokenKind.connection:
                connectionTimer(TunnelConnection.Key(index: token.index, generation: token.generation))
            case TokenKind.relay:
                relayTimer(Relay.Key(index: token.index, generation: token.generation))
            case TokenKind.spliceClient:
                spliceTimer(Splice.Key(index: token.index, generation: token.generation))
            case TokenKind.listener:
                resumeListener(Listener.Key(index: token.index, generation: token.generation))
            case TokenKind.housekeeping:
                continueDepartures()
            default:
                break
            }
            performDeferred()
        }
    }
}
