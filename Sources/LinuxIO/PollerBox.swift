// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// A poller on its way to the thread that owns it from then on.
///
/// ## Concurrency model
/// Filled by the thread that starts the other, used by the other only.
package final class PollerBox: @unchecked Sendable {
    /// The poller.
    package let value: Poller

    /// Packs it.
    package init(_ value: consuming Poller) { self.value = value }
}
