// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

/// The series of all TCP connections.
package typealias TCPTable = SeriesTable<TCPLabels, TCPSeries>
/// A worker's look-up of `TCPTable`.
package typealias TCPCache = SeriesCache<TCPLabels, TCPSeries>

extension SeriesTable<TCPLabels, TCPSeries> {
    /// Writes the `istio_tcp_*` families.
    ///
    /// As ztunnel does, a series without a failure shows in four families and one with a failure only among the failed.
    package func write(to text: inout Exposition, now: MonotonicTime) {
        let series = snapshot(now: now).sorted { $0.text.bytes.lexicographicallyPrecedes($1.text.bytes) }
        let families: [(MetricFamily, (TCPSeries) -> UInt64)] = [
            (
                MetricFamily(
                    .counter, "istio_tcp_connections_opened",
                    "The total number of TCP connections opened"), { $0.opened }
            ),
            (
                MetricFamily(
                    .counter, "istio_tcp_connections_closed",
                    "The total number of TCP connections closed"), { $0.closed }
            ),
            (
                MetricFamily(
                    .counter, "istio_tcp_received_bytes",
                    "The size of total bytes received during request in case of a TCP connection"), { $0.received }
            ),
            (
                MetricFamily(
                    .counter, "istio_tcp_sent_bytes",
                    "The size of total bytes sent during response in case of a TCP connection"), { $0.sent }
            ),
        ]
        for (family, value) in families {
            text.begin(family)
            for (labels, cells) in series where cells.contains(where: { $0.opened > 0 }) {
                text.sample(labels, cells.reduce(0) { $0 &+ value($1) })
            }
        }
        text.begin(
            MetricFamily(
                .counter, "istio_tcp_connections_failed",
                "The total number of TCP connections that failed, by response_flags"))
        for (labels, cells) in series where cells.contains(where: { $0.failed > 0 }) {
            text.sample(labels, cells.reduce(0) { $0 &+ $1.failed })
        }
    }
}
