// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// Finds out who a bearer token belongs to.
///
/// A review may take time (the API server is asked); the service waits for nobody. It never has more than
/// `CertificateServiceConfiguration.maximumReviews` under way.
package protocol TokenReviewer: Sendable {
    /// Starts a review.
    ///
    /// - Parameters:
    ///   - audiences: the token must be meant for one of these.
    ///   - answer: to be called exactly once, now or later, on any thread.
    func review(
        _ token: BearerToken, audiences: [String], answer: @escaping @Sendable (Result<Caller, TokenRefusal>) -> Void)
}

/// Why a token proves nothing.
package enum TokenRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    /// Nobody has this token.
    case unknown
    /// Its time is over.
    case expired
    /// It is meant for somebody else than a CA.
    case wrongAudience
    /// It is that of a person or a machine, not of a service account.
    case noServiceAccount
    /// It cannot be told now; to be tried again.
    case unavailable

    package var description: String {
        switch self {
        case .unknown: "token is not valid"
        case .expired: "token has expired"
        case .wrongAudience: "token is meant for another audience"
        case .noServiceAccount: "token belongs to no service account"
        case .unavailable: "token cannot be reviewed now"
        }
    }
}
