// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// A control group of the unified hierarchy (cgroups(7)), as a rule names it.
package struct ControlGroup: Hashable, Sendable {
    /// The number of its folder in the hierarchy (stat(2)), which no other group gets while the machine runs.
    package let number: UInt64
    /// How far it stands below the root: `/system.slice/kubelet.service` is at level 2.
    package let level: UInt8

    /// Puts the two together.
    package init(number: UInt64, level: UInt8) {
        self.number = number
        self.level = level
    }
}
