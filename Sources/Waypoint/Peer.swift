// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import LinuxIO
internal import Telemetry

/// What workers know of each other: where messages go, and how much each has to do.
///
/// ## Concurrency model
/// Written and read by all workers with relaxed atomics: a reading that is a moment old only makes a worse choice.
struct Peer: Sendable {
    let mailbox: Mailbox<WorkerMessage>
    /// Connections and streams of clients that the worker serves, those on their way to it included.
    let connections: Gauge
    /// Streams that the worker has given to others.
    let handedOver: Counter

    init(_ index: Int, _ mailbox: Mailbox<WorkerMessage>, _ registry: MetricRegistry) {
        self.mailbox = mailbox
        let worker = LabelText([("worker", "\(index)")])
        connections = registry.gauge(
            MetricFamily(
                .gauge, "ambit_waypoint_connections", "Connections and streams of clients that a worker serves now"),
            worker)
        handedOver = registry.counter(
            MetricFamily(
                .counter, "ambit_waypoint_streams_handed_over", "Streams of its tunnels that a worker gave to others"),
            worker)
    }
}
