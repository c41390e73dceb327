// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// How a CONNECT stream ended that one worker has and another one serves.
///
/// Between the two lies a pair of UNIX sockets. It carries octets, back-pressure and either end of a half-close, but knows no
/// RST, and calls what was not read before a close an error, whatever the reason. So who closes says here why, first.
///
/// ## Concurrency model
/// One object, two workers. Who closes its socket first has written the state before; the other one reads it when the socket
/// says that the peer is gone. What is written later is without effect.
final class HandedStream: Sendable {
    private let state = Atomic<UInt8>(HandedStream.open)

    private static let open: UInt8 = 0
    private static let closed: UInt8 = 1
    private static let aborted: UInt8 = 2

    /// Says how it ends, just before the socket is closed.
    ///
    /// - Parameter isOrderly: everything that was to be sent was sent; else it is an abort, as RST_STREAM is.
    func close(isOrderly: Bool) {
        _ = state.compareExchange(
            expected: Self.open, desired: isOrderly ? Self.closed : Self.aborted, ordering: .acquiringAndReleasing)
    }

    /// Whether the other worker has broken it off.
    var isAborted: Bool { state.load(ordering: .acquiring) == Self.aborted }

    /// Whether the other worker has closed it with nothing left to say: nobody will read what is still written.
    var isClosed: Bool { state.load(ordering: .acquiring) == Self.closed }
}
