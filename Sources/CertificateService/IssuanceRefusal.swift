// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import GRPC
package import Identity

/// Why a request for a certificate is refused.
package enum IssuanceRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    /// There is no bearer token, or more than one, or what is there is none.
    case noToken
    /// The token proves nothing.
    case token(TokenRefusal)
    /// The message is no IstioCertificateRequest.
    case malformed(ProtobufError)
    /// The signing request breaks a rule.
    case signingRequest(IdentityError)
    /// The caller's account makes no SPIFFE ID, or the impersonated identity is none.
    case invalidIdentity
    /// The signing request is for another identity than the one that is asked for.
    case otherIdentity(SPIFFEID)
    /// The identity lies in another trust domain.
    case otherTrustDomain
    /// The caller is no node account, so it may ask for itself only.
    case mayNotImpersonate
    /// The caller's token does not tell its node.
    case unknownNode
    /// No pod of that service account runs on the caller's node.
    case notOnNode(SPIFFEID)
    /// The caller asks too often.
    case rateLimit
    /// Too many tokens are being reviewed.
    case busy
    /// The CA cannot sign now.
    case authority(IdentityError)

    package var description: String {
        switch self {
        case .noToken: "no bearer token in the authorization field"
        case .token(let refusal): refusal.description
        case .malformed(let error): error.description
        case .signingRequest(let error): error.description
        case .invalidIdentity: "identity asked for is no SPIFFE ID of a service account"
        case .otherIdentity(let id): "signing request is for another identity than the one asked for: \(id)"
        case .otherTrustDomain: "identity asked for is in another trust domain"
        case .mayNotImpersonate: "caller may ask for a certificate of its own service account only"
        case .unknownNode: "caller's token is not bound to a pod on a node"
        case .notOnNode(let id): "no pod with this identity runs on the caller's node: \(id)"
        case .rateLimit: "caller asks for too many certificates"
        case .busy: "too many requests at once"
        case .authority(let error): error.description
        }
    }

    /// A short name for metrics.
    package var reason: String {
        switch self {
        case .noToken: "no_token"
        case .token(.unknown): "token_unknown"
        case .token(.expired): "token_expired"
        case .token(.wrongAudience): "token_audience"
        case .token(.noServiceAccount): "token_account"
        case .token(.unavailable): "token_unavailable"
        case .malformed: "malformed"
        case .signingRequest: "signing_request"
        case .invalidIdentity, .otherIdentity, .otherTrustDomain: "identity"
        case .mayNotImpersonate: "impersonation"
        case .unknownNode, .notOnNode: "not_on_node"
        case .rateLimit: "rate_limit"
        case .busy: "busy"
        case .authority: "authority"
        }
    }

    /// What the caller is told.
    package var status: GRPCStatus {
        let code: GRPCStatusCode =
            switch self {
            case .noToken, .token(.unknown), .token(.expired), .token(.wrongAudience), .token(.noServiceAccount):
                .unauthenticated
            case .token(.unavailable), .busy, .authority: .unavailable
            case .malformed, .signingRequest, .invalidIdentity: .invalidArgument
            case .otherIdentity, .otherTrustDomain, .mayNotImpersonate, .unknownNode, .notOnNode: .permissionDenied
            case .rateLimit: .resourceExhausted
            }
        return GRPCStatus(code, description)
    }
}
