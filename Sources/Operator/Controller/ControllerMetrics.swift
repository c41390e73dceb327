// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Telemetry

/// What a controller of waypoints counts.
struct ControllerMetrics {
    let leader: Gauge
    let writes: Counter
    let troubles: Gauge
    let gateways: Gauge

    init(_ registry: MetricRegistry) {
        leader = registry.gauge(
            MetricFamily(.gauge, "ambit_controller_leader", "Whether this replica holds the lease and writes"))
        writes = registry.counter(
            MetricFamily(.counter, "ambit_controller_writes", "Requests that may change an object; none at rest"))
        troubles = registry.gauge(
            MetricFamily(.gauge, "ambit_controller_troubles", "Things that could not be done and are tried again"))
        gateways = registry.gauge(MetricFamily(.gauge, "ambit_controller_gateways", "Gateways that are ours"))
    }
}
