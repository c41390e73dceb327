// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import LinuxIO

/// The loop of the admin server's thread, which owns its listeners and connections.
struct AdminLoop: ~Copyable {
    private enum Kind {
        static var wake: UInt8 { 0 }
        static var listener: UInt8 { 1 }
        static var connection: UInt8 { 2 }
    }

    private struct Listener {
        let port: AdminRoutes.Port
        let address: SocketAddress
        /// -1 once it has been handed over.
        var fd: CInt
        var isPaused = false
    }

    private let routes: AdminRoutes
    private let wake: WakeSignal
    private let poller: Poller
    private var listeners: [Listener]
    private var connections: Slab<AdminConnection>
    /// Connections in the order in which they came.
    private var order: [Slab<AdminConnection>.Key] = []

    init(
        _ routes: AdminRoutes, adopting listeners: [(port: AdminRoutes.Port, address: SocketAddress, fd: CInt)],
        wake: WakeSignal
    ) throws(SystemError) {
        // All that can fail comes before the first stored property.
        let poller = try Poller(capacity: 64)
        try poller.addReadable(wake.descriptor, token: EventToken(kind: Kind.wake, index: 0, generation: 0))
        for (index, listener) in listeners.enumerated() {
            try poller.addReadable(listener.fd, token: Self.token(listener: index))
        }
        self.routes = routes
        self.wake = wake
        self.poller = poller
        self.listeners = listeners.map { Listener(port: $0.port, address: $0.address, fd: $0.fd) }
        connections = Slab(limit: AdminServer.maximumConnections * (AdminRoutes.Port.allCases.count + 1))
    }

    /// Serves until `condition` is false, looked at whenever the thread wakes; then closes the listeners.
    ///
    /// - Parameter handsOver: whether to leave the ports to a successor now.
    mutating func run(while condition: () -> Bool, handsOver: () -> Bool) {
        while condition() {
            if handsOver() { handOver() }
            let count = poller.wait(timeout: timeUntilDeadline())
            let now = MonotonicClock.now()
            for index in 0..<count {
                let token = poller.event(at: index).token
                switch token.kind {
                case Kind.listener: accept(Int(token.index), now: now)
                case Kind.connection:
                    advance(Slab<AdminConnection>.Key(index: token.index, generation: token.generation), now: now)
                default: wake.clear()
                }
            }
            expire(now: now)
        }
        for listener in listeners where listener.fd >= 0 { _ = OwnedDescriptor(adopting: listener.fd) }
        listeners = []
    }

    /// Closes the listeners of ports at which another process listens too; the others stay.
    ///
    /// The kernel does not say who shares a port, so each is closed, tried, and opened again when nobody answers.
    private mutating func handOver() {
        for index in listeners.indices where listeners[index].fd >= 0 {
            // What is in the accept queue has been promised an answer.
            accept(index, now: MonotonicClock.now())
            poller.remove(listeners[index].fd)
            _ = OwnedDescriptor(adopting: listeners[index].fd)
            listeners[index].fd = -1
            guard !Self.isServed(listeners[index].address) else { continue }
            do throws(SystemError) {
                let listener = try AdminServer.listen(listeners[index].address)
                try poller.addReadable(listener.rawValue, token: Self.token(listener: index))
                listeners[index].fd = listener.relinquish()
            } catch {
                // The process is about to end: a port less is no harm.
            }
        }
    }

    /// Whether somebody listens at an address of this machine; its own kernel answers at once.
    private static func isServed(_ address: SocketAddress) -> Bool {
        var address = address
        if address.ip.isUnspecified { address.ip = .loopbackV4 }
        do throws(SystemError) {
            let attempt = try Socket.connect(Socket.ConnectOptions(destination: address))
            return Socket.takeError(attempt.rawValue) == 0
        } catch {
            return false
        }
    }

    private static func token(listener index: Int) -> EventToken {
        EventToken(kind: Kind.listener, index: UInt32(index), generation: 0)
    }

    private mutating func accept(_ index: Int, now: MonotonicTime) {
        let listener = listeners[index]
        do {
            while let (fd, _) = try Socket.accept(listener.fd) {
                makeRoom(listener.port)
                let connection = AdminConnection(OwnedDescriptor(adopting: fd), port: listener.port, now: now)
                guard let key = connections.insert(connection) else { continue }
                order.append(key)
                let token = EventToken(kind: Kind.connection, index: key.index, generation: key.generation)
                try poller.addEdgeTriggered(fd, token: token)
            }
        } catch {
            // Out of descriptors: a listener that stays readable would spin, so it rests until the next deadline.
            pause(index, true)
        }
    }

    /// Ends the oldest connection of `port` when it has as many as it may, one without a request first.
    private mutating func makeRoom(_ port: AdminRoutes.Port) {
        var mine: [(key: Slab<AdminConnection>.Key, isReading: Bool)] = []
        for key in order {
            connections.withElement(key) { connection in
                if connection.port == port { mine.append((key, connection.phase == .reading)) }
            }
        }
        guard mine.count >= AdminServer.maximumConnections else { return }
        if let victim = mine.first(where: \.isReading) ?? mine.first { remove(victim.key) }
    }

    private mutating func advance(_ key: Slab<AdminConnection>.Key, now: MonotonicTime) {
        let isDone = connections.withElement(key) { connection in
            connection.advance(routes, now: now)
            return connection.phase == .done
        }
        if isDone == true { remove(key) }
    }

    private mutating func expire(now: MonotonicTime) {
        for key in order {
            let isDone = connections.withElement(key) { connection in
                if connection.deadline <= now { connection.expire(routes, now: now) }
                return connection.phase == .done
            }
            if isDone == true { remove(key) }
        }
        for index in listeners.indices where listeners[index].isPaused { pause(index, false) }
    }

    private mutating func remove(_ key: Slab<AdminConnection>.Key) {
        _ = connections.remove(key)
        order.removeAll { $0 == key }
    }

    private mutating func pause(_ index: Int, _ isPaused: Bool) {
        do {
            try poller.setReadable(listeners[index].fd, isEnabled: !isPaused, token: Self.token(listener: index))
            listeners[index].isPaused = isPaused
        } catch {
            listeners[index].isPaused = false
        }
    }

    /// Time until the next connection's deadline; nil, and no wake-up, when there is none.
    private mutating func timeUntilDeadline() -> Nanoseconds? {
        var next: MonotonicTime?
        for key in order {
            connections.withElement(key) { connection in next = min(next ?? .distantFuture, connection.deadline) }
        }
        if listeners.contains(where: \.isPaused) {
            next = min(next ?? .distantFuture, MonotonicClock.now() + .milliseconds(100))
        }
        guard let next else { return nil }
        return max(Nanoseconds(0), next - MonotonicClock.now())
    }
}
