// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// What becomes of a connection.
package enum HTTP1Disposition: UInt8, Sendable {
    /// A message is on its way in at least one direction.
    case inProgress
    /// Between messages; the next may begin.
    case keepAlive
    /// The response is complete, the request is not: read (or write) it to its end to keep the connection, or close.
    case awaitsRequestEnd
    /// To be closed when what was written is sent.
    case close
    /// Switched to another protocol: what arrives and leaves is not HTTP/1 any more.
    case handover
}
