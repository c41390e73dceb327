// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// A condition on a text, as AuthorizationPolicy writes it.
package enum StringMatch: Hashable, Sendable {
    /// The whole text.
    case exact(String)
    /// How it begins (`abc*`).
    case prefix(String)
    /// How it ends (`*abc`).
    case suffix(String)
    /// That it is not empty (`*`).
    case presence

    /// Reads the form in which policies write it: `*`, `abc*`, `*abc`, or a whole text.
    ///
    /// A star in the middle, or at both ends, stands for itself.
    package init(pattern: String) {
        if pattern == "*" {
            self = .presence
        } else if pattern.utf8.first == UInt8(ascii: "*") {
            self = .suffix(String(pattern.dropFirst()))
        } else if pattern.utf8.last == UInt8(ascii: "*") {
            self = .prefix(String(pattern.dropLast()))
        } else {
            self = .exact(pattern)
        }
    }

    /// Whether `text` meets the condition; octets are compared, so case counts.
    package func matches(_ text: String) -> Bool {
        switch self {
        case .exact(let value): text.utf8.elementsEqual(value.utf8)
        case .prefix(let value): text.utf8.starts(with: value.utf8)
        case .suffix(let value): text.utf8.reversed().starts(with: value.utf8.reversed())
        case .presence: !text.isEmpty
        }
    }
}
