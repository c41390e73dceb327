// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

// Positions of things in one route table: cheap to copy, and meaningless in any other table.

/// A port of a service that requests may be addressed to.
package struct RouteScope: Hashable, Sendable {
    /// The position.
    package let rawValue: UInt32

    init(_ position: Int) { rawValue = UInt32(position) }

    var position: Int { Int(rawValue) }
}

/// A rule; the rules of all scopes are counted through.
package struct RuleIndex: Hashable, Sendable {
    /// The position.
    package let rawValue: UInt32

    init(_ position: Int) { rawValue = UInt32(position) }

    var position: Int { Int(rawValue) }

    /// The rule of requests that no object says anything about: to the service itself, with the default retries.
    package static let `default` = RuleIndex(0)
}

/// One of the backends of a rule.
package struct BackendIndex: Hashable, Sendable {
    /// The position.
    package let rawValue: UInt32

    init(_ position: Int) { rawValue = UInt32(position) }

    var position: Int { Int(rawValue) }
}

/// The endpoints of a port of a service, or of a subset of it: what load balancing and limits are about.
package struct ClusterIndex: Hashable, Sendable {
    /// The position.
    package let rawValue: UInt32

    init(_ position: Int) { rawValue = UInt32(position) }

    var position: Int { Int(rawValue) }
}
