// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

/// The client's calls on one HTTP/2 connection, without I/O: what a connection to a server needs to know of them.
package protocol ClientCalls: ~Copyable {
    /// What becomes of a call, or a piece of it.
    associatedtype Response

    /// Calls that are not over.
    var callCount: Int { get }
    /// When `expire` has something to do.
    var nextDeadline: MonotonicTime { get }

    /// Takes an event of the connection.
    ///
    /// - Parameter input: what the ranges of `.data` count from.
    /// - Returns: what a call has come to by it.
    mutating func receive(
        _ event: HTTP2Event, _ input: Span<UInt8>, _ http2: inout HTTP2Connection, now: MonotonicTime
    ) -> Response?

    /// Writes frames until `record` is full or nothing can be sent.
    ///
    /// - Returns: whether more can be written once there is room again.
    mutating func write(_ http2: inout HTTP2Connection, into record: inout ByteBuffer) -> Bool

    /// Gives up one call whose time is over; to be called until it returns nil.
    mutating func expire(_ http2: inout HTTP2Connection, now: MonotonicTime) -> Response?

    /// Ends all calls because the connection is over.
    mutating func abandon(because reason: String) -> [Response]
}
