// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// Who calls, as a review of its token found: what Kubernetes' TokenReview says of a bound token.
package struct Caller: Sendable, Hashable {
    /// Its service account.
    package let account: ServiceAccountName
    /// The pod that the token is bound to; empty when it is bound to none.
    package let pod: String
    /// The node of that pod; empty when that is not known.
    package let node: String

    /// A caller.
    package init(account: ServiceAccountName, pod: String, node: String) {
        self.account = account
        self.pod = pod
        self.node = node
    }
}
