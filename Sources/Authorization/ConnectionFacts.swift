// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Identity
internal import Mesh

/// What rules may ask about one connection, looked up once.
struct ConnectionFacts {
    /// The peer's SPIFFE ID with its scheme; empty without identity.
    let identity: String
    /// The peer's namespace; empty without identity, and for identities of another form.
    let namespace: String
    /// The peer's service account; empty likewise.
    let serviceAccount: String
    /// Whether the peer has an identity.
    let hasIdentity: Bool
    /// Where the connection comes from.
    let sourceIP: IPAddress
    /// Where it goes to.
    let destination: SocketAddress

    static let schemeLength = 9  // spiffe://

    init(peer: PeerInfo, destination: SocketAddress) {
        identity = peer.identity?.description ?? ""
        namespace = peer.identity?.namespace ?? ""
        serviceAccount = peer.identity?.serviceAccount ?? ""
        hasIdentity = peer.identity != nil
        sourceIP = peer.sourceIP
        self.destination = destination
    }

    /// Whether the peer is a service account (rather than without identity, or with one of another form).
    var hasServiceAccount: Bool { !serviceAccount.isEmpty }
}
