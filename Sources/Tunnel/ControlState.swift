// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Certificates
internal import Identity
internal import LinuxIO
internal import Manifest
internal import Mesh
internal import Synchronization
internal import Telemetry

/// What the control thread knows, for the admin thread to show.
///
/// ## Concurrency model
/// The control thread writes, the admin thread reads; everything that changes is guarded by one mutex, held for
/// assignments only.
final class ControlState: Sendable {
    private struct Content {
        var snapshot: MeshSnapshot
        var findings: [Finding]
        var certificates: [CertificateRow] = []
        var pending: [String: String] = [:]
    }

    private let content: Lock<Content>
    private let mailboxes: [Mailbox<WorkerMessage>]
    let configuration: TunnelConfiguration
    let readiness = Readiness(pending: ["start"])

    init(
        _ configuration: TunnelConfiguration, snapshot: MeshSnapshot, findings: [Finding],
        mailboxes: [Mailbox<WorkerMessage>]
    ) {
        self.configuration = configuration
        self.mailboxes = mailboxes
        content = Lock(Content(snapshot: snapshot, findings: findings))
    }

    var snapshot: MeshSnapshot { content.withLock { $0.snapshot } }
    var findings: [Finding] { content.withLock { $0.findings } }
    var certificates: [CertificateRow] { content.withLock { $0.certificates } }
    var pending: [String: String] { content.withLock { $0.pending } }

    func update(_ snapshot: MeshSnapshot) {
        content.withLock { $0.snapshot = snapshot }
    }

    func update(findings: [Finding]) {
        content.withLock { $0.findings = findings }
    }

    func update(certificates: [SPIFFEID: CertificateKeeper.Entry], pending: [String: String]) {
        let rows = certificates.map { identity, entry in
            var row = CertificateRow()
            row.identity = identity.description
            row.kind = "Leaf"
            row.status = entry.issued == nil ? entry.failure == nil ? "Initializing" : "Unavailable" : "Available"
            if let leaf = entry.issued?.svid.leaf {
                row.serialNumber = leaf.serialText
                row.notBeforeUnixSeconds = leaf.notBefore.seconds
                row.notAfterUnixSeconds = leaf.notAfter.seconds
                if leaf.notAfter < .now() { row.status = "Expired" }
            }
            if let failure = entry.failure { row.notes = ["failed \(entry.failures) times: \(failure)"] }
            return row
        }
        content.withLock {
            $0.certificates = rows.sorted { $0.identity < $1.identity }
            $0.pending = pending
        }
    }

    /// Binds the admin, metrics and readiness ports.
    func serve(_ metrics: MetricRegistry, _ levels: LogLevels) throws(StartError) -> AdminServer {
        let routes = AdminRoutes.tunnel(
            registry: metrics, readiness: readiness, levels: levels, tables: tables, version: TunnelVersion.text,
            quit: { SignalQueue.terminateSelf() })
        NodeMetrics.addCertificates(to: metrics) { [self] in
            certificates.map { row in
                NodeMetrics.Certificate(identity: row.identity, notAfterUnixSeconds: row.notAfterUnixSeconds)
            }
        }
        let any = configuration.bindAddress
        let admin = configuration.adminPort
        var endpoints: [AdminServer.Endpoint] = []
        if admin != 0 {
            endpoints = [
                AdminServer.Endpoint(.admin, SocketAddress(ip: .loopbackV4, port: admin)),
                AdminServer.Endpoint(.admin, SocketAddress(ip: .loopbackV6, port: admin), isOptional: true),
                AdminServer.Endpoint(.metrics, SocketAddress(ip: any, port: configuration.metricsPort)),
                AdminServer.Endpoint(.readiness, SocketAddress(ip: any, port: configuration.readinessPort)),
            ]
        }
        do {
            return try AdminServer(endpoints, routes)
        } catch {
            throw .listen("\(error)")
        }
    }

    private var tables: AdminRoutes.Tables {
        var tables = AdminRoutes.Tables()
        tables.workloads = { [self] in
            snapshot.workloadRows(node: configuration.nodeName, pending: pending)
        }
        tables.services = { [self] in snapshot.serviceRows(findings: findings) }
        tables.policies = { [self] in snapshot.policyRows(node: configuration.nodeName, findings: findings) }
        tables.certificates = { [self] in certificates }
        tables.connections = { [self] in connections() }
        tables.settings = { [self] in configuration.settings }
        return tables
    }

    /// The live connections of all workers; those of a worker that does not answer within a second are missing.
    func connections() -> [ConnectionRow] {
        let report: ConnectionReport
        do {
            report = try ConnectionReport(workers: mailboxes.count)
        } catch {
            return []
        }
        for mailbox in mailboxes { mailbox.post(.report(report)) }
        return report.wait(milliseconds: 1000)
    }
}
