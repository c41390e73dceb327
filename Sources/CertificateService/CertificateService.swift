// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Certificates
internal import GRPC
internal import HBONE
internal import HTTP2
internal import Identity
package import LinuxIO
internal import TLS

/// The CA service: `istio.v1.auth.IstioCertificateService/CreateCertificate` over gRPC on TLS, for callers with tokens.
///
/// ## Concurrency model
/// One thread, the one that calls `run`, has everything; answers of token reviews come from any thread through a mailbox.
package final class CertificateService {
    private struct Review: Sendable {
        let connection: UInt32
        let request: GRPCRequest
        let result: Result<Caller, TokenRefusal>
    }

    private enum Kind {
        static let signals: UInt8 = 0
        static let listener: UInt8 = 1
        static let connection: UInt8 = 2
        static let reviews: UInt8 = 3
        static let authority: UInt8 = 4
    }

    private let configuration: CertificateServiceConfiguration
    private let observer: CertificateServiceObserver
    private let reviewer: any TokenReviewer
    private let issuance: Issuance
    private let authority: AuthorityDirectory
    private let names: [ServerName]
    private let listener: OwnedDescriptor
    private let poller: Poller
    private let signals: SignalQueue
    private let reviews: Mailbox<Review>
    private var context: TLSContext
    /// When the own certificate is made anew.
    private var renewal: UnixTime
    private var connections: [UInt32: ServiceConnection] = [:]
    private var nextConnection: UInt32 = 0
    private var reviewsUnderWay = 0
    private var limiter: RateLimiter<ServiceAccountName>
    private var nodeLimiter: RateLimiter<String>
    private var scratch = Scratch(pooledBytes: 16 << 20)
    private var random: RandomSource
    private var now = MonotonicClock.now()
    /// Told of the signer and the roots when serving begins, and of others when there are some.
    package var onRoots: ((ServedRoots) -> Void)?
    private var acceptPause = MonotonicTime(nanoseconds: 0)

    /// Opens the CA and binds the port; nothing is served before `run`.
    ///
    /// - Throws: `CertificateServiceError`, which says what to do.
    package init(
        _ configuration: CertificateServiceConfiguration, reviewer: any TokenReviewer, placement: any PodPlacement,
        observer: CertificateServiceObserver, signals: SignalQueue
    ) throws(CertificateServiceError) {
        self.configuration = configuration
        self.observer = observer
        self.reviewer = reviewer
        self.signals = signals
        guard let names = configuration.serverNames else { throw .name }
        self.names = names
        if let text = configuration.audiences.first(where: { !TokenReview.isAudience($0) }) { throw .audience(text) }
        var accounts: Set<ServiceAccountName> = []
        for text in configuration.nodeAccounts {
            guard let account = ServiceAccountName(text) else { throw .account(text) }
            accounts.insert(account)
        }
        issuance = Issuance(
            nodeAccounts: accounts, longestValidity: configuration.longestValidity, placement: placement)
        limiter = RateLimiter(
            perSecond: configuration.certificatesPerSecond, burst: configuration.certificateBurst)
        nodeLimiter = RateLimiter(
            perSecond: configuration.certificatesPerSecond, burst: configuration.certificateBurst)
        random = RandomSource(seed: now.nanoseconds)
        let time = UnixTime.now()
        do throws(IdentityError) {
            authority = try AuthorityDirectory(
                path: configuration.caDirectory, trustDomain: configuration.trustDomain,
                create: configuration.makesAuthority, now: time)
        } catch {
            throw .authority(directory: configuration.caDirectory, error)
        }
        (context, renewal) = try Self.makeContext(authority.current, names, now: time, &random)
        do throws(SystemError) {
            var options = Socket.ListenOptions(address: configuration.address)
            options.sharesPort = false
            listener = try Socket.listen(options)
            poller = try Poller()
            reviews = try Mailbox<Review>()
            try poller.addReadable(signals.descriptor, token: Self.token(Kind.signals))
            try poller.addReadable(listener.rawValue, token: Self.token(Kind.listener))
            try poller.addReadable(reviews.descriptor, token: Self.token(Kind.reviews))
            try poller.addReadable(authority.descriptor, token: Self.token(Kind.authority))
        } catch {
            throw .listen(configuration.address, error)
        }
    }

    /// Serves until a signal ends it.
    package func run() {
        observer.started(configuration.address, names)
        observer.serving(authority.current)
        onRoots?(ServedRoots(authority.current))
        while true {
            let count = poller.wait(timeout: pause())
            now = MonotonicClock.now()
            for index in 0..<count {
                let (token, readiness) = poller.event(at: index)
                switch token.kind {
                case Kind.signals:
                    guard signals.take() == nil else { return stop() }
                case Kind.listener: accept()
                case Kind.reviews: for review in reviews.takeAll() { conclude(review) }
                case Kind.authority: authority.receiveEvents(now: now)
                default: progress(token.index, readiness)
                }
            }
            followAuthority()
            expire()
        }
    }

    private static func token(_ kind: UInt8, _ index: UInt32 = 0) -> EventToken {
        EventToken(kind: kind, index: index, generation: 0)
    }

    private func stop() {
        for connection in connections.values { connection.close(isOrderly: true, &scratch) }
        connections = [:]
        observer.stopped()
    }

    /// How long nothing is due.
    private func pause() -> Nanoseconds? {
        var deadline = min(authority.deadline, connections.values.lazy.map(\.nextDeadline).min() ?? .distantFuture)
        let untilRenewal = min(max(0, renewal.seconds - UnixTime.now().seconds), 3_600)
        deadline = min(deadline, now + .seconds(untilRenewal))
        return max(Nanoseconds(0), deadline - MonotonicClock.now())
    }

    // MARK: - Connections

    private func accept() {
        guard acceptPause <= now else { return }
        for _ in 0..<64 {
            do throws(SystemError) {
                guard let (fd, peer) = try Socket.accept(listener.rawValue) else { return }
                take(OwnedDescriptor(adopting: fd), from: peer)
            } catch {
                // Out of descriptors: idle connections end by and by; a pause keeps this from spinning meanwhile.
                acceptPause = now + .milliseconds(100)
                return observer.acceptFailed("\(error)")
            }
        }
    }

    private func take(_ socket: consuming OwnedDescriptor, from peer: SocketAddress) {
        guard connections.count < configuration.maximumConnections else {
            return observer.acceptFailed("there are \(connections.count) connections already (--max-connections)")
        }
        let number = socket.rawValue
        Socket.tune(number, keepaliveSeconds: 60)
        do {
            let connection = try ServiceConnection(socket, from: peer, context, configuration, now: now)
            nextConnection &+= 1
            try poller.addEdgeTriggered(number, token: Self.token(Kind.connection, nextConnection))
            connections[nextConnection] = connection
        } catch {
            observer.acceptFailed("\(error)")
        }
    }

    private func progress(_ key: UInt32, _ readiness: Readiness) {
        guard let connection = connections[key] else { return }
        do throws(HBONEError) {
            for request in try connection.becameReady(readiness, &scratch, now: now) {
                review(request, key, connection)
            }
            try connection.send(&scratch, now: now)
        } catch {
            close(key, connection, error)
        }
    }

    private func close(_ key: UInt32, _ connection: ServiceConnection, _ error: HBONEError) {
        connections[key] = nil
        poller.remove(connection.descriptor)
        var isOrderly = false
        if case .closedLocally = error { isOrderly = true }
        connection.close(isOrderly: isOrderly, &scratch)
        observer.connectionFailed(error, from: connection.peer)
    }

    private func expire() {
        for (key, connection) in connections where connection.nextDeadline <= now {
            do throws(HBONEError) {
                try connection.expire(now: now)
                try connection.send(&scratch, now: now)
            } catch {
                close(key, connection, error)
            }
        }
    }

    // MARK: - Calls

    private func review(_ request: GRPCRequest, _ key: UInt32, _ connection: ServiceConnection) {
        guard request.path == CertificateMessages.path else {
            return connection.refuse(
                request.call, GRPCStatus(.unimplemented, "unknown method \(request.path.prefix(200))"))
        }
        guard let field = request.single("authorization"),
            let token = BearerToken(authorization: Array(field.utf8).span)
        else { return refuse(request, connection, .noToken, nil) }
        guard reviewsUnderWay < configuration.maximumReviews else { return refuse(request, connection, .busy, nil) }
        reviewsUnderWay += 1
        let reviews = reviews
        reviewer.review(token, audiences: configuration.audiences) { result in
            reviews.post(Review(connection: key, request: request, result: result))
        }
    }

    private func conclude(_ review: Review) {
        reviewsUnderWay -= 1
        guard let connection = connections[review.connection], review.request.deadline > now else { return }
        do throws(TokenRefusal) {
            mint(review.request, connection, try review.result.get())
        } catch {
            refuse(review.request, connection, .token(error), nil)
        }
        do throws(HBONEError) {
            try connection.send(&scratch, now: now)
        } catch {
            close(review.connection, connection, error)
        }
    }

    private func mint(_ request: GRPCRequest, _ connection: ServiceConnection, _ caller: Caller) {
        let isAdmitted =
            caller.node.isEmpty
            ? limiter.admit(caller.account, now: now) : nodeLimiter.admit("\(caller.account) \(caller.node)", now: now)
        guard isAdmitted else { return refuse(request, connection, .rateLimit, caller) }
        do throws(IssuanceRefusal) {
            let minted = try issuance.mint(request.message, for: caller, by: authority.current, now: .now())
            connection.respond(request.call, minted.message.encoded)
            observer.issued(minted, to: caller, from: connection.peer)
        } catch {
            refuse(request, connection, error, caller)
        }
    }

    private func refuse(
        _ request: GRPCRequest, _ connection: ServiceConnection, _ refusal: IssuanceRefusal, _ caller: Caller?
    ) {
        connection.refuse(request.call, refusal.status)
        observer.refused(refusal, caller, from: connection.peer)
    }

    // MARK: - The own certificate

    private func followAuthority() {
        let time = UnixTime.now()
        var isDue = renewal <= time
        switch authority.refresh(now: now, unixTime: time) {
        case .unchanged: break
        case .changed:
            observer.authorityChanged(authority.current)
            observer.serving(authority.current)
            onRoots?(ServedRoots(authority.current))
            isDue = true
        case .failed(let error): observer.authorityFailed(error)
        }
        guard isDue else { return }
        do throws(CertificateServiceError) {
            (context, renewal) = try Self.makeContext(authority.current, names, now: time, &random)
        } catch {
            renewal = time.advanced(bySeconds: 10)
            if case .authority(_, let error) = error { observer.authorityFailed(error) }
        }
    }

    private static func makeContext(
        _ authority: CertificateAuthority, _ names: [ServerName], now: UnixTime, _ random: inout RandomSource
    ) throws(CertificateServiceError) -> (TLSContext, UnixTime) {
        let credentials: CertificateAuthority.ServerCredentials
        do throws(IdentityError) {
            credentials = try authority.mintServer(names, validity: 86_400, now: now)
        } catch {
            throw .authority(directory: "use", error)
        }
        do throws(TLSError) {
            let context = try TLSContext(serving: credentials.chain, key: credentials.privateKey)
            let renewal = RenewalSchedule.renewal(
                notBefore: now, notAfter: credentials.chain[0].notAfter, random: &random)
            return (context, renewal)
        } catch {
            throw .tls("\(error)")
        }
    }
}
