// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// What changes in a request or its response on the way, and who gets a copy.
package struct RouteFilters: Equatable, Sendable {
    /// Changes of the request's header fields.
    package var request: HeaderOperations
    /// Changes of the response's header fields.
    package var response: HeaderOperations
    /// Changes of the request's target.
    package var rewrite: URLRewrite?
    /// Who gets a copy of the request.
    package var mirrors: [Mirror]
    /// What scripts of other origins may do.
    package var cors: CORSPolicy?

    /// No change.
    package init() {
        request = HeaderOperations()
        response = HeaderOperations()
        mirrors = []
    }
}

/// Changes of header fields: first `remove`, then `set`, then `add`.
///
/// A name occurs in one of the three only; names are in lower case. `host` and `:authority` in `set` change the authority.
package struct HeaderOperations: Equatable, Sendable {
    /// A field.
    package struct Field: Hashable, Sendable {
        /// The name in lower case.
        package var name: String
        /// The value.
        package var value: String

        /// Puts the two together.
        package init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// Fields that replace all of their name.
    package var set: [Field]
    /// Values that come behind those that are there.
    package var add: [Field]
    /// Names of fields that go.
    package var remove: [String]

    /// Puts the three together.
    package init(set: [Field] = [], add: [Field] = [], remove: [String] = []) {
        self.set = set
        self.add = add
        self.remove = remove
    }

    /// Whether nothing changes.
    package var isEmpty: Bool { self.set.isEmpty && add.isEmpty && remove.isEmpty }
}

/// Another target for a request.
package struct URLRewrite: Equatable, Sendable {
    /// The authority; nil: as it is.
    package var host: String?
    /// The path; nil: as it is.
    ///
    /// The query stays.
    package var path: PathRewrite?

    /// Puts the two together.
    package init(host: String? = nil, path: PathRewrite? = nil) {
        self.host = host
        self.path = path
    }
}

/// Another path for a request.
package enum PathRewrite: Equatable, Sendable {
    /// This one.
    case full(String)
    /// This in the place of the matched leading elements (Gateway API `ReplacePrefixMatch`).
    case elements(String)
    /// This in the place of the matched text: of a prefix, or else of the whole path (Istio `rewrite.uri`).
    case matched(String)
    /// Every match of a regular expression replaced; `\1` to `\9` stand for its groups, `\0` for the match.
    case regex(pattern: String, substitution: String)
}

/// A copy of requests; the answer to it is dropped.
package struct Mirror: Equatable, Sendable {
    /// Where copies go; one endpoint each.
    package var target: BackendReference
    /// How many requests in a million are copied.
    package var partsPerMillion: UInt32

    /// Puts the two together.
    package init(target: BackendReference, partsPerMillion: UInt32 = 1_000_000) {
        self.target = target
        self.partsPerMillion = partsPerMillion
    }
}

/// What scripts of other origins may do (Fetch standard, CORS protocol).
package struct CORSPolicy: Equatable, Sendable {
    /// Origins that may; `presence` for all of them.
    package var allowOrigins: [TextMatch]
    /// Methods that may be used; `*` for all.
    package var allowMethods: [String]
    /// Request fields that may be sent; `*` for all.
    package var allowHeaders: [String]
    /// Response fields that scripts may see.
    package var exposeHeaders: [String]
    /// How long an answer to a preflight may be kept, in seconds; nil: not said.
    package var maxAge: UInt32?
    /// Whether credentials may be sent.
    package var allowCredentials: Bool
    /// Whether a preflight of an origin that may not is passed on to the backend (Istio `FORWARD`) or answered without permission.
    package var forwardsUnmatchedPreflights: Bool

    /// A policy that allows nothing; the rest is set afterwards.
    package init() {
        allowOrigins = []
        allowMethods = []
        allowHeaders = []
        exposeHeaders = []
        allowCredentials = false
        forwardsUnmatchedPreflights = false
    }
}
