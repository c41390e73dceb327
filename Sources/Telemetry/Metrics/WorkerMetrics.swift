// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// What one worker counts besides its connections' series: latencies, refusals, sockets and its pool.
///
/// ## Concurrency model
/// Made once per worker; the worker writes with relaxed additions, the thread that renders adds up all workers.
package final class WorkerMetrics: Sendable {
    /// The connection pool of one worker.
    package struct Pool: Sendable {
        /// HBONE connections open.
        package let connections: Gauge
        /// HBONE connections being opened.
        package let connecting: Gauge
        /// CONNECT streams open on them.
        package let streams: Gauge
        /// HBONE connections opened so far.
        package let opened: Counter
        /// Streams that found an open connection.
        package let reused: Counter
    }

    /// The pool of HBONE connections.
    package let pool: Pool
    private let connectTimes: [Histogram]
    private let handshakeTimes: [Histogram]
    private let resumptions: [Counter]
    private let firstByteTimes: [Histogram]
    private let lifetimes: [Histogram]
    private let refusals: [Counter]
    private let openSockets: [Gauge]

    /// Registers the parts of one worker.
    package init(_ registry: MetricRegistry) {
        func histograms(_ name: String, _ help: String, _ bounds: HistogramBounds) -> [Histogram] {
            Reporter.ends.map { reporter in
                registry.histogram(
                    MetricFamily(.histogram, name, help), LabelText([("reporter", reporter.label)]), bounds: bounds)
            }
        }
        connectTimes = histograms(
            "ambit_connect_duration_seconds", "Time to connect a TCP connection to where it was sent", .latency)
        handshakeTimes = histograms(
            "ambit_tls_handshake_duration_seconds", "Time of a TLS handshake, failed ones included", .latency)
        resumptions = Reporter.ends.map { reporter in
            registry.counter(
                MetricFamily(
                    .counter, "ambit_tls_resumed_handshakes", "TLS handshakes that resumed an earlier session"),
                LabelText([("reporter", reporter.label)]))
        }
        firstByteTimes = histograms(
            "ambit_first_byte_duration_seconds", "Time from a connection's start to the server's first byte", .latency)
        lifetimes = histograms(
            "ambit_connection_duration_seconds", "Time from a connection's start to its end", .lifetime)
        let refused = MetricFamily(.counter, "ambit_refusals", "Connections that were not served, by reason")
        refusals = Reporter.ends.flatMap { reporter in
            RefusalReason.allCases.map { reason in
                registry.counter(refused, LabelText([("reporter", reporter.label), ("reason", reason.label)]))
            }
        }
        openSockets = Reporter.ends.map { reporter in
            registry.gauge(
                MetricFamily(.gauge, "istio_tcp_sockets_open", "Sockets of connections open now"),
                LabelText([("reporter", reporter.label)]))
        }
        pool = Pool(
            connections: registry.gauge(
                MetricFamily(.gauge, "ambit_pool_connections", "HBONE connections open in the pools")),
            connecting: registry.gauge(
                MetricFamily(.gauge, "ambit_pool_connecting", "HBONE connections of the pools being opened")),
            streams: registry.gauge(
                MetricFamily(.gauge, "ambit_pool_streams", "CONNECT streams open on the pools' connections")),
            opened: registry.counter(
                MetricFamily(.counter, "ambit_pool_connections_opened", "HBONE connections that the pools opened")),
            reused: registry.counter(
                MetricFamily(.counter, "ambit_pool_streams_reused", "Streams that found an open HBONE connection")))
    }

    /// Time to connect upstream.
    package func connectTime(_ reporter: Reporter) -> Histogram { connectTimes[Int(reporter.rawValue)] }
    /// Time of TLS handshakes.
    package func handshakeTime(_ reporter: Reporter) -> Histogram { handshakeTimes[Int(reporter.rawValue)] }
    /// TLS handshakes that resumed an earlier session.
    package func resumed(_ reporter: Reporter) -> Counter { resumptions[Int(reporter.rawValue)] }
    /// Time from the start of a connection to the first byte from the server.
    package func firstByteTime(_ reporter: Reporter) -> Histogram { firstByteTimes[Int(reporter.rawValue)] }
    /// Time from the start of a connection to its end.
    package func lifetime(_ reporter: Reporter) -> Histogram { lifetimes[Int(reporter.rawValue)] }
    /// Sockets open now.
    package func socketsOpen(_ reporter: Reporter) -> Gauge { openSockets[Int(reporter.rawValue)] }

    /// Counts a connection that was not served.
    package func refused(_ reporter: Reporter, _ reason: RefusalReason) {
        refusals[Int(reporter.rawValue) * RefusalReason.allCases.count + Int(reason.rawValue)].add()
    }
}
