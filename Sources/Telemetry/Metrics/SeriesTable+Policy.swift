// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

/// The series of all policies that decided something.
package typealias PolicyTable = SeriesTable<PolicyLabels, PolicySeries>
/// A worker's look-up of `PolicyTable`.
package typealias PolicyCache = SeriesCache<PolicyLabels, PolicySeries>

extension SeriesTable<PolicyLabels, PolicySeries> {
    /// Writes the family `ambit_policy_decisions_total`.
    package func write(to text: inout Exposition, now: MonotonicTime) {
        text.begin(
            MetricFamily(
                .counter, "ambit_policy_decisions", "Connections that an authorization policy allowed or denied"))
        let series = snapshot(now: now).sorted { $0.text.bytes.lexicographicallyPrecedes($1.text.bytes) }
        for (labels, cells) in series { text.sample(labels, cells.reduce(0) { $0 &+ $1.value }) }
    }
}
