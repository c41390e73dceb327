// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Glibc
import HTTP2
import LinuxIO

/// The test server that conformance suites are pointed at: a server core over sockets, answering any request.
///
/// Usage: `conformance-server PORT [http1]`; HTTP/2 with prior knowledge unless http1 is asked for; port 0 takes a free
/// one. Prints `listening on PORT` when it is ready.
/// One thread; connections are served as their sockets allow. Not a product: nothing here is tuned.
@main
struct ConformanceServer {
    private static let listenerKind: UInt8 = 0
    private static let connectionKind: UInt8 = 1

    static func main() {
        let arguments = CommandLine.arguments
        let isHTTP1 = arguments.count == 3 && arguments[2] == "http1"
        guard arguments.count == 2 || isHTTP1, let port = UInt16(arguments[1]) else {
            print("usage: conformance-server PORT [http1]")
            exit(64)
        }
        do {
            if isHTTP1 { try run(port: port, HTTP1Exchange.self) } else { try run(port: port, Exchange.self) }
        } catch {
            print("conformance-server: \(error)")
            exit(1)
        }
    }

    private static func run<Protocol: ServedProtocol & ~Copyable>(
        port: UInt16, _ served: Protocol.Type
    ) throws(SystemError) {
        let loopback = IPAddress("127.0.0.1") ?? IPAddress(v4: 0)
        let listener = try Socket.listen(Socket.ListenOptions(address: SocketAddress(ip: loopback, port: port)))
        let poller = try Poller()
        var connections = Slab<ServedConnection<Protocol>>(limit: 4096)
        try poller.addReadable(
            listener.rawValue, token: EventToken(kind: listenerKind, index: 0, generation: 0))
        print("listening on \(try Socket.localAddress(listener.rawValue).port)")
        fflush(nil)
        while true {
            let count = poller.wait(timeout: .milliseconds(connections.count == 0 ? 1000 : 50))
            let now = MonotonicClock.now()
            for index in 0..<count {
                let event = poller.event(at: index)
                if event.token.kind == listenerKind {
                    try accept(listener.rawValue, poller, &connections, now)
                    continue
                }
                let key = Slab<ServedConnection<Protocol>>.Key(
                    index: event.token.index, generation: event.token.generation)
                let isOver = connections.withElement(key) { connection in connection.serve(now: now) }
                if isOver == true { _ = connections.remove(key) }
            }
            for key in connections.keys where connections.withElement(key, { $0.tick(now: now) }) == true {
                _ = connections.remove(key)
            }
        }
    }

    private static func accept<Protocol: ServedProtocol & ~Copyable>(
        _ listener: CInt, _ poller: borrowing Poller, _ connections: inout Slab<ServedConnection<Protocol>>,
        _ now: MonotonicTime
    ) throws(SystemError) {
        while let accepted = try Socket.accept(listener) {
            Socket.tune(accepted.fd, keepaliveSeconds: 0)
            let connection = ServedConnection<Protocol>(OwnedDescriptor(adopting: accepted.fd), now: now)
            guard let key = connections.insert(connection) else { continue }
            try poller.addEdgeTriggered(
                accepted.fd, token: EventToken(kind: connectionKind, index: key.index, generation: key.generation))
        }
    }
}
