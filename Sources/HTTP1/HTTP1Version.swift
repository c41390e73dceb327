// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// The two versions this module speaks; a higher minor version counts as 1.1 (RFC 9110 §2.5).
package enum HTTP1Version: UInt8, Sendable {
    /// HTTP/1.0: closes after each message unless asked otherwise, knows no chunked coding.
    case http10
    /// HTTP/1.1 (RFC 9112).
    case http11
}
