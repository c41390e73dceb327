// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
internal import Mesh

/// How one try of a request ended, before anything of a response was passed on.
package enum TryOutcome: Equatable, Sendable {
    /// There was no connection.
    case connectFailure
    /// The stream was refused, or lies above the last one that GOAWAY names: the request was not looked at.
    case refusedStream
    /// The connection or stream ended without a response.
    case reset(requestSent: Bool)
    /// The time of one try is over.
    case tryTimeout
    /// The head of a response came; the gRPC status is that of the head (trailers only), nil when it has none.
    case response(status: UInt16, grpcStatus: UInt8?, isRateLimited: Bool)
}

extension RouteTable {
    /// Whether a try that ended so may be followed by another; attempts, time and budget are the caller's to count.
    ///
    /// - Complexity: O(status codes of the rule); does not allocate.
    package func isRetriable(_ outcome: TryOutcome, rule: RuleIndex) -> Bool {
        let record = rules[rule.position]
        let conditions = record.retryConditions
        switch outcome {
        case .connectFailure:
            return !conditions.isDisjoint(with: [.connectFailure, .serverError, .resetBeforeRequest, .reset])
        case .refusedStream:
            return !conditions.isDisjoint(with: [.refusedStream, .serverError, .resetBeforeRequest, .reset])
        case .reset(let requestSent):
            return !conditions.isDisjoint(
                with: requestSent ? [.serverError, .reset] : [.serverError, .reset, .resetBeforeRequest])
        case .tryTimeout:
            // Envoy answers 504 for it, which `gateway-error` and 504 among the codes mean too.
            return !conditions.isDisjoint(with: [.serverError, .gatewayError, .reset]) || names(504, record)
        case .response(let status, let grpcStatus, let isRateLimited):
            if conditions.contains(.serverError), (500...599).contains(status) { return true }
            if conditions.contains(.gatewayError), (502...504).contains(status) { return true }
            if conditions.contains(.retriable4xx), status == 409 { return true }
            if conditions.contains(.rateLimited), isRateLimited { return true }
            if let grpcStatus, Self.names(grpc: grpcStatus, conditions) { return true }
            return names(status, record)
        }
    }

    private func names(_ status: UInt16, _ record: RuleRecord) -> Bool {
        for position in record.retryStatuses.positions where statuses[position] == status { return true }
        return false
    }

    private static func names(grpc status: UInt8, _ conditions: RetryPolicy.Conditions) -> Bool {
        switch status {
        case 1: conditions.contains(.cancelled)
        case 4: conditions.contains(.deadlineExceeded)
        case 8: conditions.contains(.resourceExhausted)
        case 13: conditions.contains(.internal)
        case 14: conditions.contains(.unavailable)
        default: false
        }
    }

    /// How long to wait before the next try.
    ///
    /// Istio's rules draw from [0, (2ᴺ-1) × base], at most 10 × base, as Envoy does; those of the Gateway API wait at least
    /// their `backoff`, which doubles with each try, and up to half as long again.
    ///
    /// - Parameter tries: how many have failed, from 1.
    package func backoff(rule: RuleIndex, tries: UInt32, random: inout RandomSource) -> Nanoseconds {
        let record = rules[rule.position]
        let shift = min(tries, 16)
        let base = max(record.backoff.count, 0)
        if record.isBackoffMinimum {
            let wait = max(base, min(base << Int64(shift - 1), record.maximumBackoff.count))
            return Nanoseconds(wait + Int64(random.next(upperBound: UInt64(wait / 2) + 1)))
        }
        let most = min(base * ((1 << Int64(shift)) - 1), record.maximumBackoff.count)
        return Nanoseconds(Int64(random.next(upperBound: UInt64(max(most, 0)) + 1)))
    }

    /// Whether a status counts as a failure of the backend for the rule's success rate.
    package func isFailure(status: UInt16, rule: RuleIndex) -> Bool {
        let ranges = rules[rule.position].failureRanges
        if ranges.isEmpty { return (500...599).contains(status) }
        for position in ranges.positions where failureRanges[position].contains(status) { return true }
        return false
    }
}
