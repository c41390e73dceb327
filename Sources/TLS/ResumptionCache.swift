// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
internal import Bytes
internal import COpenSSL
internal import Identity
internal import Synchronization

/// The session tickets that servers gave to the clients of one context.
///
/// It belongs to a context, so a ticket never serves another identity, certificate or bundle; within it, a ticket
/// serves only the same destination address and the same expected identities. Each is used once (RFC 8446 §C.4).
///
/// ## Concurrency model
/// Any worker may put and take; a mutex guards the table, and no call into OpenSSL runs under it. A ticket belongs to
/// whoever took it.
final class ResumptionCache: Sendable {
    /// Destinations remembered; when there are more, the one that has waited longest is forgotten.
    static let capacity = 1_024

    struct Key: Hashable, Sendable {
        let destination: SocketAddress
        let expectation: PeerExpectation
    }

    /// One ticket with what its connection has proved.
    ///
    /// ## Concurrency model
    /// Handed from one owner to the next through the cache; the reference count of an `SSL_SESSION` is atomic.
    @safe
    final class Ticket: @unchecked Sendable {
        let session: OpaquePointer
        /// The certificates that the full handshake verified.
        let path: [CertificateKey]

        /// Takes over one reference to an `SSL_SESSION`.
        @unsafe
        init(adopting session: OpaquePointer, path: [CertificateKey]) {
            unsafe self.session = session
            self.path = path
        }

        deinit {
            unsafe SSL_SESSION_free(session)
        }
    }

    private struct Table {
        var tickets: [Key: (ticket: Ticket, order: UInt64)] = [:]
        var nextOrder: UInt64 = 0
    }

    private let table = Lock(Table())

    /// Keeps a ticket in place of an older one.
    func put(_ ticket: Ticket, for key: Key) {
        let forgotten = table.withLock { table -> Ticket? in
            let previous = table.tickets.updateValue((ticket, table.nextOrder), forKey: key)?.ticket
            table.nextOrder += 1
            guard table.tickets.count > Self.capacity,
                let oldest = table.tickets.min(by: { $0.value.order < $1.value.order })?.key
            else { return previous }
            return table.tickets.removeValue(forKey: oldest)?.ticket
        }
        _ = forgotten  // freed outside of the lock
    }

    /// Takes the ticket for `key`, which nobody else gets then.
    func take(_ key: Key) -> Ticket? {
        table.withLock { $0.tickets.removeValue(forKey: key)?.ticket }
    }

    /// Tickets at hand.
    var count: Int { table.withLock { $0.tickets.count } }
}

/// Puts a ticket that has come into the cache of its session's context.
func keepTicket(_ ssl: OpaquePointer?, _ session: OpaquePointer?) -> CInt {
    // Safety: OpenSSL passes a reference to the session, which is ours when this returns 1.
    guard let ssl = unsafe ssl, let session = unsafe session, let state = unsafe MemoryBIO.state(of: ssl),
        let key = unsafe state.pointee.resumptionKey, unsafe SSL_SESSION_is_resumable(session) == 1
    else { return 0 }
    let ticket = unsafe ResumptionCache.Ticket(adopting: session, path: state.pointee.path)
    unsafe state.pointee.context.resumption.put(ticket, for: key)
    return 1
}
