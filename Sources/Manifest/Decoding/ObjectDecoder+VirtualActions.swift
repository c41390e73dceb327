// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Mesh
internal import RegularExpressions

extension ObjectDecoder {
    /// What `retryOn` is where retries say how often only (Istio).
    private static let defaultConditions: RetryPolicy.Conditions = [
        .connectFailure, .refusedStream, .unavailable, .cancelled,
    ]

    /// Reads `retries`.
    mutating func retries(_ node: YAMLNode, _ rule: inout RouteObject.Rule) {
        var policy = RetryPolicy(attempts: 2, conditions: Self.defaultConditions)
        var tryTimeout: Nanoseconds?
        fields(node) { decoder, key, value in
            switch key {
            case "attempts": policy.attempts = decoder.count(value) ?? 0
            case "perTryTimeout": tryTimeout = decoder.duration(value).flatMap { $0.count > 0 ? $0 : nil }
            case "retryOn":
                if let text = decoder.string(value), !text.isEmpty { decoder.retryOn(text, value, &policy) }
            case "backoff":
                if let wait = decoder.duration(value), wait.count > 0 {
                    policy.backoff = wait
                    policy.maximumBackoff = Nanoseconds(wait.count * 10)
                }
            case "retryIgnorePreviousHosts": policy.avoidsPreviousEndpoints = decoder.boolean(value) ?? true
            case "retryRemoteLocalities":
                decoder.report(.warning, at: value, "has no effect: retries go wherever endpoints are chosen")
            default: return false
            }
            return true
        }
        rule.tryTimeout = tryTimeout
        rule.retry = policy.attempts == 0 ? nil : policy
        rule.isRetryOff = policy.attempts == 0
    }

    private mutating func retryOn(_ text: String, _ node: YAMLNode, _ policy: inout RetryPolicy) {
        policy.conditions = []
        for word in text.split(separator: ",") {
            let word = word.filter { $0 != " " }
            switch word {
            case "5xx": policy.conditions.insert(.serverError)
            case "gateway-error": policy.conditions.insert(.gatewayError)
            case "reset": policy.conditions.insert(.reset)
            case "reset-before-request": policy.conditions.insert(.resetBeforeRequest)
            case "connect-failure": policy.conditions.insert(.connectFailure)
            case "envoy-ratelimited": policy.conditions.insert(.rateLimited)
            case "retriable-4xx": policy.conditions.insert(.retriable4xx)
            case "refused-stream": policy.conditions.insert(.refusedStream)
            case "cancelled": policy.conditions.insert(.cancelled)
            case "deadline-exceeded": policy.conditions.insert(.deadlineExceeded)
            case "internal": policy.conditions.insert(.internal)
            case "resource-exhausted": policy.conditions.insert(.resourceExhausted)
            case "unavailable": policy.conditions.insert(.unavailable)
            case "retriable-status-codes": break
            case "retriable-headers", "http3-post-connect-failure":
                report(.warning, at: node, "\(word) has no effect")
            default:
                guard let code = UInt16(word), (100...599).contains(code) else {
                    report(.warning, at: node, "unknown condition \"\(printable(word))\"; ignored")
                    continue
                }
                policy.statusCodes.append(code)
            }
        }
    }

    /// Reads `fault`: what has no percentage is never injected.
    mutating func fault(_ node: YAMLNode) -> Fault {
        var fault = Fault()
        fields(node) { decoder, key, value in
            switch key {
            case "delay":
                var share: UInt32?
                decoder.fields(value) { decoder, key, value in
                    switch key {
                    case "fixedDelay": fault.delay = decoder.duration(value) ?? Nanoseconds(0)
                    case "percentage": share = decoder.percentObject(value)
                    case "percent": share = decoder.percent(value)
                    case "exponentialDelay": decoder.report(.warning, at: value, "has no effect, as in Istio")
                    default: return false
                    }
                    return true
                }
                if share == nil { decoder.report(.warning, at: value, "without a percentage no request is delayed") }
                fault.delayPartsPerMillion = share ?? 0
            case "abort": decoder.abort(value, &fault)
            default: return false
            }
            return true
        }
        return fault
    }

