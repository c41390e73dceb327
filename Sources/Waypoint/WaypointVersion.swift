// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// The version of this build; the release procedure changes it together with the CHANGELOG.
package enum WaypointVersion {
    /// Semantic version.
    package static let text = "0.1.0"
}
