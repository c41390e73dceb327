// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import LinuxIO
import Synchronization
import Testing

@testable import Telemetry

@Suite("SeriesTable")
struct SeriesTableTests {
    private func time(seconds: UInt64) -> MonotonicTime { MonotonicTime(nanoseconds: seconds * 1_000_000_000) }

    private func text(_ table: TCPTable, seconds: UInt64) -> String {
        let registry = MetricRegistry()
        registry.addSource { text, now in table.write(to: &text, now: now) }
        return String(decoding: registry.render(.prometheus, now: time(seconds: seconds)), as: UTF8.self)
    }

    private func labels(_ workload: String) -> TCPLabels {
        var labels = TCPLabels(reporter: .source)
        labels.source.workload = workload
        return labels
    }

    @Test("ztunnel §8.1: the label set is Istio's, complete and in order; what is not known is `unknown`")
    func labelSet() {
        var labels = TCPLabels(reporter: .destination)
        labels.source = Self.peer("s")
        labels.destination = Self.peer("d")
        labels.destinationService = "echo.default.svc.cluster.local"
        labels.destinationServiceNamespace = "default"
        labels.destinationServiceName = "echo"
        labels.isMutualTLS = true
        #expect(
            names(labels) == [
                "reporter", "source_workload", "source_canonical_service", "source_canonical_revision",
                "source_workload_namespace", "source_principal", "source_app", "source_version", "source_cluster",
                "destination_service", "destination_service_namespace", "destination_service_name",
                "destination_workload", "destination_canonical_service", "destination_canonical_revision",
                "destination_workload_namespace", "destination_principal", "destination_app", "destination_version",
                "destination_cluster", "request_protocol", "response_flags", "connection_security_policy",
                "source_region", "source_zone", "destination_region", "destination_zone",
            ])
        #expect(names(TCPLabels(reporter: .source)).count == 23)  // region and zone are optional
        let unknown = render(TCPLabels(reporter: .source))
        #expect(unknown.split(separator: ",").count { $0.hasSuffix("=\"unknown\"") } == 20)
        #expect(
            unknown.hasSuffix(
                ",request_protocol=\"tcp\",response_flags=\"-\",connection_security_policy=\"unknown\""))
        #expect(render(labels).contains("connection_security_policy=\"mutual_tls\""))
    }

    private static func peer(_ prefix: String) -> PeerLabels {
        var peer = PeerLabels()
        peer.workload = prefix + "1"
        peer.canonicalService = prefix + "2"
        peer.canonicalRevision = prefix + "3"
        peer.namespace = prefix + "4"
        peer.principal = prefix + "5"
        peer.app = prefix + "6"
        peer.version = prefix + "7"
        peer.cluster = prefix + "8"
        peer.region = prefix + "9"
        peer.zone = prefix + "10"
        return peer
    }

    private func render(_ labels: TCPLabels) -> String {
        let table = TCPTable()
        var cache = TCPCache(table)
        cache.cell(for: labels, now: time(seconds: 0)).opened(now: time(seconds: 0))
        let lines = text(table, seconds: 0).split(separator: "\n")
        let line = lines.first { $0.hasPrefix("istio_tcp_connections_opened_") }
        return line.map { String($0.split(separator: "{")[1].split(separator: "}")[0]) } ?? ""
    }

    private func names(_ labels: TCPLabels) -> [Substring] {
        render(labels).split(separator: ",").map { $0.split(separator: "=")[0] }
    }

    @Test("Workers share a series and no counter; the sum is shown")
    func sum() {
        let table = TCPTable()
        var first = TCPCache(table)
        var second = TCPCache(table)
        let now = time(seconds: 1)
        let one = first.cell(for: labels("a"), now: now)
        let two = second.cell(for: labels("a"), now: now)
        #expect(one !== two)
        #expect(first.cell(for: labels("a"), now: now) === one)
        for cell in [one, two] {
            cell.opened(now: now)
            cell.sent(10)
            cell.received(3)
        }
        two.closed(now: now)
        #expect(table.count == 1)
        let values = text(table, seconds: 1).split(separator: "\n").filter { !$0.hasPrefix("#") }
            .map { "\($0.split(separator: "{")[0]) \($0.split(separator: " ").last ?? "")" }
        #expect(
            values == [
                "istio_tcp_connections_opened_total 2", "istio_tcp_connections_closed_total 1",
                "istio_tcp_received_bytes_total 6", "istio_tcp_sent_bytes_total 20",
            ])
    }

    @Test("A failed connection is counted among the failed only, under its flag")
    func failed() {
        let table = TCPTable()
        var cache = TCPCache(table)
        var labels = labels("a")
        labels.responseFlags = .deny
        cache.cell(for: labels, now: time(seconds: 1)).failed(now: time(seconds: 1))
        let lines = text(table, seconds: 1).split(separator: "\n").filter { !$0.hasPrefix("#") }
        #expect(lines.count == 1)
        #expect(lines.first?.hasPrefix("istio_tcp_connections_failed_total{") == true)
        #expect(lines.first?.contains("response_flags=\"DENY\"") == true)
    }

    @Test("A series without use for an hour is dropped, by everybody")
    func expiry() {
        let table = TCPTable()
        var cache = TCPCache(table)
        cache.cell(for: labels("old"), now: time(seconds: 0)).failed(now: time(seconds: 0))
        cache.cell(for: labels("new"), now: time(seconds: 10)).failed(now: time(seconds: 10))
        #expect(text(table, seconds: 3_600).contains("\"old\""))
        let later = text(table, seconds: 3_605)
        #expect(!later.contains("\"old\"") && later.contains("\"new\""))
        _ = cache.cell(for: labels("new"), now: time(seconds: 3_605))
        #expect(cache.count == 1 && table.count == 1)
        let again = cache.cell(for: labels("old"), now: time(seconds: 3_606))
        #expect(again.failed == 0)
        #expect(table.count == 2)
    }

    @Test("A series with an open connection never expires, and is shown for an hour after the last has closed")
    func open() {
        let table = TCPTable()
        var cache = TCPCache(table)
        let cell = cache.cell(for: labels("long"), now: time(seconds: 0))
        cell.opened(now: time(seconds: 0))
        #expect(text(table, seconds: 100_000).contains("\"long\""))
        cell.closed(now: time(seconds: 100_000))
        #expect(text(table, seconds: 103_600).contains("\"long\""))
        #expect(!text(table, seconds: 103_601).contains("\"long\""))
    }

    @Test("The table stays small while pods come and go and nobody scrapes")
    func churn() {
        let table = TCPTable()
        var cache = TCPCache(table)
        for number in 0..<2_000 {
            let now = time(seconds: UInt64(number) * 60)
            cache.cell(for: labels("pod-\(number)"), now: now).failed(now: now)
        }
        #expect(table.count < 130)  // 60 are younger than an hour
        #expect(cache.count < 130)
    }

    @Test("A cell that a worker was just given is never one that the table has dropped")
    func race() throws {
        let lifetime = Nanoseconds.milliseconds(2)
        let table = TCPTable(lifetime: lifetime)
        let tally = Tally()
        let first = try WorkerThread(name: "first") { Self.use(table, lifetime, pause: .milliseconds(1), tally) }
        let second = try WorkerThread(name: "second") { Self.use(table, lifetime, pause: .milliseconds(3), tally) }
        while tally.running.load(ordering: .acquiring) > 0 { _ = table.snapshot(now: MonotonicClock.now()) }
        first.join()
        second.join()
        #expect(tally.rounds.load(ordering: .relaxed) > 0)
        #expect(tally.losses.load(ordering: .relaxed) == 0)
        #expect(table.generation > 0)  // series did expire meanwhile
    }

    private final class Tally: Sendable {
        let rounds = Atomic(0)
        let losses = Atomic(0)
        let running = Atomic(2)
    }

    private static func use(_ table: TCPTable, _ lifetime: Nanoseconds, pause: Nanoseconds, _ tally: Tally) {
        var cache = TCPCache(table)
        // Who pauses for longer than the lifetime goes on until a series has expired, however busy the machine is.
        let most = pause > lifetime ? 20_000 : 100
        for round in 0..<most where round < 100 || table.generation == 0 {
            let start = MonotonicClock.now()
            let cell = cache.cell(for: TCPLabels(reporter: .source), now: start)
            cell.opened(now: start)
            let isListed = table.snapshot(now: start).contains { $0.cells.contains { $0 === cell } }
            // A thread that was suspended for longer than the lifetime proves nothing.
            if MonotonicClock.now() - start < lifetime {
                tally.rounds.add(1, ordering: .relaxed)
                if !isListed { tally.losses.add(1, ordering: .relaxed) }
            }
            cell.closed(now: start)
            while MonotonicClock.now() - start < pause {}
            _ = table.snapshot(now: MonotonicClock.now())
        }
        tally.running.subtract(1, ordering: .releasing)
    }

    @Test("Each policy and decision has a series of its own")
    func policies() {
        let table = PolicyTable()
        var cache = PolicyCache(table)
        let now = time(seconds: 0)
        cache.cell(for: PolicyLabels(namespace: "a", name: "p", decision: .deny), now: now).count(now: now)
        cache.cell(for: PolicyLabels(namespace: "a", name: "p", decision: .deny), now: now).count(now: now)
        cache.cell(for: PolicyLabels(namespace: "a", name: "p", decision: .dryRunDeny), now: now).count(now: now)
        let registry = MetricRegistry()
        registry.addSource { text, now in table.write(to: &text, now: now) }
        let text = String(decoding: registry.render(.prometheus, now: now), as: UTF8.self)
        let name = "ambit_policy_decisions_total{policy_namespace=\"a\",policy=\"p\",decision="
        #expect(text.contains("\(name)\"deny\"} 2\n") && text.contains("\(name)\"dry_run_deny\"} 1\n"))
    }
}
