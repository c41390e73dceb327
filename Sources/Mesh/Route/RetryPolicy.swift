// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

/// When a request is tried again, and how often.
package struct RetryPolicy: Hashable, Sendable {
    /// What makes a try fail (names of Istio's `retryOn`).
    package struct Conditions: OptionSet, Hashable, Sendable {
        package let rawValue: UInt16

        package init(rawValue: UInt16) {
            self.rawValue = rawValue
        }

        /// A response of 500 to 599, or no response at all.
        package static let serverError = Conditions(rawValue: 1 << 0)
        /// A response of 502, 503 or 504.
        package static let gatewayError = Conditions(rawValue: 1 << 1)
        /// No response: the connection or stream ended, or the try took too long.
        package static let reset = Conditions(rawValue: 1 << 2)
        /// As `reset`, before the request was sent.
        package static let resetBeforeRequest = Conditions(rawValue: 1 << 3)
        /// There was no connection.
        package static let connectFailure = Conditions(rawValue: 1 << 4)
        /// A response with `x-envoy-ratelimited`.
        package static let rateLimited = Conditions(rawValue: 1 << 5)
        /// A response of 409.
        package static let retriable4xx = Conditions(rawValue: 1 << 6)
        /// REFUSED_STREAM (RFC 9113 §8.7).
        package static let refusedStream = Conditions(rawValue: 1 << 7)
        /// gRPC status 1 in the response's head.
        package static let cancelled = Conditions(rawValue: 1 << 8)
        /// gRPC status 4 in the response's head.
        package static let deadlineExceeded = Conditions(rawValue: 1 << 9)
        /// gRPC status 13 in the response's head.
        package static let `internal` = Conditions(rawValue: 1 << 10)
        /// gRPC status 8 in the response's head.
        package static let resourceExhausted = Conditions(rawValue: 1 << 11)
        /// gRPC status 14 in the response's head.
        package static let unavailable = Conditions(rawValue: 1 << 12)
    }

    /// How many tries may follow the first.
    package var attempts: UInt32
    /// What makes a try fail.
    package var conditions: Conditions
    /// Status codes of a response that make a try fail.
    package var statusCodes: [UInt16]
    /// The wait before the second try; it doubles with each.
    package var backoff: Nanoseconds
    /// The longest wait.
    package var maximumBackoff: Nanoseconds
    /// Whether `backoff` is the least wait (Gateway API), and not the most of a random one (Istio).
    package var isBackoffMinimum: Bool
    /// Whether another endpoint is tried than those that failed.
    package var avoidsPreviousEndpoints: Bool

    /// A policy of so many tries, with Envoy's waits of 25 to 250 ms.
    package init(attempts: UInt32, conditions: Conditions, statusCodes: [UInt16] = []) {
        self.attempts = attempts
        self.conditions = conditions
        self.statusCodes = statusCodes
        backoff = .milliseconds(25)
        maximumBackoff = .milliseconds(250)
        isBackoffMinimum = false
        avoidsPreviousEndpoints = true
    }

    /// What holds where nothing is said (Istio's `defaultHttpRetryPolicy`): 2, and only where the request was not served.
    package static let `default` = RetryPolicy(
        attempts: 2, conditions: [.connectFailure, .refusedStream, .unavailable, .cancelled])
}

/// How many tries may be made again, relative to those that are under way.
package struct RetryBudget: Hashable, Sendable {
    /// In a hundred of the requests under way.
    package var percent: UInt32
    /// So many may always be.
    package var minimumConcurrency: UInt32

    /// Puts the two together; 20 % and 3 where nothing is said.
    package init(percent: UInt32 = 20, minimumConcurrency: UInt32 = 3) {
        self.percent = percent
        self.minimumConcurrency = minimumConcurrency
    }
}

/// What goes wrong on purpose: a delay and an answer, drawn independently of each other, the delay first.
package struct Fault: Hashable, Sendable {
    /// What an aborted request is answered.
    package enum Status: Hashable, Sendable {
        /// An HTTP status code.
        case http(UInt16)
        /// A gRPC status code.
        case grpc(UInt8)
    }

    /// How long delayed requests wait before an endpoint is chosen.
    package var delay: Nanoseconds
    /// How many requests in a million wait.
    package var delayPartsPerMillion: UInt32
    /// What aborted requests are answered.
    package var abort: Status
    /// How many requests in a million are aborted.
    package var abortPartsPerMillion: UInt32

    /// Nothing goes wrong.
    package init() {
        delay = Nanoseconds(0)
        delayPartsPerMillion = 0
        abort = .http(503)
        abortPartsPerMillion = 0
    }

    /// Whether nothing can go wrong.
    package var isEmpty: Bool { delayPartsPerMillion == 0 && abortPartsPerMillion == 0 }
}
