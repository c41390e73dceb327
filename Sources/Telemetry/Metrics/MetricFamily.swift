// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// The name, the type and the explanation that the series of one metric share.
package struct MetricFamily: Hashable, Sendable {
    /// What the values of a family mean.
    package enum Kind: Hashable, Sendable {
        /// Only grows; its samples are named `…_total`.
        case counter
        /// Goes up and down.
        case gauge
        /// Counts durations in buckets, in seconds.
        case histogram
    }

    /// The name without `_total`, `_bucket`, `_sum` or `_count`.
    package let name: String
    /// Counter, gauge or histogram.
    package let kind: Kind
    /// One sentence for whoever meets the metric in a query editor.
    package let help: String
    /// Decimal places of the stored integers: 9 for nanoseconds shown as seconds, 0 for plain numbers.
    let decimals: Int

    /// Names a family.
    package init(_ kind: Kind, _ name: String, _ help: String, decimals: Int = 0) {
        self.kind = kind
        self.name = name
        self.help = help
        self.decimals = kind == .histogram ? 9 : decimals
    }
}
