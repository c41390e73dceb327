// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// What a read from a socket came to.
package enum ReadOutcome: Equatable {
    /// So many bytes were read (at least one).
    case bytes(Int)
    /// Nothing is there now.
    case wouldBlock
    /// The peer has finished sending (FIN).
    case endOfStream
    /// The connection is broken; the errno says how.
    case failed(CInt)
}

/// What a write to a socket came to.
package enum WriteOutcome: Equatable {
    /// So many bytes were taken, perhaps fewer than offered.
    case bytes(Int)
    /// The socket takes nothing now.
    case wouldBlock
    /// The connection is broken; the errno says how.
    case failed(CInt)
}
