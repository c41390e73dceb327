// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import GRPC
internal import HBONE
internal import HTTP2
internal import Identity
internal import LinuxIO
internal import TLS

/// One connection to a CA service: TCP, TLS by the server's name, HTTP/2, gRPC; used by one thread.
final class AuthorityLink {
    private var connection: HBONEConnection
    private var calls: GRPCClient
    /// When connecting must be over; then when an idle connection is given up.
    private(set) var deadline: MonotonicTime
    private(set) var isEstablished = false
    /// No new calls: the server has said GOAWAY.
    private(set) var isDraining = false
    private static let idleTimeout = Nanoseconds.seconds(30)

    /// Starts to connect.
    init(
        to address: SocketAddress, _ service: CertificateSettings.Service, _ context: TLSContext, now: MonotonicTime
    ) throws(CertificateError) {
        let configuration = GRPCConfiguration()
        let socket: OwnedDescriptor
        do throws(SystemError) {
            socket = try Socket.connect(Socket.ConnectOptions(destination: address))
        } catch {
            throw .system(error)
        }
        do throws(TLSError) {
            connection = try HBONEConnection(
                socket: socket, context: context, expecting: .anyInTrustDomain, role: .client,
                configuration: configuration.http2, now: now)
        } catch {
            throw .tls(error)
        }
        calls = GRPCClient(configuration, authority: "\(service.host):\(service.port)")
        deadline = now + service.connectTimeout
    }

    var descriptor: CInt { connection.fd }
    var callCount: Int { calls.callCount }
    /// Calls that could be started now.
    var availableCalls: Int { isEstablished && !isDraining ? connection.http2.availableStreams : 0 }
    /// When something is due.
    var nextDeadline: MonotonicTime {
        min(deadline, calls.nextDeadline, isEstablished ? connection.http2.nextDeadline : .distantFuture)
    }

    func start(_ request: GRPCClient.Request, context: UInt64, now: MonotonicTime) -> Bool {
        calls.start(request, context: context, &connection.http2, now: now)
    }

    /// The socket is ready for something.
    func becameReady(
        _ readiness: Readiness, _ scratch: inout Scratch, now: MonotonicTime
    ) throws(HBONEError) -> [GRPCResponse] {
        if !readiness.isDisjoint(with: [.readable, .peerFinished, .failed, .hungUp]) {
            connection.isReadable = true
            if !readiness.isDisjoint(with: [.peerFinished, .hungUp, .failed]) { connection.isPeerFinished = true }
        }
        if !readiness.isDisjoint(with: [.writable, .failed, .hungUp]) { try connection.becameWritable(&scratch) }
        var responses: [GRPCResponse] = []
        receiving: while true {
            switch try connection.receive(&scratch) {
            case .established: isEstablished = true
            case .plaintext:
                while let event = try connection.nextEvent(&scratch, now: now) {
                    if case .goAway = event { isDraining = true }
                    if let response = take(event, scratch.plaintext) { responses.append(response) }
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

    private func take(_ event: HTTP2Event, _ plaintext: borrowing ByteBuffer) -> GRPCResponse? {
        calls.receive(event, plaintext.readable, &connection.http2)
    }

    /// Writes what waits.
    func send(_ scratch: inout Scratch) throws(HBONEError) {
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
    func expire(now: MonotonicTime) throws(HBONEError) -> [GRPCResponse] {
        guard now < deadline else { throw isEstablished ? .closedLocally : .timedOut(.connect) }
        do throws(HTTP2Error) {
            while isEstablished, try connection.http2.tick(now: now) != nil {}
        } catch {
            throw .http2(error)
        }
        var responses: [GRPCResponse] = []
        while let response = calls.expire(&connection.http2, now: now) { responses.append(response) }
        if isEstablished, calls.callCount == 0, deadline == .distantFuture { deadline = now + Self.idleTimeout }
        return responses
    }

    /// Ends the connection.
    ///
    /// - Returns: the calls that were under way.
    func close(_ status: GRPCStatus, _ scratch: inout Scratch) -> [GRPCResponse] {
        connection.close(&scratch)
        return calls.abandon(status)
    }
}
