// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

/// What has come of a request: a piece of its answer, or the end.
package struct APIReply: Sendable {
    /// How a request ends.
    package enum End: Sendable {
        /// The answer is complete: its content, less what went by pieces.
        case complete([UInt8])
        case failed(KubernetesError)
    }

    /// The caller's number for the request.
    package var context: UInt64
    /// The status of the answer; 0 before it is known.
    package var status: Int
    /// What the server asks to wait before the next request (`Retry-After`).
    package var retryAfter: Nanoseconds?
    /// Objects that are complete, in order.
    package var pieces: [[UInt8]] = []
    /// How the request ended; nil while it goes on.
    package var end: End?
}
