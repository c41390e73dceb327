// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Mesh

/// What an AuthorizationPolicy says, in the form that the node enforces.
package struct AuthorizationPolicyObject: Equatable, Sendable {
    /// The policy, fields that cannot be expressed or understood left out and flagged.
    package var policy: AuthorizationPolicy
    /// Whether it is bound to waypoints (`targetRef`, `targetRefs`), so that the node does not enforce it.
    package var isForWaypoints = false
    /// Whether it only audits: it never changes an outcome.
    package var isAudit = false
}
