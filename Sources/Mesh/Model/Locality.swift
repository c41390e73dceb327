// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// Where a workload runs: the parts of `topology.kubernetes.io/region`, `…/zone` and `topology.istio.io/subzone`.
package struct Locality: Hashable, Sendable {
    /// The region; empty when unknown.
    package var region: String
    /// The zone within the region; empty when unknown.
    package var zone: String
    /// The part of the zone; empty when unknown.
    package var subzone: String

    /// Puts the parts together.
    package init(region: String = "", zone: String = "", subzone: String = "") {
        self.region = region
        self.zone = zone
        self.subzone = subzone
    }
}
