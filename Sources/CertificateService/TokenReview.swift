// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Kubernetes
internal import Manifest

/// The question and the answer of Kubernetes' TokenReview (authentication.k8s.io/v1), without I/O.
enum TokenReview {
    private static let userPrefix = "system:serviceaccount:"
    private static let podName = "authentication.kubernetes.io/pod-name"
    private static let nodeName = "authentication.kubernetes.io/node-name"
    /// An API server that takes longer has trouble; the caller comes back.
    private static let longestWait = Nanoseconds.seconds(5)

    /// Asks about a token that must be meant for one of `audiences`.
    static func request(_ token: BearerToken, audiences: [String]) -> APIRequest {
        // Neither a token (RFC 6750 §2.1) nor an audience that was checked has a character that JSON escapes.
        let names = audiences.map { "\"\($0)\"" }.joined(separator: ",")
        let body =
            "{\"apiVersion\":\"authentication.k8s.io/v1\",\"kind\":\"TokenReview\","
            + "\"spec\":{\"token\":\"\(token.text)\",\"audiences\":[\(names)]}}"
        var request = APIRequest(
            .post, "/apis/authentication.k8s.io/v1/tokenreviews", "application/json", Array(body.utf8))
        request.timeout = longestWait
        request.silence = longestWait
        return request
    }

    /// Whether a name can stand in a request.
    static func isAudience(_ text: String) -> Bool {
        let escaped = [UInt8(ascii: "\""), UInt8(ascii: "\\")]
        return !text.isEmpty && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && !escaped.contains($0) }
    }

    /// Who the token belongs to.
    ///
    /// What is missing or odd in the answer is a refusal.
    ///
    /// - Returns: the caller; its node is empty when the API server does not say it (before Kubernetes 1.30).
    static func caller(_ answer: YAMLNode, audiences: [String]) throws(TokenRefusal) -> Caller {
        guard let status = answer["status"] else { throw .unavailable }
        guard status["authenticated"]?.text == "true" else { throw refusal(status["error"]?.text ?? "") }
        // A server that knows nothing of audiences names none: the token is meant for the server itself.
        let named = status["audiences"].map { $0.elements.map(\.text) } ?? []
        guard named.contains(where: audiences.contains) else { throw .wrongAudience }
        let user = status["user"]
        guard let name = user?["username"]?.text, name.hasPrefix(userPrefix) else { throw .noServiceAccount }
        let parts = name.dropFirst(userPrefix.count).split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else { throw .noServiceAccount }
        let extra = user?["extra"]
        return Caller(
            account: ServiceAccountName(namespace: String(parts[0]), name: String(parts[1])),
            pod: single(extra?[podName]), node: single(extra?[nodeName]))
    }

    private static func single(_ values: YAMLNode?) -> String {
        guard let values, values.count == 1 else { return "" }
        return values.elements.map(\.text)[0]
    }

    /// The API server tells the reason as text only; it decides what is logged, never whether.
    private static func refusal(_ text: String) -> TokenRefusal {
        if text.contains("expired") { return .expired }
        return text.contains("audience") ? .wrongAudience : .unknown
    }
}
