// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HBONE
internal import LinuxIO
internal import Routing
internal import Telemetry

// Connections arriving at the listeners of the pods.
extension Worker {
    /// Connections taken from one listener per turn; then others have their turn.
    static let acceptsPerTurn = 64
    /// How long a listener rests when descriptors have run out.
    private static let pause = Nanoseconds.milliseconds(100)

    /// Takes what waits in the accept queue, up to `limit` connections.
    func acceptConnections(_ key: Listener.Key, limit: Int = acceptsPerTurn) {
        for _ in 0..<limit {
            do {
                guard try acceptOne(key) else { return }
            } catch {
                if error.isOutOfResources {
                    if !isOutOfDescriptors { observer.acceptFailed(error) }
                    isOutOfDescriptors = true
                    pauseListener(key)
                } else {
                    observer.acceptFailed(error)
                }
                return
            }
        }
    }

    private func acceptOne(_ key: Listener.Key) throws(SystemError) -> Bool {
        var purpose = Listener.Purpose.outbound
        var pod: Pod?
        let accepted = try listeners.withElement(key) { (listener: inout Listener) throws(SystemError) in
            purpose = listener.purpose
            pod = listener.pod
            return try Socket.accept(listener.socket.rawValue)
        }
        guard let pod, case .some(.some(let (fd, peer))) = accepted else { return false }
        let socket = OwnedDescriptor(adopting: fd)
        if isOutOfDescriptors {
            isOutOfDescriptors = false
            observer.acceptsAgain()
        }
        Socket.tune(fd, keepaliveSeconds: configuration.keepaliveSeconds)
        place(socket, purpose, pod: pod, peer: peer)
        performDeferred()
        return true
    }

    /// Where a redirected connection was going; nil when it was not redirected: somebody called the port itself.
    func redirectedDestination(_ socket: borrowing OwnedDescriptor, peer: SocketAddress) -> SocketAddress? {
        guard let target = Socket.originalDestination(socket.rawValue, isIPv4: peer.ip.isIPv4) else { return nil }
        // The kernel names the listener itself for connections that were not redirected.
        if configuration.ownPorts.contains(target.port), addressOfOwnEnd(socket) == target { return nil }
        return target
    }

    private func addressOfOwnEnd(_ socket: borrowing OwnedDescriptor) -> SocketAddress? {
        do throws(SystemError) {
            return try Socket.localAddress(socket.rawValue)
        } catch {
            return nil
        }
    }

    /// Refuses a connection with RST before anything is known but its addresses.
    func refuse(
        _ socket: consuming OwnedDescriptor, _ reporter: Reporter, pod: Pod, peer: SocketAddress,
        target: SocketAddress?, _ end: ConnectionEnd
    ) {
        Socket.resetOnClose(socket.rawValue)
        observer.refusedEarly(pod, reporter, source: peer, target: target, end)
    }

    private func pauseListener(_ key: Listener.Key) {
        setListener(key, isPaused: true)
        timers.arm(
            EventToken(kind: TokenKind.listener, index: key.index, generation: key.generation), at: now + Self.pause)
    }

    /// A listener's rest is over.
    func resumeListener(_ key: Listener.Key) {
        setListener(key, isPaused: false)
    }

    private func setListener(_ key: Listener.Key, isPaused: Bool) {
        let token = EventToken(kind: TokenKind.listener, index: key.index, generation: key.generation)
        listeners.withElement(key) { listener in
            guard listener.isPaused != isPaused else { return }
            do throws(SystemError) {
                try self.poller.setReadable(listener.socket.rawValue, isEnabled: !isPaused, token: token)
                listener.isPaused = isPaused
            } catch {
                self.observer.acceptFailed(error)
            }
        }
    }

    /// Counts a connection more of a pod.
    ///
    /// - Returns: why it must not be, and nothing is counted then; nil when it may.
    func admitConnection(_ pod: Pod) -> ConnectionEnd.Refusal? {
        if shedsNewWork { return .memory }
        return pod.admitConnection(configuration, worker: index, now: now)
    }

    /// Whether the last eighth of the memory ceiling is reached: it is left to the connections that there are.
    private var shedsNewWork: Bool { scratch.pool.inUse > scratch.pool.limit - scratch.pool.limit / 8 }
}
