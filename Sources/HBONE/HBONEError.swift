// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import HTTP2
internal import LinuxIO
package import TLS

/// Why an HBONE connection is over.
package enum HBONEError: Error, Sendable {
    /// The TCP connection broke, or could not be made; the errno says how.
    case socket(errno: CInt)
    /// The handshake failed, or the peer's records are no TLS.
    case tls(TLSError)
    /// The peer broke the rules of HTTP/2 or the limits we set.
    case http2(HTTP2Error)
    /// The peer closed the connection.
    case closedByPeer
    /// A phase took longer than it may.
    case timedOut(Phase)
    /// More bytes wait for slow sockets than the worker may hold.
    case outOfBuffers
    /// We closed it: the pod left, the process drains.
    case closedLocally

    /// What a time-out waited for.
    package enum Phase: Sendable {
        case connect
        case handshake
        case response
    }
}

extension HBONEError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .socket(let number): SystemError(number, "connection").description
        case .tls(let error): "TLS: \(error)"
        case .http2(let error): "HTTP/2: \(error)"
        case .closedByPeer: "connection closed by peer"
        case .timedOut(.connect): "connect timed out; a NetworkPolicy may be blocking port 15008"
        case .timedOut(.handshake): "TLS handshake timed out"
        case .timedOut(.response): "no response to CONNECT in time"
        case .outOfBuffers: "too many bytes wait for slow sockets; the memory ceiling is reached"
        case .closedLocally: "closed by this tunnel"
        }
    }
}
