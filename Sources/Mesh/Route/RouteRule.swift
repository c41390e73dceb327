// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

/// What to do with the requests of one rule.
package struct RouteRule: Equatable, Sendable {
    /// Where it comes from.
    package var origin: RouteOrigin
    /// What answers the request.
    package var action: RouteAction
    /// What changes on the way, whatever backend is taken.
    package var filters: RouteFilters
    /// The time over all tries, from the request's head to the end of the response; nil: none.
    package var requestTimeout: Nanoseconds?
    /// The time of one try; nil: none.
    package var tryTimeout: Nanoseconds?
    /// When to try again; nil: never.
    package var retry: RetryPolicy?
    /// What goes wrong on purpose.
    package var fault: Fault
    /// Status codes that count as failures of the backend, for the success rate; empty: 500 to 599.
    package var failureStatuses: [ClosedRange<UInt16>]

    /// A rule with the default retries and nothing else; the rest is set afterwards.
    package init(origin: RouteOrigin, action: RouteAction) {
        self.origin = origin
        self.action = action
        filters = RouteFilters()
        retry = .default
        fault = Fault()
        failureStatuses = []
    }
}

/// What answers the requests of a rule.
package enum RouteAction: Equatable, Sendable {
    /// One of these backends by weight; without backends, or all of weight 0, the answer is 500.
    case forward([RouteBackend])
    /// A redirect.
    case redirect(Redirect)
    /// A fixed response.
    case respond(DirectResponse)
    /// 500: the rule cannot be understood, and must not be taken for another (Gateway API).
    case fail
}

/// One of the backends of a rule.
package struct RouteBackend: Equatable, Sendable {
    /// Where requests go.
    package enum Target: Hashable, Sendable {
        /// The endpoints of a service.
        case service(BackendReference)
        /// Nowhere: the reference leads to nothing, its share of the requests is answered 500.
        case invalid
    }

    /// Where requests go.
    package var target: Target
    /// The share of requests, relative to the sum of the rule's backends.
    package var weight: UInt32
    /// What changes on the way to this backend, after the changes of the rule.
    package var filters: RouteFilters

    /// A backend without filters; these are set afterwards.
    package init(_ target: Target, weight: UInt32 = 1) {
        self.target = target
        self.weight = weight
        filters = RouteFilters()
    }
}

/// The endpoints of a port of a service, or of a subset of it.
package struct BackendReference: Hashable, Sendable {
    /// The service.
    package var service: ServiceKey
    /// The port of the service.
    package var port: UInt16
    /// The subset that a DestinationRule names; nil: all endpoints.
    package var subset: String?

    /// Puts the parts together.
    package init(service: ServiceKey, port: UInt16, subset: String? = nil) {
        self.service = service
        self.port = port
        self.subset = subset
    }
}

/// A redirect: what is nil stays as the client wrote it; the query is kept.
package struct Redirect: Equatable, Sendable {
    /// Where the port comes from.
    package enum Port: Equatable, Sendable {
        /// The port of the authority that the client wrote, while the host is kept; none otherwise.
        case keep
        /// The port that goes without saying for the scheme: none is written.
        case ofScheme
        /// The port of the request: that of the service.
        case ofRequest
        /// This one.
        case number(UInt16)
    }

    /// The scheme.
    package var scheme: String?
    /// The host.
    package var host: String?
    /// The port.
    package var port: Port
    /// The path.
    package var path: PathRewrite?
    /// 301, 302, 303, 307 or 308.
    package var status: UInt16

    /// A redirect to where the request came from; the rest is set afterwards.
    package init(status: UInt16) {
        self.status = status
        port = .keep
    }
}

/// A response that no backend makes.
package struct DirectResponse: Equatable, Sendable {
    /// The status code.
    package var status: UInt16
    /// The content.
    package var body: [UInt8]

    /// Puts the two together.
    package init(status: UInt16, body: [UInt8] = []) {
        self.status = status
        self.body = body
    }
}
