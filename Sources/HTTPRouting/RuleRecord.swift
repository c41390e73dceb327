// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
package import Mesh

/// A rule as the data path needs it: numbers only.
package struct RuleRecord: Sendable {
    /// The time over all tries; nil: none.
    package let requestTimeout: Nanoseconds?
    /// The time of one try; nil: none.
    package let tryTimeout: Nanoseconds?
    /// How many tries may follow the first; 0: no retries.
    package let retryAttempts: UInt32
    /// What makes a try fail.
    package let retryConditions: RetryPolicy.Conditions
    /// Whether retries go to another endpoint than those that failed.
    package let avoidsPreviousEndpoints: Bool
    /// The wait before the second try.
    let backoff: Nanoseconds
    let maximumBackoff: Nanoseconds
    let isBackoffMinimum: Bool
    /// What goes wrong on purpose.
    package let fault: Fault
    /// In `RouteTable.statuses`: a try fails with these.
    let retryStatuses: IndexRange
    /// In `RouteTable.failureRanges`.
    let failureRanges: IndexRange
    let action: Action
    let filters: FilterRecord

    enum Action: Sendable {
        /// Backends, in `RouteTable.backends`, whose weights add up to this; 0: no backend.
        case forward(IndexRange, totalWeight: UInt64)
        /// In `RouteTable.redirects`.
        case redirect(UInt32)
        /// In `RouteTable.responses`.
        case respond(UInt32)
        case fail
        /// The service itself.
        case scope
    }
}

/// Filters of a rule or a backend: numbers only.
struct FilterRecord: Sendable {
    /// Operations, in `RouteTable.headerOperations`.
    var request = IndexRange.empty
    var response = IndexRange.empty
    /// In `RouteTable.mirrors`.
    var mirrors = IndexRange.empty
    /// In `RouteTable.corsPolicies`.
    var cors: UInt32?
    /// The authority after rewriting.
    var host: TextRange?
    var path: PathRewriteRecord?

    var isEmpty: Bool {
        request.isEmpty && response.isEmpty && mirrors.isEmpty && cors == nil && host == nil && path == nil
    }
}

/// A path rewrite: numbers only.
enum PathRewriteRecord: Sendable {
    case full(TextRange)
    case elements(TextRange)
    case matched(TextRange)
    /// An expression in `RouteTable.expressions`.
    case regex(UInt32, substitution: TextRange)
}

/// Octets in `RouteTable.text`.
struct TextRange: Hashable, Sendable {
    let start: UInt32
    let count: UInt32

    static let empty = TextRange(start: 0, count: 0)

    var range: Range<Int> { Int(start)..<Int(start) + Int(count) }
    var isEmpty: Bool { count == 0 }
}

/// A backend: numbers only.
struct BackendRecord: Sendable {
    /// Nil: invalid.
    let cluster: ClusterIndex?
    /// The sum of the weights of the rule's backends up to this one.
    let cumulativeWeight: UInt64
    let filters: FilterRecord
}

/// One change of header fields.
struct HeaderOperation: Sendable {
    enum Kind: UInt8, Sendable {
        case remove
        case set
        case add
        case setAuthority
    }

    let kind: Kind
    let name: TextRange
    let value: TextRange
}

/// Who gets copies.
struct MirrorRecord: Sendable {
    let cluster: ClusterIndex?
    let partsPerMillion: UInt32
}
