// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// How a call ended: a code, and a line for whoever made it.
package struct GRPCStatus: Error, Hashable, Sendable, CustomStringConvertible {
    /// The code.
    package let code: GRPCStatusCode
    /// Text for an operator; any Unicode, sent percent-encoded in `grpc-message`.
    package let message: String

    /// Joins a code and a line.
    package init(_ code: GRPCStatusCode, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message.isEmpty ? code.name : "\(message) (\(code.name))" }
}
