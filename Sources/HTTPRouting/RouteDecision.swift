// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
package import Mesh

/// What happens to one request.
///
/// Plain numbers: what they stand for is asked of the table that made the decision, which therefore is kept as long.
package struct RouteDecision: Equatable, Sendable {
    /// What answers the request.
    package enum Outcome: Equatable, Sendable {
        /// A backend: choose an endpoint of `RouteTable.cluster(of:)`.
        case forward(BackendIndex)
        /// `RouteTable.writeRedirect(_:for:scope:into:scratch:)`.
        case redirect
        /// `RouteTable.writeDirectResponse(_:into:)` and `RouteTable.directBody(of:)`.
        case respond
        /// Routes are bound and none matches: 404, flag NR.
        case noRoute
        /// The backend drawn, or the whole rule, is invalid: 500, flag NC.
        case invalidBackend
    }

    /// What answers the request, unless the fault does.
    package let outcome: Outcome
    /// The rule; `.default` where there is none.
    package let rule: RuleIndex
    /// The condition that the request met, a position in the table; nil where there is none.
    let entry: UInt32?
    /// What goes wrong on purpose.
    package let fault: InjectedFault
    /// Which mirrors of the rule get a copy: a bit each, the rule's own first, then the backend's.
    let mirrors: UInt32
    /// Where the request was addressed to.
    package let scope: RouteScope
}

/// The faults that were drawn for one request: first the delay, then the abort.
package struct InjectedFault: Equatable, Sendable {
    /// How long to wait before anything else is done (flag DI); 0: not at all.
    package let delay: Nanoseconds
    /// What to answer instead of asking a backend (flag FI, content `fault filter abort`); nil: nothing.
    package let abort: Fault.Status?

    /// No fault.
    package static let none = InjectedFault(delay: Nanoseconds(0), abort: nil)
}

/// What happens to one connection that is not HTTP.
package enum StreamDecision: Equatable, Sendable {
    /// It goes to an endpoint of this cluster; the rule is for the log.
    case forward(ClusterIndex, rule: UInt32?)
    /// No route matches: it is closed, flag NR.
    case noRoute
    /// The backend drawn is invalid: it is closed, flag NC.
    case invalidBackend
}
