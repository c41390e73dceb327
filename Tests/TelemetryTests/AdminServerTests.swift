// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import LinuxIO
import Telemetry
import Testing

/// One at a time: the tests count connections and wait for deadlines.
@Suite("AdminServer", .serialized)
struct AdminServerTests {
    private static let any = SocketAddress(ip: .loopbackV4, port: 0)

    private func serve(
        _ routes: AdminRoutes, _ ports: [AdminRoutes.Port] = [.admin],
        _ body: ([SocketAddress]) throws -> Void
    ) throws {
        let server = try AdminServer(ports.map { AdminServer.Endpoint($0, Self.any) }, routes)
        defer { server.stop() }
        try body(server.addresses)
    }

    private var hello: AdminRoutes {
        var routes = AdminRoutes()
        routes.get(.admin, "/hello", help: "greets") { request in .text("hello \(request["name"] ?? "you")") }
        return routes
    }

    @Test("A request is answered, with length and type, and the connection ends")
    func answer() throws {
        try serve(hello) { addresses in
            #expect(
                TestClient.ask(addresses[0], "GET /hello?name=a%20b HTTP/1.1\r\nHost: x\r\n\r\n")
                    == "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 9\r\n"
                    + "Connection: close\r\nX-Content-Type-Options: nosniff\r\n\r\nhello a b")
        }
    }

    @Test(
        "What is not a request that is understood gets the status that says so",
        arguments: [
            ("GET /nothing HTTP/1.1\r\n\r\n", 404),
            ("POST /hello HTTP/1.1\r\n\r\n", 405),
            ("DELETE /hello HTTP/1.1\r\n\r\n", 405),
            ("GET /hello HTTP/2.0\r\n\r\n", 400),
            ("GET /hello\r\n\r\n", 400),
            ("GET  /hello HTTP/1.1\r\n\r\n", 400),
            ("GET http://x/hello HTTP/1.1\r\n\r\n", 400),
            ("GET /hello%zz HTTP/1.1\r\n\r\n", 400),
            ("GET /hello%ff HTTP/1.1\r\n\r\n", 400),
            ("GET /hello HTTP/1.1\r\n folded: x\r\n\r\n", 400),
            ("GET /hello HTTP/1.1\r\nno colon\r\n\r\n", 400),
            ("\u{16}\u{3}\u{1}\u{2}\u{0}\n\n", 400),  // a TLS client
            ("GET /hello HTTP/1.1\n\n", 200),
            ("GET /hello HTTP/1.1\r\nContent-Length: 5\r\n\r\nabcde", 200),
        ])
    func status(request: String, status: Int) throws {
        try serve(hello) { addresses in
            let answer = try #require(TestClient.ask(addresses[0], request))
            #expect(answer.hasPrefix("HTTP/1.1 \(status) "))
        }
    }

    @Test("A head of more than 8 KiB is refused while it is sent")
    func longHead() throws {
        try serve(hello) { addresses in
            let client = TestClient(addresses[0])
            client.send("GET /hello HTTP/1.1\r\nX: " + String(repeating: "a", count: 100_000))
            #expect(client.receiveAll()?.hasPrefix("HTTP/1.1 431 ") == true)
        }
    }

    @Test("A client that sends its head byte by byte is ended after two seconds")
    func slowHead() throws {
        try serve(hello) { addresses in
            let start = MonotonicClock.now()
            let client = TestClient(addresses[0])
            client.send("GET /hel")
            #expect(client.receiveAll()?.hasPrefix("HTTP/1.1 408 ") == true)
            let elapsed = MonotonicClock.now() - start
            #expect(elapsed > .milliseconds(1_900) && elapsed < .seconds(8))
        }
    }

    @Test("More idle connections than a port may have do not keep others from an answer, on that port or another")
    func manyConnections() throws {
        var routes = hello
        routes.get(.metrics, "/metrics", help: "") { _ in .text("m") }
        try serve(routes, [.admin, .metrics]) { addresses in
            let idle = (0..<100).map { _ in TestClient(addresses[0]) }
            for client in idle { client.send("GET /") }
            #expect(TestClient.status(addresses[0], "/hello") == 200)
            #expect(TestClient.status(addresses[1], "/metrics") == 200)
            #expect(idle.count == 100)
        }
    }

    @Test("A client that does not read a large answer holds up nobody")
    func slowReader() throws {
        var routes = hello
        routes.get(.admin, "/large", help: "") { _ in
            AdminResponse(contentType: "text/plain", body: Array(repeating: 65, count: 8 << 20))
        }
        try serve(routes) { addresses in
            let slow = TestClient(addresses[0])
            slow.send("GET /large HTTP/1.1\r\n\r\n")
            #expect(TestClient.status(addresses[0], "/hello") == 200)
            #expect(slow.receiveAll().map { $0.utf8.count > 8 << 20 } == true)
        }
    }

    @Test("An address that is taken is an error that says for what, where, and what to do")
    func addressInUse() throws {
        var options = Socket.ListenOptions(address: Self.any)
        options.sharesPort = false
        let other = try Socket.listen(options)
        let address = try Socket.localAddress(other.rawValue)
        #expect {
            try AdminServer([AdminServer.Endpoint(.metrics, address)], hello)
        } throws: { error in
            "\(error)".hasPrefix("cannot listen on \(address) for metrics: bind: Address already in use; ")
                && "\(error)".contains("--metrics-port")
        }
        withExtendedLifetime(other) {}
    }

    @Test("A port is left to a successor that listens there too; without one it goes on being served")
    func handOver() throws {
        func ask(_ address: SocketAddress) -> String? {
            let answer = TestClient.ask(address, "GET /hello HTTP/1.1\r\n\r\n")
            return answer?.hasSuffix("\r\n\r\nsuccessor") == true ? "successor" : answer
        }
        var routes = AdminRoutes()
        routes.get(.admin, "/hello", help: "greets") { _ in .text("successor") }
        let first = try AdminServer([AdminServer.Endpoint(.admin, Self.any)], hello)
        defer { first.stop() }
        let address = first.addresses[0]
        first.handOver()
        // Only in the moment in which the port is tried can a question be refused.
        let answered = (0..<200).count { _ in ask(address)?.hasSuffix("hello you") == true }
        #expect(answered > 100)
        let second = try AdminServer([AdminServer.Endpoint(.admin, address)], routes)
        defer { second.stop() }
        first.handOver()
        var answers: [String?] = []
        while answers.count < 5_000, answers.suffix(50).contains(where: { $0 != "successor" }) || answers.count < 50 {
            answers.append(ask(address))
        }
        #expect(!answers.contains(nil) && answers.count < 5_000)
    }

    @Test("The index lists the routes of its own port")
    func index() throws {
        var routes = hello
        routes.get(.metrics, "/metrics", help: "numbers") { _ in .text("m") }
        try serve(routes, [.admin]) { addresses in
            let answer = try #require(TestClient.ask(addresses[0], "GET / HTTP/1.1\r\n\r\n"))
            #expect(answer.hasSuffix("\r\n\r\nGET  /hello  greets\n"))
        }
    }
}
