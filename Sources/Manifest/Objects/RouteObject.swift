// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Mesh

/// What a route object says, in the words of the route model, but for references to services, which are resolved later.
package struct RouteObject: Equatable, Sendable {
    /// A parent that a route is bound to.
    package struct Parent: Equatable, Sendable {
        var group = "gateway.networking.k8s.io"
        var kind = "Gateway"
        var namespace: String?
        var name = ""
        var port: UInt16?
        var line: UInt32 = 0
    }

    /// A service that a rule refers to.
    package struct Reference: Equatable, Sendable {
        package enum Host: Equatable, Sendable {
            /// A Service by name; the namespace of the route where nil.
            case service(namespace: String?, name: String)
            /// A hostname; one without dots is a Service of the route's namespace.
            case hostname(String)
            /// Something that cannot be a backend.
            case invalid
        }

        var host = Host.invalid
        var port: UInt16?
        var subset: String?
        var line: UInt32 = 0
        var field = ""
    }

    /// A backend of a rule.
    package struct Backend: Equatable, Sendable {
        var reference = Reference()
        var weight: UInt32 = 1
        var filters = Filters()
    }

    /// Filters whose mirrors are not resolved.
    package struct Filters: Equatable, Sendable {
        var filters = RouteFilters()
        var mirrors: [MirrorReference] = []
        var redirect: Redirect?
        /// A filter could not be understood: what it is part of must answer 500.
        var isBroken = false
    }

    /// A mirror that is not resolved.
    package struct MirrorReference: Equatable, Sendable {
        var reference = Reference()
        var partsPerMillion: UInt32 = 1_000_000
    }

    /// A condition, and where it applies.
    package struct Match: Equatable, Sendable {
        var match = RequestMatch()
        /// The port of the service; nil: any.
        var port: UInt16?
        /// `mesh` must be among them, if there are any.
        var gateways: [String] = []
        /// It cannot be understood: it holds for nothing.
        var isBroken = false
    }

    /// One rule.
    package struct Rule: Equatable, Sendable {
        var name = ""
        var field = ""
        var line: UInt32 = 0
        var matches: [Match] = []
        var backends: [Backend] = []
        var filters = Filters()
        var response: DirectResponse?
        var requestTimeout: Nanoseconds?
        var tryTimeout: Nanoseconds?
        /// Nil: nothing is said, the default counts.
        var retry: RetryPolicy?
        /// Retries are switched off.
        var isRetryOff = false
        var fault = Fault()
        var failureStatuses: [ClosedRange<UInt16>] = []
        /// The VirtualService that has the rules for these requests.
        var delegate: (namespace: String?, name: String)?
        /// The rule cannot be understood: it answers 500.
        var isBroken = false

        package static func == (left: Self, right: Self) -> Bool {
            left.name == right.name && left.field == right.field && left.line == right.line
                && left.matches == right.matches && left.backends == right.backends && left.filters == right.filters
                && left.response == right.response && left.requestTimeout == right.requestTimeout
                && left.tryTimeout == right.tryTimeout && left.retry == right.retry
                && left.isRetryOff == right.isRetryOff && left.fault == right.fault
                && left.failureStatuses == right.failureStatuses && left.isBroken == right.isBroken
                && left.delegate?.namespace == right.delegate?.namespace && left.delegate?.name == right.delegate?.name
        }
    }

    /// One rule for connections.
    package struct Stream: Equatable, Sendable {
        /// A condition, and where it applies.
        package struct Match: Equatable, Sendable {
            var match = StreamRule.Match()
            var port: UInt16?
            var gateways: [String] = []
        }

        var name = ""
        var field = ""
        var matches: [Match] = []
        var backends: [Backend] = []
    }

    /// `parentRefs` (Gateway API).
    var parents: [Parent] = []
    /// `hosts` (VirtualService).
    var hosts: [String] = []
    /// `gateways` (VirtualService); empty: `mesh`.
    var gateways: [String] = []
    /// `exportTo` (VirtualService); empty: everyone.
    var exportTo: [String] = []
    /// Rules for requests.
    var rules: [Rule] = []
    /// Rules for connections that are not HTTP.
    var streams: [Stream] = []
}

/// What a DestinationRule says.
package struct DestinationRuleObject: Equatable, Sendable {
    /// Some of the endpoints; its policies are merged with those of the rule already.
    var host = ""
    var hostLine: UInt32 = 0
    var exportTo: [String] = []
    var hasWorkloadSelector = false
    var policy = DestinationPolicy(service: ServiceKey(namespace: "", hostname: ""))
}

/// What a TrafficSplit says.
package struct TrafficSplitObject: Equatable, Sendable {
    var service = ""
    var backends: [RouteObject.Backend] = []
    /// It is for some requests only, which is not supported.
    var hasMatches = false
}

/// What a ServiceProfile says; its name is the service's hostname.
package struct ServiceProfileObject: Equatable, Sendable {
    var rules: [RouteObject.Rule] = []
    var overrides: [RouteObject.Backend] = []
    var retryBudget: RetryBudget?
}
