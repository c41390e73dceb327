// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import GRPC
internal import HBONE
internal import Identity
internal import LinuxIO
internal import TLS

/// The thread behind `AuthorityClient`: which certificates to ask for, over which connection; all of it its own.
final class AuthorityClientLoop {
    static let commandToken = EventToken(kind: 0, index: 0, generation: 0)
    private static let linkKind: UInt8 = 1
    /// A pause between attempts to connect, however many certificates are due.
    private static let connectPause = Nanoseconds.milliseconds(500)
    /// The longest token that is read, in octets; projected tokens of Kubernetes take about one KiB.
    private static let maximumTokenLength = 16_384

    private struct Call {
        let identity: SPIFFEID
        let key: PrivateKey
    }

    private let service: CertificateSettings.Service
    private let validitySeconds: Int64
    private let commands: Mailbox<AuthorityClient.Command>
    private let answers: Mailbox<AuthorityClient.Answer>
    private let poller: PollerBox
    private var queue = FetchQueue()
    private var calls: [UInt64: Call] = [:]
    private var nextCall: UInt64 = 1
    private var link: ServiceLink<GRPCClient>?
    private var linkNumber: UInt32 = 0
    /// Addresses of the service that are still to be tried.
    private var addresses: [SocketAddress] = []
    private var connectNotBefore = MonotonicTime(nanoseconds: 0)
    private var scratch = Scratch(pooledBytes: 1 << 20)
    private var random: RandomSource
    private var now = MonotonicClock.now()
    private var isStopped = false

    init(
        _ service: CertificateSettings.Service, validitySeconds: Int64, commands: Mailbox<AuthorityClient.Command>,
        answers: Mailbox<AuthorityClient.Answer>, poller: PollerBox, seed: UInt64
    ) {
        self.service = service
        self.validitySeconds = validitySeconds
        self.commands = commands
        self.answers = answers
        self.poller = poller
        random = RandomSource(seed: seed)
    }

    func run() {
        while !isStopped {
            work()
            var timeout: Nanoseconds?
            let deadline = nextDeadline
            if deadline != .distantFuture { timeout = max(Nanoseconds(0), deadline - now) }
            let count = poller.value.wait(timeout: timeout)
            now = MonotonicClock.now()
            for index in 0..<count {
                let (token, readiness) = poller.value.event(at: index)
                if token.kind != Self.linkKind {
                    take(commands.takeAll())
                } else if token.index == linkNumber {
                    onLink { (link) throws(HBONEError) in try link.becameReady(readiness, &self.scratch, now: self.now)
                    }
                }
            }
        }
        closeLink(.closedLocally)
    }

    private var nextDeadline: MonotonicTime {
        guard let link else { return max(queue.nextDeadline, queue.count > 0 ? connectNotBefore : .distantFuture) }
        return min(link.nextDeadline, link.availableCalls > 0 ? queue.nextDeadline : .distantFuture)
    }

    private func take(_ commands: [AuthorityClient.Command]) {
        for command in commands {
            switch command {
            case .fetch(let identity, let priority): queue.ask(identity, priority, now: now)
            case .keepOnly(let identities): queue.keepOnly(identities)
            case .stop: isStopped = true
            }
        }
    }

    /// Connects, starts calls, writes, and acts on what is due.
    private func work() {
        onLink { (link) throws(HBONEError) in try link.expire(now: self.now) }
        if let link, link.isDraining, link.callCount == 0 { closeLink(.closedLocally) }
        if link == nil, queue.isAnyDue(now: now), connectNotBefore <= now { connect() }
        startCalls()
        onLink { (link) throws(HBONEError) in
            try link.send(&self.scratch)
            return []
        }
    }

    private func startCalls() {
        while let link, link.availableCalls > 0, let identity = queue.next(now: now) {
            do throws(CertificateError) {
                let (request, key) = try makeRequest(for: identity)
                let isStarted = link.start { calls, http2 in
                    calls.start(request, context: nextCall, &http2, now: now)
                }
                guard isStarted else { return fail(identity, .token) }
                calls[nextCall] = Call(identity: identity, key: key)
                nextCall += 1
            } catch {
                fail(identity, error)
            }
        }
    }

    private func makeRequest(
        for identity: SPIFFEID
    ) throws(CertificateError) -> (GRPCClient.Request, PrivateKey) {
        var message = CertificateRequestMessage()
        let key: PrivateKey
        do throws(IdentityError) {
            key = try PrivateKey.generate()
            message.csr = String(decoding: try CertificateSigningRequest.pem(for: identity, key: key), as: UTF8.self)
        } catch {
            throw .identity(error)
        }
        message.validitySeconds = validitySeconds
        if service.impersonates { message.impersonatedIdentity = identity.description }
        var metadata: [(name: String, value: String)] = []
        if !service.tokenFile.isEmpty { metadata.append(("authorization", "Bearer \(try readToken())")) }
        if !service.clusterID.isEmpty { metadata.append(("clusterid", service.clusterID)) }
        let request = GRPCClient.Request(
            path: CertificateMessages.path, metadata: metadata, message: message.encoded, timeout: service.callTimeout)
        return (request, key)
    }

