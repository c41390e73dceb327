// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
package import Identity

/// Whom the other side of a session must prove to be.
package enum PeerExpectation: Sendable, Hashable {
    /// Any workload of the context's trust domain; for the accepting side, where policy decides later.
    case anyInTrustDomain
    /// Exactly one of these SPIFFE IDs, which lie in the context's trust domain; an empty list accepts nobody.
    case oneOf([SPIFFEID])

    func accepts(_ identity: SPIFFEID) -> Bool {
        switch self {
        case .anyInTrustDomain: true
        case .oneOf(let identities): identities.contains(identity)
        }
    }
}
