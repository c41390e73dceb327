// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Identity
package import Telemetry

/// What an alert needs to know of rotations; only the replica that leads has other values than zero.
package struct RotationMetrics: Sendable {
    private let phase: Gauge
    private let held: Gauge
    private let missing: Gauge

    /// Makes the metrics.
    package init(_ registry: MetricRegistry) {
        phase = registry.gauge(
            MetricFamily(
                .gauge, "ambit_ca_rotation_phase",
                "Rotation of the root: 0 none, 1 the new root is distributed, 2 the old root is retired"))
        held = registry.gauge(
            MetricFamily(
                .gauge, "ambit_ca_rotation_held",
                "1 while something keeps a rotation of the root from beginning or going on; the log says what"))
        missing = registry.gauge(
            MetricFamily(.gauge, "ambit_ca_secret_missing", "1 while the Secret that holds the CA is not there"))
    }

    func set(_ phase: RootRotation.Phase) {
        switch phase {
        case .stable: self.phase.set(0)
        case .distributing: self.phase.set(1)
        case .retiring: self.phase.set(2)
        }
    }

    func set(isHeld: Bool, isMissing: Bool) {
        held.set(isHeld ? 1 : 0)
        missing.set(isMissing ? 1 : 0)
    }
}
