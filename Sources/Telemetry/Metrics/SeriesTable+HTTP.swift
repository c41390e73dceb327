// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

/// The series of all requests.
package typealias HTTPTable = SeriesTable<HTTPLabels, HTTPSeries>
/// A worker's look-up of `HTTPTable`.
package typealias HTTPCache = SeriesCache<HTTPLabels, HTTPSeries>

extension SeriesTable<HTTPLabels, HTTPSeries> {
    /// Writes `istio_requests_total` and the histograms beside it.
    package func write(to text: inout Exposition, now: MonotonicTime) {
        let series = snapshot(now: now).sorted { $0.text.bytes.lexicographicallyPrecedes($1.text.bytes) }
        text.begin(MetricFamily(.counter, "istio_requests", "The total number of requests"))
        for (labels, cells) in series { text.sample(labels, cells.reduce(0) { $0 &+ $1.requests }) }
        text.begin(MetricFamily(.histogram, "istio_request_duration_milliseconds", "The duration of requests"))
        for (labels, cells) in series {
            text.sample(labels, decimals: 6, sum: cells.reduce(0) { $0 &+ $1.duration.sum }) { index in
                cells.reduce(0) { $0 &+ $1.duration.count(index) }
            }
        }
        text.begin(MetricFamily(.histogram, "istio_request_bytes", "The size of request bodies"))
        for (labels, cells) in series {
            text.sample(labels, decimals: 0, sum: cells.reduce(0) { $0 &+ $1.requestBytes.sum }) { index in
                cells.reduce(0) { $0 &+ $1.requestBytes.count(index) }
            }
        }
        text.begin(MetricFamily(.histogram, "istio_response_bytes", "The size of response bodies"))
        for (labels, cells) in series {
            text.sample(labels, decimals: 0, sum: cells.reduce(0) { $0 &+ $1.responseBytes.sum }) { index in
                cells.reduce(0) { $0 &+ $1.responseBytes.count(index) }
            }
        }
    }
}