    private func readToken() throws(CertificateError) -> String {
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try FileSystem.contents(of: service.tokenFile, limit: Self.maximumTokenLength + 1)
        } catch {
            throw .token
        }
        guard bytes.count <= Self.maximumTokenLength else { throw .token }
        let token = bytes.drop(while: Self.isBlank).reversed().drop(while: Self.isBlank).reversed()
        guard !token.isEmpty, token.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { throw .token }
        return String(decoding: token, as: UTF8.self)
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 }

    private func connect() {
        do throws(CertificateError) {
            if addresses.isEmpty { addresses = try resolve() }
            let context = try makeContext()
            let made = try makeLink(to: addresses.removeFirst(), context)
            linkNumber &+= 1
            do throws(SystemError) {
                try poller.value.addEdgeTriggered(
                    made.descriptor, token: EventToken(kind: Self.linkKind, index: linkNumber, generation: 0))
            } catch {
                throw .system(error)
            }
            link = made
        } catch {
            connectionFailed(error)
        }
    }

    private func makeLink(
        to address: SocketAddress, _ context: TLSContext
    ) throws(CertificateError) -> ServiceLink<GRPCClient> {
        let configuration = GRPCConfiguration()
        do throws(HBONEError) {
            return try ServiceLink(
                to: address, context: context,
                calls: GRPCClient(configuration, authority: "\(service.host):\(service.port)"),
                configuration: configuration.http2, connectTimeout: service.connectTimeout, now: now)
        } catch {
            throw .connection(error)
        }
    }

    private func resolve() throws(CertificateError) -> [SocketAddress] {
        do throws(SystemError) {
            let found = try HostResolver.resolve(service.host, port: service.port)
            now = MonotonicClock.now()
            return found
        } catch {
            throw .system(error)
        }
    }

    private func makeContext() throws(CertificateError) -> TLSContext {
        guard let name = ServerName(service.host) else { throw .identity(.malformed(.certificate)) }
        let roots: [Certificate]
        do throws(IdentityError) {
            roots = try TrustBundle(path: service.rootsFile).authorities
        } catch {
            throw .identity(error)
        }
        do throws(TLSError) {
            return try TLSContext(server: name, authorities: roots)
        } catch {
            throw .tls(error)
        }
    }

    /// Does something with the link, takes the responses, and closes it when it is over.
    private func onLink(_ body: (ServiceLink<GRPCClient>) throws(HBONEError) -> [GRPCResponse]) {
        guard let link else { return }
        do throws(HBONEError) {
            take(try body(link))
        } catch {
            closeLink(error)
        }
    }

    private func closeLink(_ error: HBONEError) {
        guard let link else { return }
        self.link = nil
        poller.value.remove(link.descriptor)
        let unanswered = link.close(because: "\(error)", &scratch)
        for response in unanswered {
            guard let call = calls.removeValue(forKey: response.context) else { continue }
            fail(call.identity, .connection(error))
        }
        if !link.isEstablished { connectionFailed(.connection(error)) } else { addresses = [] }
    }

    /// No connection can be had: whoever waits learns why, and the next attempt comes after a pause.
    private func connectionFailed(_ error: CertificateError) {
        // The next address of the same host at once; a pause when none is left.
        guard addresses.isEmpty else { return }
        connectNotBefore = now + Self.connectPause
        while let identity = queue.next(now: now) { fail(identity, error) }
    }

    private func fail(_ identity: SPIFFEID, _ error: CertificateError) {
        guard queue.failed(identity, now: now, random: &random) != nil else { return }
        answers.post(AuthorityClient.Answer(identity: identity, result: .failure(error)))
    }

    private func take(_ responses: [GRPCResponse]) {
        for response in responses {
            guard let call = calls.removeValue(forKey: response.context) else { continue }
            do throws(CertificateError) {
                let issued = try check(response, call)
                guard queue.succeeded(call.identity) else { continue }
                answers.post(AuthorityClient.Answer(identity: call.identity, result: .success(issued)))
            } catch {
                fail(call.identity, error)
            }
        }
    }

    private func check(_ response: GRPCResponse, _ call: Call) throws(CertificateError) -> IssuedCertificate {
        switch response.result {
        case .failure(let status): throw .refused(status)
        case .success(let bytes):
            let message: CertificateResponseMessage
            do throws(ProtobufError) {
                message = try CertificateResponseMessage(bytes)
            } catch {
                throw .refused(GRPCStatus(.internal, "\(error)"))
            }
            return try IssuedCertificate(answer: message, key: call.key, for: call.identity, now: .now())
        }
    }
}
