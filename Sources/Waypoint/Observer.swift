// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HBONE
internal import LinuxIO
internal import Telemetry

/// What a worker tells the outside: the access log and the metrics of requests.
///
/// Called once per request and event of a connection's life, never per byte. Belongs to one worker.
final class Observer {
    let log: LogLane

    init(log: LogLane) {
        self.log = log
    }

    /// An exchange is over.
    func finished(
        _ exchange: borrowing Exchange, _ heads: borrowing Heads, now: MonotonicTime
    ) {}

    /// Connections could not be accepted.
    func acceptFailed(_ error: SystemError) {
        log.log(.error, .main, "connections cannot be accepted") { $0.field("error", error.description) }
    }

    /// A connection or CONNECT was not taken.
    func refused(_ reason: String, _ peer: SocketAddress) {
        log.log(.warn, .access, "connection refused") {
            $0.field("src.addr", peer)
            $0.field("error", reason)
        }
    }

    /// A handshake did not come to its end.
    func handshakeFailed(_ peer: SocketAddress, _ error: HBONEError, isServer: Bool) {
        log.log(.warn, .access, isServer ? "handshake of a client failed" : "connection to an endpoint failed") {
            $0.field("peer", peer)
            $0.field("error", error.description)
        }
    }

    /// A client broke the protocol.
    func badRequest(_ client: Client, _ error: String) {
        log.log(.debug, .access, "bad request") {
            $0.field("src.addr", client.address)
            $0.field("error", error)
        }
    }

    /// An endpoint broke the protocol.
    func badResponse(_ error: String) {
        log.log(.warn, .access, "bad response") { $0.field("error", error) }
    }
}