    private mutating func abort(_ node: YAMLNode, _ fault: inout Fault) {
        var share: UInt32?
        var status: Fault.Status?
        fields(node) { decoder, key, value in
            switch key {
            case "httpStatus": status = decoder.status(value).map { .http($0) }
            case "grpcStatus":
                if let text = decoder.string(value) {
                    status = Self.grpcStatus(text).map { .grpc($0) }
                    if status == nil {
                        decoder.report(.error, at: value, "must be a gRPC status such as UNAVAILABLE or 14")
                    }
                }
            case "percentage": share = decoder.percentObject(value)
            case "percent": share = decoder.percent(value)
            case "http2Error": decoder.report(.warning, at: value, "has no effect, as in Istio")
            default: return false
            }
            return true
        }
        guard let status else {
            if errorCount == 0 { report(.error, at: node, "an abort needs httpStatus or grpcStatus") }
            return
        }
        if share == nil { report(.warning, at: node, "without a percentage no request is aborted") }
        fault.abort = status
        fault.abortPartsPerMillion = share ?? 0
    }

    private static func grpcStatus(_ text: String) -> UInt8? {
        let names = [
            "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
            "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
            "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
        ]
        if let index = names.firstIndex(of: text) { return UInt8(index) }
        return UInt8(text).flatMap { $0 <= 16 ? $0 : nil }
    }

    /// Reads `redirect`.
    mutating func virtualRedirect(_ node: YAMLNode) -> Redirect {
        var redirect = Redirect(status: 301)
        fields(node) { decoder, key, value in
            switch key {
            case "uri":
                if let path = decoder.string(value), !path.isEmpty {
                    redirect.path = path == "%PREFIX()%" ? nil : .full(path)
                }
            case "authority": redirect.host = decoder.string(value).flatMap { $0.isEmpty ? nil : $0 }
            case "port": redirect.port = decoder.port(value).map { .number($0) } ?? .keep
            case "derivePort":
                redirect.port =
                    decoder.word(value, ["FROM_PROTOCOL_DEFAULT": .ofScheme, "FROM_REQUEST_PORT": .ofRequest]) ?? .keep
            case "scheme": redirect.scheme = decoder.string(value).flatMap { $0.isEmpty ? nil : $0 }
            case "redirectCode":
                redirect.status =
                    decoder.integer(value, in: 0...308).map { $0 == 0 ? 301 : UInt16($0) } ?? 301
                if ![301, 302, 303, 307, 308].contains(redirect.status) {
                    decoder.report(.error, at: value, "must be 301, 302, 303, 307 or 308")
                }
            default: return false
            }
            return true
        }
        return redirect
    }

    /// Reads `rewrite`.
    mutating func virtualRewrite(_ node: YAMLNode, _ isBroken: inout Bool) -> URLRewrite {
        var rewrite = URLRewrite()
        var broken = false
        fields(node) { decoder, key, value in
            switch key {
            case "uri": rewrite.path = decoder.string(value).flatMap { $0.isEmpty ? nil : .matched($0) }
            case "authority": rewrite.host = decoder.string(value).flatMap { $0.isEmpty ? nil : $0 }
            case "uriRegexRewrite": rewrite.path = decoder.regexRewrite(value, &broken)
            default: return false
            }
            return true
        }
        if broken { isBroken = true }
        return rewrite
    }

