// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
package import HTTP2
package import LinuxIO
package import TLS

/// One connection to a server that is known by its name: TCP, TLS, HTTP/2 and the calls on it; used by one thread.
package final class ServiceLink<Calls: ClientCalls & ~Copyable> {
    private var connection: HBONEConnection
    private var calls: Calls
    /// When connecting must be over; then when an idle connection is given up.
    private var deadline: MonotonicTime
    /// Whether calls can be started.
    package private(set) var isEstablished = false
    /// No new calls: the server has said GOAWAY.
    package private(set) var isDraining = false
    private static var idleTimeout: Nanoseconds { .seconds(30) }

    /// Starts to connect.
    ///
    /// - Throws: `.socket`, `.tls`.
    package init(
        to address: SocketAddress, context: TLSContext, calls: consuming Calls, configuration: HTTP2Configuration,
        connectTimeout: Nanoseconds, now: MonotonicTime
    ) throws(HBONEError) {
        let socket: OwnedDescriptor
        do throws(SystemError) {
            socket = try Socket.connect(Socket.ConnectOptions(destination: address))
        } catch {
            throw .socket(errno: error.number)
        }
        do throws(TLSError) {
            connection = try HBONEConnection(
                socket: socket, context: context, expecting: .anyInTrustDomain, role: .client,
                configuration: configuration, now: now)
        } catch {
            throw .tls(error)
        }
        self.calls = calls
        deadline = now + connectTimeout
    }

    /// The socket, for the poller.
    package var descriptor: CInt { connection.fd }
    /// Calls that are not over.
    package var callCount: Int { calls.callCount }
    /// Calls that could be started now.
    package var availableCalls: Int { isEstablished && !isDraining ? connection.http2.availableStreams : 0 }
    /// When something is due.
    package var nextDeadline: MonotonicTime {
        min(deadline, calls.nextDeadline, isEstablished ? connection.http2.nextDeadline : .distantFuture)
    }

    /// Starts a call.
    ///
    /// - Parameter body: starts it on the connection it is lent.
    package func start<Result>(_ body: (inout Calls, inout HTTP2Connection) -> Result) -> Result {
        body(&calls, &connection.http2)
    }

    /// The socket is ready for something.
    package func becameReady(
        _ readiness: Readiness, _ scratch: inout Scratch, now: MonotonicTime
    ) throws(HBONEError) -> [Calls.Response] {
        if !readiness.isDisjoint(with: [.readable, .peerFinished, .failed, .hungUp]) {
            connection.isReadable = true
            if !readiness.isDisjoint(with: [.peerFinished, .hungUp, .failed]) { connection.isPeerFinished = true }
        }
        if !readiness.isDisjoint(with: [.writable, .failed, .hungUp]) { try connection.becameWritable(&scratch) }
        var responses: [Calls.Response] = []
        receiving: while true {
            switch try connection.receive(&scratch) {
            case .established: isEstablished = true
            case .plaintext:
                while let event = try connection.nextEvent(&scratch, now: now) {
                    if case .goAway = event { isDraining = true }
                    if let response = take(event, scratch.plaintext, now) { responses.append(response) }
                }
            case .drained: break receiving
            case .ended:
                guard responses.isEmpty else { break receiving }  // the end is seen again at the next event
                throw .closedByPeer
            }
        }
        if isEstablished, calls.callCount == 0 { deadline = now + Self.idleTimeout }
        return responses
    }

    private func take(_ event: HTTP2Event, _ plaintext: borrowing ByteBuffer, _ now: MonotonicTime) -> Calls.Response? {
        calls.receive(event, plaintext.readable, &connection.http2, now: now)
    }

    /// Writes what waits.
    package func send(_ scratch: inout Scratch) throws(HBONEError) {
        guard isEstablished else { return }
        if calls.callCount > 0 { deadline = .distantFuture }
        var hasMore = true
        while hasMore, connection.canSend {
            hasMore = calls.write(&connection.http2, into: &scratch.record)
            try connection.finishRecord(&scratch)
        }
    }

    /// Acts on what is due.
    ///
    /// - Returns: calls that took too long.
    /// - Throws: when the connection is over: connecting took too long, it was idle, or the server is gone.
    package func expire(now: MonotonicTime) throws(HBONEError) -> [Calls.Response] {
        guard now < deadline else { throw isEstablished ? .closedLocally : .timedOut(.connect) }
        do throws(HTTP2Error) {
            while isEstablished, try connection.http2.tick(now: now) != nil {}
        } catch {
            throw .http2(error)
        }
        var responses: [Calls.Response] = []
        while let response = calls.expire(&connection.http2, now: now) { responses.append(response) }
        if isEstablished, calls.callCount == 0, deadline == .distantFuture { deadline = now + Self.idleTimeout }
        return responses
    }

    /// Ends the connection.
    ///
    /// - Returns: the calls that were under way.
    package func close(because reason: String, _ scratch: inout Scratch) -> [Calls.Response] {
        connection.close(&scratch)
        return calls.abandon(because: reason)
    }
}
