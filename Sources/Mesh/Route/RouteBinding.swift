// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// The routes of one port of a service, for one group of clients.
///
/// Every kind of route object is translated to this: the objects differ in what decides the *order* of matches, so the
/// translation sorts and whoever decides takes the first that matches. Of the bindings of one port a client has exactly one: that
/// of its namespace, else that of everyone; without any, requests go to the service itself.
package struct RouteBinding: Equatable, Sendable {
    /// Whose requests the routes are for.
    package enum Clients: Hashable, Sendable {
        /// Those of clients who have no binding of their own (producer routes, and everything of Istio's).
        case everyone
        /// Those of clients in a namespace (consumer routes, GEP-1426).
        case namespace(String)
    }

    /// The service that requests are addressed to.
    package var service: ServiceKey
    /// The port of the service.
    package var port: UInt16
    /// Whose requests they are for.
    package var clients: Clients
    /// Routes of HTTP requests; nil: there are none, requests go to the service itself.
    package var http: HTTPRoutes?
    /// Routes of connections that are not HTTP, in order; nil: there are none, connections go to the service itself.
    package var streams: [StreamRule]?

    /// A binding without routes; the rest is set afterwards.
    package init(service: ServiceKey, port: UInt16, clients: Clients = .everyone) {
        self.service = service
        self.port = port
        self.clients = clients
    }
}

/// HTTP rules and the order in which requests are matched with them.
package struct HTTPRoutes: Equatable, Sendable {
    /// One condition and the rule it leads to.
    package struct Entry: Equatable, Sendable {
        /// The condition.
        package var match: RequestMatch
        /// The rule, a position in `rules`.
        package var rule: Int

        /// Puts the two together.
        package init(match: RequestMatch, rule: Int) {
            self.match = match
            self.rule = rule
        }
    }

    /// The rules.
    package var rules: [RouteRule]
    /// The conditions, the one that counts first standing first; a request that meets none is answered 404.
    package var entries: [Entry]

    /// Puts the two together.
    package init(rules: [RouteRule] = [], entries: [Entry] = []) {
        self.rules = rules
        self.entries = entries
    }
}

/// Where a rule comes from: what an operator is told, and what metrics and logs call it.
package struct RouteOrigin: Hashable, Sendable {
    /// The object, as `HTTPRoute default/reviews`.
    package var object: String
    /// The rule's name; empty when it has none.
    package var name: String
    /// The field of the object that holds the rule, as `spec.rules[1]`.
    package var field: String

    /// Puts the parts together.
    package init(object: String, name: String = "", field: String = "") {
        self.object = object
        self.name = name
        self.field = field
    }
}
