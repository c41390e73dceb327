// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// What `receive` found next in the input.
///
/// The order for one message is `head`, any number of `body`, at most one `trailers`, `end`; a response may have
/// `informational` heads in front. After a switch of protocols one `handover` follows and nothing more.
package enum HTTP1Event: Equatable, Sendable {
    /// A request head or final response head is complete; read it from the connection.
    case head
    /// A 1xx response head other than 101 is complete; read it from the connection. The final one is still to come.
    case informational
    /// Content, as offsets into the input of this call; the input is the only place it is in.
    case body(Range<Int>)
    /// The trailer section is complete and not empty; the connection's fields are the trailer fields from here on.
    case trailers
    /// The message is complete.
    case end
    /// All bytes from the current offset on belong to the protocol that was switched to (101, or CONNECT and 2xx).
    case handover
}
