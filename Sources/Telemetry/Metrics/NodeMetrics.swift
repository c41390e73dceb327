// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import LinuxIO

/// What the process as a whole shows: its build, its pods, its configuration, its certificates and itself.
package final class NodeMetrics: Sendable {
    /// A certificate as the metrics show it.
    package struct Certificate: Sendable {
        /// The SPIFFE ID.
        package var identity: String
        /// When it ends, in seconds since 1970.
        package var notAfterUnixSeconds: Int64

        /// Names a certificate.
        package init(identity: String, notAfterUnixSeconds: Int64) {
            self.identity = identity
            self.notAfterUnixSeconds = notAfterUnixSeconds
        }
    }

    /// Pods served now.
    package let activeProxies: Gauge
    /// Pods that wait to be served.
    package let pendingProxies: Gauge
    /// Pods that began to be served.
    package let proxiesStarted: Counter
    /// Pods that ended to be served.
    package let proxiesStopped: Counter
    /// Whether the kubelet's probes of captured pods are exempt from capture: 1 or 0.
    package let probesExempt: Gauge
    /// When the snapshot in use was made, in seconds since 1970; 0 before the first.
    package let configurationTime: Gauge
    /// When what serves now was written down by a process before, in seconds since 1970; 0 when it is first-hand.
    package let snapshotTime: Gauge
    /// Snapshots published.
    package let configurationUpdates: Counter
    /// Objects that could not be understood in the last reading.
    package let configurationErrors: Gauge

    /// Registers the metrics of the process.
    ///
    /// - Parameters:
    ///   - component: the value of the label `component` of `istio_build`.
    ///   - version: that of its label `tag`.
    package init(_ registry: MetricRegistry, component: String = "ambit-tunnel", version: String) {
        registry.gauge(
            MetricFamily(.gauge, "istio_build", "Istio component build info"),
            LabelText([("component", component), ("tag", version)])
        ).set(1)
        activeProxies = registry.gauge(
            MetricFamily(.gauge, "workload_manager_active_proxy_count", "The total number of pods served"))
        pendingProxies = registry.gauge(
            MetricFamily(.gauge, "workload_manager_pending_proxy_count", "The total number of pods that wait"))
        proxiesStarted = registry.counter(
            MetricFamily(.counter, "workload_manager_proxies_started", "The total number of pods that were started"))
        proxiesStopped = registry.counter(
            MetricFamily(.counter, "workload_manager_proxies_stopped", "The total number of pods that were stopped"))
        probesExempt = registry.gauge(
            MetricFamily(
                .gauge, "ambit_probes_exempt", "Whether the kubelet's probes of captured pods are exempt from capture"))
        configurationTime = registry.gauge(
            MetricFamily(
                .gauge, "ambit_config_last_update_timestamp_seconds",
                "When the configuration in use was read, in seconds since 1970"))
        snapshotTime = registry.gauge(
            MetricFamily(
                .gauge, "ambit_config_restored_timestamp_seconds",
                "When the objects in use were saved while the API server is away, in seconds since 1970; else 0"))
        configurationUpdates = registry.counter(
            MetricFamily(.counter, "ambit_config_updates", "Configurations that were put to use"))
        configurationErrors = registry.gauge(
            MetricFamily(.gauge, "ambit_config_errors", "Objects of the configuration that could not be understood"))
        let time = configurationTime
        registry.addSource { text, _ in
            text.begin(
                MetricFamily(.gauge, "ambit_config_age_seconds", "Time since the configuration in use was read"))
            guard time.value > 0 else { return }
            text.sample(.none, max(0, WallClock.now() / 1_000_000_000 - time.value))
        }
        registry.addSource { text, _ in ProcessMetrics.write(to: &text) }
    }

    /// Has the remaining life of certificates shown; `certificates` is asked at every scrape, on the rendering thread.
    package static func addCertificates(
        to registry: MetricRegistry, _ certificates: @escaping @Sendable () -> [Certificate]
    ) {
        registry.addSource { text, _ in
            let now = WallClock.now() / 1_000_000_000
            text.begin(
                MetricFamily(
                    .gauge, "ambit_certificate_remaining_seconds",
                    "Remaining life of the certificate of an identity; negative when it is over"))
            for certificate in certificates() {
                text.sample(
                    LabelText([("identity", certificate.identity)]), certificate.notAfterUnixSeconds - now)
            }
        }
    }
}
