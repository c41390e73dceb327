// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// The version of this build, shown by `version` and by the metric `istio_build`.
package enum TunnelVersion {
    /// Semantic version.
    package static let text = "0.1.0"
}
