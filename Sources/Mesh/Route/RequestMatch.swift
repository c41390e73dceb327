// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// Conditions on one HTTP request: all of them must hold.
///
/// Without any it holds for every request.
package struct RequestMatch: Hashable, Sendable {
    /// A condition on a header field.
    package struct Header: Hashable, Sendable {
        /// The field's name in lower case; `host` stands for the authority.
        package var name: String
        /// What its value must be; values of a repeated field are joined by a comma (RFC 9110 §5.3).
        package var value: TextMatch
        /// Whether the value must *not* be that (`withoutHeaders`); holds for a missing field.
        package var isInverted: Bool

        /// Puts the parts together.
        package init(name: String, value: TextMatch, isInverted: Bool = false) {
            self.name = name
            self.value = value
            self.isInverted = isInverted
        }
    }

    /// A condition on a query parameter; the first of that name counts.
    package struct Query: Hashable, Sendable {
        /// The parameter's name; case counts.
        package var name: String
        /// What its value must be, as it is written in the target (percent-encoding is not undone).
        package var value: TextMatch

        /// Puts the two together.
        package init(name: String, value: TextMatch) {
            self.name = name
            self.value = value
        }
    }

    /// The path without the query.
    package var path: PathMatch
    /// Whether `path` disregards ASCII case, where it is exact or a prefix (`ignoreUriCase`).
    package var ignoresPathCase: Bool
    /// The method.
    package var method: TextMatch?
    /// The authority, as the client wrote it.
    package var authority: TextMatch?
    /// The scheme.
    package var scheme: TextMatch?
    /// Header fields.
    package var headers: [Header]
    /// Query parameters.
    package var query: [Query]
    /// The namespace of the client.
    package var sourceNamespace: String?
    /// Labels that the client's workload must have.
    package var sourceLabels: [String: String]

    /// A condition that holds for every request; the rest is set afterwards.
    package init(path: PathMatch = .any) {
        self.path = path
        ignoresPathCase = false
        headers = []
        query = []
        sourceLabels = [:]
    }
}

/// A condition on a path.
package enum PathMatch: Hashable, Sendable {
    /// Every path.
    case any
    /// The whole path.
    case exact(String)
    /// Whole leading elements: `/abc` holds for `/abc`, `/abc/` and `/abc/d`, not for `/abcd` (Gateway API). Without a slash at
    /// the end; empty for `/`.
    case elements(String)
    /// The leading text: `/abc` holds for `/abcd` too (Istio).
    case prefix(String)
    /// The whole path by a regular expression.
    case regex(String)
}

/// A condition on a text of a request.
package enum TextMatch: Hashable, Sendable {
    /// The whole text.
    case exact(String)
    /// How it begins.
    case prefix(String)
    /// How it ends.
    case suffix(String)
    /// The whole text by a regular expression (RE2 syntax).
    case regex(String)
    /// That it is there, whatever it says.
    case presence
}
