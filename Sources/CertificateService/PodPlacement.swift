// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// Knows which service accounts have pods on which node.
package protocol PodPlacement: Sendable {
    /// Whether a pod of `account` runs, or is about to run, on `node`; answered at once, from what is known.
    func runsPod(of account: ServiceAccountName, onNode node: String) -> Bool
}
