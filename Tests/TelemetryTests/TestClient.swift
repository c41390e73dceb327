// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Foundation

/// A blocking TCP client on loopback.
final class TestClient {
    let fd: CInt
    /// Whether the server took the connection: one that has just given its port away refuses some.
    let isConnected: Bool

    init(_ address: SocketAddress) {
        let fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = address.port.bigEndian
        name.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let result = unsafe withUnsafePointer(to: &name) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(fd, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        self.fd = fd
        isConnected = result == 0
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        unsafe setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(fd) }

    /// Sends `text`; false when the server has closed.
    @discardableResult
    func send(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        var offset = 0
        while offset < bytes.count {
            let rest = Array(bytes[offset...])
            let count = unsafe Foundation.send(fd, rest, rest.count, Int32(MSG_NOSIGNAL))
            guard count > 0 else { return false }
            offset += count
        }
        return true
    }

    /// Everything until the server closes; nil when it does not for ten seconds.
    func receiveAll() -> String? {
        var text: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = unsafe recv(fd, &chunk, chunk.count, 0)
            if count == 0 { return String(decoding: text, as: UTF8.self) }
            if count < 0 { return errno == ECONNRESET ? String(decoding: text, as: UTF8.self) : nil }
            text += chunk[..<count]
        }
    }

    /// Sends a request and returns the whole answer; nil when there is none.
    static func ask(_ address: SocketAddress, _ request: String) -> String? {
        let client = TestClient(address)
        guard client.isConnected, client.send(request) else { return nil }
        return client.receiveAll()
    }

    /// The status of a `GET`.
    static func status(_ address: SocketAddress, _ path: String) -> Int? {
        ask(address, "GET \(path) HTTP/1.1\r\nHost: x\r\n\r\n").flatMap { answer in
            answer.hasPrefix("HTTP/1.1 ") ? Int(answer.dropFirst(9).prefix(3)) : nil
        }
    }
}