    private mutating func regexRewrite(_ node: YAMLNode, _ isBroken: inout Bool) -> PathRewrite? {
        var pattern: String?
        var substitution = ""
        fields(node) { decoder, key, value in
            switch key {
            case "match": pattern = decoder.string(value)
            case "rewrite": substitution = decoder.string(value) ?? ""
            default: return false
            }
            return true
        }
        guard let pattern else {
            report(.error, at: node, "needs match and rewrite")
            return nil
        }
        do throws(RegularExpressionError) {
            let problem = try RegularExpression(pattern).checkSubstitution(substitution)
            guard problem == nil else {
                reportRule(at: node, "rewrite refers to a group that match does not have; the rule answers 500")
                isBroken = true
                return nil
            }
        } catch {
            reportRule(at: node, "\(error); the rule answers 500")
            isBroken = true
            return nil
        }
        return .regex(pattern: pattern, substitution: substitution)
    }

    /// Reads `directResponse`.
    mutating func directResponse(_ node: YAMLNode) -> DirectResponse? {
        var status: UInt16?
        var body: [UInt8] = []
        fields(node) { decoder, key, value in
            switch key {
            case "status": status = decoder.status(value)
            case "body":
                decoder.fields(value) { decoder, key, value in
                    switch key {
                    case "string": body = Array((decoder.string(value) ?? "").utf8)
                    case "bytes":
                        guard let text = decoder.string(value) else { break }
                        guard let octets = Self.base64(text) else {
                            decoder.report(.error, at: value, "must be base64")
                            break
                        }
                        body = octets
                    default: return false
                    }
                    return true
                }
                if body.count > 1 << 20 { decoder.report(.error, at: value, "must be at most 1 MiB") }
            default: return false
            }
            return true
        }
        guard let status else {
            if errorCount == 0 { report(.error, at: node, "a direct response needs a status from 200 to 599") }
            return nil
        }
        return DirectResponse(status: status, body: body)
    }

    /// Decodes base64 (RFC 4648 §4); nil when it is none.
    static func base64(_ text: String) -> [UInt8]? {
        var result: [UInt8] = []
        var bits: UInt32 = 0
        var count = 0
        for octet in text.utf8 {
            let value: UInt32
            switch octet {
            case 0x41...0x5A: value = UInt32(octet) - 0x41
            case 0x61...0x7A: value = UInt32(octet) - 0x61 + 26
            case 0x30...0x39: value = UInt32(octet) - 0x30 + 52
            case UInt8(ascii: "+"): value = 62
            case UInt8(ascii: "/"): value = 63
            case UInt8(ascii: "="), 0x0A, 0x0D, 0x20: continue
            default: return nil
            }
            bits = bits << 6 | value
            count += 6
            if count >= 8 {
                count -= 8
                result.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            }
        }
        return result
    }

    /// Reads `corsPolicy`.
    mutating func corsPolicy(_ node: YAMLNode) -> CORSPolicy {
        var policy = CORSPolicy()
        policy.forwardsUnmatchedPreflights = true
        var isBroken = false
        fields(node) { decoder, key, value in
            switch key {
            case "allowOrigins":
                decoder.list(value) { decoder, element in
                    if let match = decoder.stringMatch(element, &isBroken) {
                        policy.allowOrigins.append(match == .exact("*") ? .presence : match)
                    }
                }
            case "allowOrigin":
                policy.allowOrigins = decoder.strings(value).map { $0 == "*" ? .presence : .exact($0) }
            case "allowMethods": policy.allowMethods = decoder.strings(value)
            case "allowHeaders": policy.allowHeaders = decoder.strings(value)
            case "exposeHeaders": policy.exposeHeaders = decoder.strings(value)
            case "maxAge": policy.maxAge = decoder.duration(value).map { UInt32(clamping: $0.count / 1_000_000_000) }
            case "allowCredentials": policy.allowCredentials = decoder.flag(value)
            case "unmatchedPreflights":
                policy.forwardsUnmatchedPreflights =
                    decoder.word(value, ["UNSPECIFIED": true, "FORWARD": true, "IGNORE": false]) ?? true
            default: return false
            }
            return true
        }
        return policy
    }
}
