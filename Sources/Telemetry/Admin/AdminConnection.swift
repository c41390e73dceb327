// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import LinuxIO

/// One client of the admin server: reads a request's head, writes the answer, and ends.
struct AdminConnection: ~Copyable {
    enum Phase: Equatable {
        /// Waiting for the whole head.
        case reading
        /// The answer is on its way.
        case writing
        /// Our FIN is sent; taking what the client still sends (a body that nobody wants) until its FIN, so that the
        /// answer is not lost to a reset.
        case closing
        /// Nothing more is to be done.
        case done
    }

    let port: AdminRoutes.Port
    let socket: OwnedDescriptor
    private(set) var phase = Phase.reading
    private(set) var deadline: MonotonicTime
    private var input = ByteBuffer(capacity: AdminServer.maximumHeadBytes)
    /// What is being written now, and what follows it: a large body is not copied behind its head.
    private var output: [UInt8] = []
    private var following: [UInt8] = []
    private var written = 0

    init(_ socket: consuming OwnedDescriptor, port: AdminRoutes.Port, now: MonotonicTime) {
        self.socket = socket
        self.port = port
        deadline = now + AdminServer.headTimeout
    }

    /// Goes on as far as the socket lets it; edge-triggered, so it ends at `wouldBlock`, or `done`.
    mutating func advance(_ routes: AdminRoutes, now: MonotonicTime) {
        var isProgressing = true
        while isProgressing {
            isProgressing =
                switch phase {
                case .reading: read(routes, now: now)
                case .writing: write(now: now)
                case .closing: drain()
                case .done: false
                }
        }
    }

    /// The time is over: a client that is slow in asking is told, others are cut.
    mutating func expire(_ routes: AdminRoutes, now: MonotonicTime) {
        guard case .reading = phase else {
            phase = .done
            return
        }
        answer(.text("the request did not come in time\n", status: 408), now: now)
        advance(routes, now: now)
    }

    private mutating func read(_ routes: AdminRoutes, now: MonotonicTime) -> Bool {
        switch Socket.read(socket.rawValue, into: &input) {
        case .wouldBlock: return false
        case .endOfStream, .failed:
            phase = .done
            return false
        case .bytes: break
        }
        switch AdminRequest.parse(input.readable) {
        case .incomplete:
            if input.freeCount == 0 {
                answer(.text("the request head is too long\n", status: 431), now: now)
            }
        case .refused(let status):
            answer(.text("this is not a request that is understood here\n", status: status), now: now)
        case .request(let request):
            answer(routes.respond(port, request), now: now)
        }
        return true
    }

    private mutating func answer(_ response: AdminResponse, now: MonotonicTime) {
        output = response.head
        if response.body.count <= AdminServer.copiedBodyBytes {
            output += response.body
        } else {
            following = response.body
        }
        phase = .writing
        deadline = now + AdminServer.writeTimeout
    }

    private mutating func write(now: MonotonicTime) -> Bool {
        switch Socket.write(socket.rawValue, output.span.extracting(written..<output.count)) {
        case .wouldBlock: return false
        case .failed:
            phase = .done
            return false
        case .bytes(let count):
            written += count
            guard written == output.count else { return true }
            if !following.isEmpty {
                swap(&output, &following)
                following = []
                written = 0
                return true
            }
            output = []
            Socket.shutdownWrite(socket.rawValue)
            phase = .closing
            deadline = now + AdminServer.lingerTimeout
            return true
        }
    }

    private mutating func drain() -> Bool {
        input.clear()
        switch Socket.read(socket.rawValue, into: &input) {
        case .bytes: return true
        case .wouldBlock: return false
        case .endOfStream, .failed:
            phase = .done
            return false
        }
    }
}
