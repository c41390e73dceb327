// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
package import Identity

/// What a context does about revoked certificates.
package enum RevocationPolicy: Sendable {
    /// Nothing: no CRL is configured.
    case unchecked
    /// Refuses certificates that `lists` revoke, leaf or intermediate.
    ///
    /// A certificate whose authority has no list among them passes, unless `requiresStatus`. A list that is out of
    /// date still counts when `acceptsExpired`; otherwise all certificates of its authority are refused.
    case lists(RevocationSet, acceptsExpired: Bool, requiresStatus: Bool)
    /// Refuses every peer: a CRL is configured but cannot be read.
    case unavailable
}
