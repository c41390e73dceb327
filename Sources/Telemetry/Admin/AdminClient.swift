// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
package import LinuxIO

/// Why a running tunnel could not be asked.
package enum AdminClientError: Error, CustomStringConvertible {
    /// Nobody answers there.
    case unreachable(SocketAddress, SystemError)
    /// No answer in time.
    case timeout(SocketAddress)
    /// What answers is not a tunnel.
    case notHTTP(SocketAddress)
    /// The tunnel refused the request.
    case refused(status: Int, String)

    package var description: String {
        switch self {
        case .unreachable(let address, let cause):
            "no tunnel answers on \(address) (\(cause)); is ambit-tunnel running in this network namespace? "
                + "--admin HOST:PORT asks elsewhere"
        case .timeout(let address): "the tunnel on \(address) did not answer in \(AdminClient.seconds) s"
        case .notHTTP(let address): "what listens on \(address) is not the admin port of a tunnel"
        case .refused(let status, let text): "the tunnel refused with \(status): \(text)"
        }
    }
}

/// Asks the admin port of a running tunnel.
package enum AdminClient {
    /// How long an answer may take.
    package static var seconds: Int64 { 10 }
    /// The longest answer that is read.
    static var maximumBytes: Int { 1 << 30 }

    /// Sends a request and returns the body of a 200.
    ///
    /// - Parameters:
    ///   - target: path and query, percent-encoded.
    ///   - timeout: how long the answer may take.
    package static func ask(
        _ address: SocketAddress, method: String = "GET", _ target: String, timeout: Nanoseconds = .seconds(seconds)
    ) throws(AdminClientError) -> [UInt8] {
        let answer: [UInt8]
        do throws(SystemError) {
            let request = "\(method) \(target) HTTP/1.1\r\nHost: \(address)\r\n\r\n"
            answer = try exchange(address, request, timeout) ?? []
        } catch {
            throw .unreachable(address, error)
        }
        guard !answer.isEmpty else { throw .timeout(address) }
        let line = String(decoding: answer.prefix(12), as: UTF8.self)
        guard line.hasPrefix("HTTP/1.1 "), let status = Int(line.dropFirst(9)), let start = endOfHead(answer) else {
            throw .notHTTP(address)
        }
        guard status == 200 else {
            let text = String(decoding: answer[start...].prefix(1_000), as: UTF8.self)
            throw .refused(status: status, String(text.prefix { !$0.isNewline }))
        }
        return Array(answer[start...])
    }

    /// Everything the server sends until it closes; nil when that takes too long.
    private static func exchange(
        _ address: SocketAddress, _ request: String, _ timeout: Nanoseconds
    ) throws(SystemError) -> [UInt8]? {
        let deadline = MonotonicClock.now() + timeout
        let socket = try Socket.connect(Socket.ConnectOptions(destination: address))
        let poller = try Poller(capacity: 1)
        try poller.addEdgeTriggered(socket.rawValue, token: EventToken(bits: 0))
        var answer: [UInt8] = []
        var buffer = ByteBuffer(capacity: 65_536)
        var isConnected = false
        while true {
            let left = deadline - MonotonicClock.now()
            guard left.count > 0, poller.wait(timeout: left) > 0 else { return nil }
            if !isConnected {
                let failure = Socket.takeError(socket.rawValue)
                guard failure == 0 else { throw SystemError(failure, "connect") }
                guard poller.event(at: 0).readiness.contains(.writable) else { continue }
                // A request is far smaller than any send buffer, so the first write takes all of it.
                if case .failed(let number) = Socket.write(socket.rawValue, request.utf8.span) {
                    throw SystemError(number, "send")
                }
                isConnected = true
            }
            reading: while true {
                switch Socket.read(socket.rawValue, into: &buffer) {
                case .bytes:
                    answer.append(copying: buffer.readable)
                    buffer.clear()
                    guard answer.count <= maximumBytes else { return answer }
                case .endOfStream: return answer
                case .wouldBlock: break reading
                case .failed(let number): throw SystemError(number, "recv")
                }
            }
        }
    }

    private static func endOfHead(_ answer: [UInt8]) -> Int? {
        guard answer.count >= 4 else { return nil }
        for index in 3..<answer.count
        where answer[index] == 10 && answer[index - 1] == 13 && answer[index - 2] == 10 && answer[index - 3] == 13 {
            return index + 1
        }
        return nil
    }
}
