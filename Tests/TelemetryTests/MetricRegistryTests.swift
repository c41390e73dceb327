// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Telemetry
import Testing

@Suite("MetricRegistry")
struct MetricRegistryTests {
    static let epoch = MonotonicTime(nanoseconds: 0)

    private func text(_ registry: MetricRegistry, _ format: Exposition.Format = .prometheus) -> String {
        String(decoding: registry.render(format, now: Self.epoch), as: UTF8.self)
    }

    @Test("Prometheus text 0.0.4: families with HELP and TYPE, the counter's under its name with _total")
    func prometheus() {
        let registry = MetricRegistry()
        let family = MetricFamily(.counter, "ambit_things", "Things \\ \"seen\"")
        registry.counter(family, LabelText([("kind", "a")])).add(3)
        registry.counter(family, LabelText([("kind", "b\"\\\n")])).add()
        registry.gauge(MetricFamily(.gauge, "ambit_level", "A level")).set(-7)
        #expect(
            text(registry) == """
                # HELP ambit_things_total Things \\\\ "seen"
                # TYPE ambit_things_total counter
                ambit_things_total{kind="a"} 3
                ambit_things_total{kind="b\\"\\\\\\n"} 1
                # HELP ambit_level A level
                # TYPE ambit_level gauge
                ambit_level -7

                """)
    }

    @Test("OpenMetrics 1.0: the family's name is without _total, units are named, the text ends in # EOF")
    func openMetrics() {
        let registry = MetricRegistry()
        registry.counter(MetricFamily(.counter, "ambit_sent_bytes", "Bytes")).add(3)
        #expect(
            text(registry, .openMetrics) == """
                # HELP ambit_sent_bytes Bytes
                # TYPE ambit_sent_bytes counter
                # UNIT ambit_sent_bytes bytes
                ambit_sent_bytes_total 3
                # EOF

                """)
    }

    @Test("A histogram shows cumulative buckets, the exact sum, and the count")
    func histogram() {
        let registry = MetricRegistry()
        let histogram = registry.histogram(
            MetricFamily(.histogram, "ambit_wait_seconds", "Waits"), LabelText([("reporter", "source")]),
            bounds: HistogramBounds(microseconds: [1_000, 1_000_000]))
        histogram.record(.milliseconds(1))  // a bound belongs to its bucket
        histogram.record(Nanoseconds(1_000_001))
        histogram.record(.seconds(2))
        histogram.record(Nanoseconds(-5))
        #expect(
            text(registry) == """
                # HELP ambit_wait_seconds Waits
                # TYPE ambit_wait_seconds histogram
                ambit_wait_seconds_bucket{reporter="source",le="0.001"} 2
                ambit_wait_seconds_bucket{reporter="source",le="1"} 3
                ambit_wait_seconds_bucket{reporter="source",le="+Inf"} 4
                ambit_wait_seconds_sum{reporter="source"} 2.002000001
                ambit_wait_seconds_count{reporter="source"} 4

                """)
        #expect(text(registry, .openMetrics).contains("ambit_wait_seconds_bucket{reporter=\"source\",le=\"1.0\"} 3\n"))
    }

    @Test("The parts of a series that several workers write are added up")
    func parts() {
        let registry = MetricRegistry()
        let workers = [WorkerMetrics(registry), WorkerMetrics(registry)]
        workers[0].pool.streams.add(5)
        workers[1].pool.streams.add(-2)
        for worker in workers {
            worker.refused(.destination, .policyDenied)
            worker.connectTime(.source).record(.milliseconds(3))
            worker.socketsOpen(.source).add(1)
        }
        let result = text(registry)
        #expect(result.contains("\nambit_pool_streams 3\n"))
        #expect(result.contains("\nambit_refusals_total{reporter=\"destination\",reason=\"policy_denied\"} 2\n"))
        #expect(result.contains("\nambit_connect_duration_seconds_count{reporter=\"source\"} 2\n"))
        #expect(result.contains("\nistio_tcp_sockets_open{reporter=\"source\"} 2\n"))
    }

    @Test(
        "RFC 9110 §12.5.1: OpenMetrics is for those who name it in Accept",
        arguments: [
            ("", false), ("*/*", false), ("text/plain;version=0.0.4", false),
            ("application/openmetrics-text;version=1.0.0,text/plain;q=0.5", true),  // what Prometheus 2 sends
            ("text/plain, application/OpenMetrics-Text; q=0.2", true),
            ("application/openmetrics-text;q=0, text/plain", false),
            ("application/openmetrics-textual", false),
        ])
    func accept(header: String, isOpenMetrics: Bool) {
        let format = Exposition.Format(accept: header)
        #expect(format.contentType.hasPrefix("application/openmetrics-text") == isOpenMetrics)
    }

    @Test("The process shows itself, its build, and the age of its configuration")
    func node() throws {
        let registry = MetricRegistry()
        let node = NodeMetrics(registry, version: "1.2.3")
        node.configurationTime.set(1)
        NodeMetrics.addCertificates(to: registry) {
            [.init(identity: "spiffe://cluster.local/ns/a/sa/b", notAfterUnixSeconds: 0)]
        }
        let lines = text(registry).split(separator: "\n")
        func value(_ name: String) throws -> Double {
            let line = try #require(lines.first { $0.hasPrefix(name + " ") }, "\(name)")
            return try #require(Double(line.split(separator: " ")[1]))
        }
        #expect(lines.contains("istio_build{component=\"ambit-tunnel\",tag=\"1.2.3\"} 1"))
        #expect(try value("process_open_fds") >= 3)
        #expect(try value("process_resident_memory_bytes") > 1_000_000)
        #expect(try value("process_start_time_seconds") > 1_700_000_000)
        #expect(try value("process_cpu_seconds_total") > 0)
        #expect(try value("process_threads") >= 1)
        #expect(try value("ambit_config_age_seconds") > 1_700_000_000)
        let prefix = "ambit_certificate_remaining_seconds{identity=\"spiffe://cluster.local/ns/a/sa/b\"} -"
        #expect(lines.contains { $0.hasPrefix(prefix) })
    }
}
