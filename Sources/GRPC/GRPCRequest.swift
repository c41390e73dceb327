// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
package import HTTP2

/// A unary call that has arrived whole.
package struct GRPCRequest: Sendable {
    /// Names the call on its connection; give it back with the answer.
    package let call: StreamHandle
    /// `/package.Service/Method`.
    package let path: String
    /// The header fields that are the application's: names lower case, in their order.
    package let metadata: [(name: String, value: String)]
    /// The message.
    package let message: [UInt8]
    /// When the client stops waiting.
    package let deadline: MonotonicTime

    /// The value of the only field called `name` (lower case); nil when there is none, or more than one.
    package func single(_ name: String) -> String? {
        var found: String?
        for field in metadata where field.name == name {
            guard found == nil else { return nil }
            found = field.value
        }
        return found
    }
}

/// How a unary call of ours ended.
package struct GRPCResponse: Sendable {
    /// The caller's number for the call.
    package let context: UInt64
    /// The message, or why there is none.
    package let result: Result<[UInt8], GRPCStatus>
}
