// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Identity
internal import LinuxIO
internal import Routing

/// A CONNECT stream on its way from the worker that has its connection to the one that serves it.
struct HandedConnection: Sendable {
    /// This side of the pair of sockets; whoever takes the message adopts it.
    let descriptor: CInt
    let stream: HandedStream
    /// What the stream was addressed to.
    let authority: Authority
    /// The client's address and proved identity.
    let address: SocketAddress
    let identity: SPIFFEID?
    /// The routes by which it was accepted: no older ones may refuse it.
    let routes: Routes

    /// Breaks the stream off that nobody serves.
    func abort() {
        stream.close(isOrderly: false)
        _ = OwnedDescriptor(adopting: descriptor)
    }
}
