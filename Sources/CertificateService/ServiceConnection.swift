// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import GRPC
internal import HBONE
internal import HTTP2
internal import LinuxIO
internal import TLS

/// One caller's connection: TLS without client certificate, HTTP/2, gRPC; used by the service's thread.
final class ServiceConnection {
    private var connection: HBONEConnection
    private var calls: GRPCServer
    let peer: SocketAddress
    /// When the handshake must be over; then when an idle connection is closed.
    private var deadline: MonotonicTime
    private var isEstablished = false
    private let idleTimeout: Nanoseconds

    init(
        _ socket: consuming OwnedDescriptor, from peer: SocketAddress, _ context: TLSContext,
        _ configuration: CertificateServiceConfiguration, now: MonotonicTime
    ) throws(TLSError) {
        let limits = GRPCConfiguration()
        var http2 = limits.http2
        http2.keepsIdleAlive = false
        connection = try HBONEConnection(
            socket: socket, context: context, expecting: .anyInTrustDomain, role: .server, configuration: http2,
            now: now)
        calls = GRPCServer(limits)
        self.peer = peer
        deadline = now + configuration.handshakeTimeout
        idleTimeout = configuration.idleTimeout
    }

    var descriptor: CInt { connection.fd }

    var nextDeadline: MonotonicTime {
        min(deadline, calls.nextDeadline, isEstablished ? connection.http2.nextDeadline : .distantFuture)
    }

    /// The socket is ready for something.
    ///
    /// - Returns: requests that have come, also when the connection has ended behind them.
    func becameReady(
        _ readiness: Readiness, _ scratch: inout Scratch, now: MonotonicTime
    ) throws(HBONEError) -> [GRPCRequest] {
        if !readiness.isDisjoint(with: [.readable, .peerFinished, .failed, .hungUp]) {
            connection.isReadable = true
            if !readiness.isDisjoint(with: [.peerFinished, .hungUp, .failed]) { connection.isPeerFinished = true }
        }
        if !readiness.isDisjoint(with: [.writable, .failed, .hungUp]) { try connection.becameWritable(&scratch) }
        var requests: [GRPCRequest] = []
        while true {
            switch try connection.receive(&scratch) {
            case .established: isEstablished = true
            case .plaintext:
                while let event = try connection.nextEvent(&scratch, now: now) {
                    if let request = take(event, scratch.plaintext, now) { requests.append(request) }
                }
            case .drained:
                touch(now)
                return requests
            case .ended: throw .closedByPeer
            }
        }
    }

    private func take(
        _ event: HTTP2Event, _ plaintext: borrowing ByteBuffer, _ now: MonotonicTime
    ) -> GRPCRequest? {
        calls.receive(event, plaintext.readable, &connection.http2, now: now)
    }

    func respond(_ call: StreamHandle, _ message: [UInt8]) {
        calls.respond(call, message, &connection.http2)
    }

    func refuse(_ call: StreamHandle, _ status: GRPCStatus) {
        calls.refuse(call, status, &connection.http2)
    }

    /// Writes what waits.
    func send(_ scratch: inout Scratch, now: MonotonicTime) throws(HBONEError) {
        guard isEstablished else { return }
        var hasMore = true
        while hasMore, connection.canSend {
            hasMore = calls.write(&connection.http2, into: &scratch.record)
            try connection.finishRecord(&scratch)
        }
        touch(now)
    }

    /// Acts on what is due.
    ///
    /// - Throws: when the connection is over.
    func expire(now: MonotonicTime) throws(HBONEError) {
        guard now < deadline else { throw isEstablished ? .closedLocally : .timedOut(.handshake) }
        calls.expire(&connection.http2, now: now)
        do throws(HTTP2Error) {
            while isEstablished, try connection.http2.tick(now: now) != nil {}
        } catch {
            throw .http2(error)
        }
    }

    /// Ends the connection; `isOrderly` says GOAWAY first.
    func close(isOrderly: Bool, _ scratch: inout Scratch) {
        if isOrderly, isEstablished { connection.http2.closeNow(.noError) }
        connection.close(&scratch)
    }

    private func touch(_ now: MonotonicTime) {
        if isEstablished { deadline = now + idleTimeout }
    }
}
