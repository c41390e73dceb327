// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
internal import HBONE
internal import LinuxIO
package import Manifest
internal import TLS

/// A conversation with the API server for a command: one request after the other, each waited for.
///
/// Owned by one thread, which it blocks; a daemon follows objects by `ClusterSource` instead.
package final class ClusterSession {
    /// An answer.
    package struct Answer: Sendable {
        /// The HTTP status.
        package let status: Int
        /// The content.
        package let body: [UInt8]

        /// Whether the request was granted.
        package var isGood: Bool { (200..<300).contains(status) }
        /// What a refusal says.
        package var problem: APIStatus { APIStatus(code: status, body: body) }

        /// The object in it.
        ///
        /// - Throws: `.malformed`.
        package func object() throws(KubernetesError) -> YAMLNode { try YAMLNode(json: body) }
    }

    /// Who we are, and where.
    package let credentials: ClusterCredentials
    private let poller: PollerBox
    private var link: ServiceLink<APICalls>?
    private var linkNumber: UInt32 = 0
    private var scratch = Scratch(pooledBytes: 1 << 20)
    private var nextCall: UInt64 = 1
    /// When the last answer came.
    private var lastAnswer = MonotonicClock.now()

    /// How long a connection is kept for the next request.
    ///
    /// Between requests nobody watches it: a PING that fell due would miss its answer, and what is on the way may have
    /// forgotten it. So it is less than the keepalive's interval and its timeout.
    private static let idleLimit = Nanoseconds.seconds(5)

    /// Nothing is connected before the first request.
    ///
    /// - Throws: when epoll cannot be had.
    package init(_ credentials: ClusterCredentials) throws(KubernetesError) {
        self.credentials = credentials
        do throws(SystemError) {
            poller = PollerBox(try Poller(capacity: 4))
        } catch {
            throw .connection(.socket(errno: error.number))
        }
    }

    /// Sends a request and waits for the answer.
    ///
    /// - Parameter deadline: when it must have been sent and answered: what would be later is not sent, for a right to write that ends.
    /// - Throws: `.credentials`, `.unresolved`, `.connection`, `.timedOut`, `.tooLarge`, `.reset`; a refusal is an answer.
    package func ask(
        _ request: APIRequest, before deadline: MonotonicTime = .distantFuture
    ) throws(KubernetesError) -> Answer {
        let token = try credentials.readToken()
        catchUp()
        let wasConnected = link != nil
        do throws(KubernetesError) {
            return try answer(request, token, before: deadline)
        } catch {
            // A kept connection may have ended meanwhile: what only reads may be asked again.
            guard wasConnected, request.method == .get else { throw error }
            return try answer(request, token, before: deadline)
        }
    }

    /// Takes in what has come since the last answer: the server may have said GOAWAY or FIN.
    private func catchUp() {
        guard let kept = link else { return }
        guard MonotonicClock.now() - lastAnswer < Self.idleLimit else { return close(kept, "idle") }
        do throws(KubernetesError) {
            _ = try step(kept, waits: false)
        } catch {
            return  // closed: the next request connects
        }
        if kept.isDraining { close(kept, "the server goes away") }
    }

    private func answer(
        _ request: APIRequest, _ token: String?, before deadline: MonotonicTime
    ) throws(KubernetesError) -> Answer {
        let link = try connected()
        var request = request
        // Connecting takes its time too.
        let now = MonotonicClock.now()
        guard now < deadline else { throw .timedOut }
        if deadline != .distantFuture { request.timeout = min(request.timeout, deadline - now) }
        let number = nextCall
        nextCall += 1
        let isStarted = link.start { calls, http2 in
            calls.start(request, token: token, context: number, &http2, now: MonotonicClock.now())
        }
        guard isStarted else {
            close(link, "no stream")
            throw .connection(.closedByPeer)
        }
        while true {
            for reply in try step(link) where reply.context == number {
                switch reply.end {
                case .complete(let body):
                    lastAnswer = MonotonicClock.now()
                    return Answer(status: reply.status, body: body)
                case .failed(let error): throw error
                case nil: break
                }
            }
        }
    }

    /// A connection that takes requests; every address of the host is tried.
    private func connected() throws(KubernetesError) -> ServiceLink<APICalls> {
        if let link { return link }
        let context = try credentials.makeContext()
        let addresses: [SocketAddress]
        do throws(SystemError) {
            addresses = try HostResolver.resolve(credentials.host, port: credentials.port)
        } catch {
            throw .unresolved
        }
        var last = KubernetesError.unresolved
        for address in addresses {
            do throws(KubernetesError) {
                return try connect(to: address, context)
            } catch {
                last = error
            }
        }
        throw last
    }

    private func connect(to address: SocketAddress, _ context: TLSContext) throws(KubernetesError) -> ServiceLink<
        APICalls
    > {
        let made: ServiceLink<APICalls>
        do throws(HBONEError) {
            made = try ServiceLink(
                to: address, context: context,
                calls: APICalls(authority: credentials.authority, pathPrefix: credentials.pathPrefix),
                configuration: APICalls.configuration, connectTimeout: .seconds(10), now: MonotonicClock.now())
        } catch {
            throw .connection(error)
        }
        linkNumber &+= 1
        do throws(SystemError) {
            try poller.value.addEdgeTriggered(
                made.descriptor, token: EventToken(kind: 1, index: linkNumber, generation: 0))
        } catch {
            throw .connection(.socket(errno: error.number))
        }
        link = made
        while made.availableCalls == 0 { _ = try step(made) }
        return made
    }

    /// Sends, waits for the next event or deadline, and receives.
    private func step(
        _ link: ServiceLink<APICalls>, waits: Bool = true
    ) throws(KubernetesError) -> [APIReply] {
        do throws(HBONEError) {
            try link.send(&scratch)
            var now = MonotonicClock.now()
            let expired = try link.expire(now: now)
            if !expired.isEmpty { return expired }
            let deadline = link.nextDeadline
            let patience = deadline == .distantFuture ? nil : max(Nanoseconds(0), deadline - now)
            let timeout = waits ? patience : Nanoseconds(0)
            let count = poller.value.wait(timeout: timeout)
            now = MonotonicClock.now()
            var replies: [APIReply] = []
            for index in 0..<count {
                let (token, readiness) = poller.value.event(at: index)
                guard token.index == linkNumber else { continue }
                replies += try link.becameReady(readiness, &scratch, now: now)
            }
            return replies
        } catch {
            close(link, "\(error)")
            throw .connection(error)
        }
    }

    private func close(_ old: ServiceLink<APICalls>, _ reason: String) {
        poller.value.remove(old.descriptor)
        _ = old.close(because: reason, &scratch)
        link = nil
    }
}
