// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Identity
internal import LinuxIO
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
        var routes: Routes
        var certificate: CertificateRow?
    }

    private let content: Lock<Content>
    let configuration: WaypointConfiguration
    let readiness = Readiness(pending: ["start", "certificate"])

    init(_ configuration: WaypointConfiguration, _ routes: Routes) {
        self.configuration = configuration
        content = Lock(Content(routes: routes))
    }

    var routes: Routes { content.withLock { $0.routes } }

    func update(_ routes: Routes) {
        content.withLock { $0.routes = routes }
    }

    func update(_ certificate: OwnCertificate) {
        guard let svid = certificate.svid, let identity = certificate.identity else { return }
        var row = CertificateRow()
        row.identity = identity.description
        row.kind = "Leaf"
        row.status = "Available"
        row.serialNumber = svid.leaf.serialText
        row.notBeforeUnixSeconds = svid.leaf.notBefore.seconds
        row.notAfterUnixSeconds = svid.leaf.notAfter.seconds
        if certificate.failures > 0 { row.notes = ["renewal failed \(certificate.failures) times"] }
        content.withLock { $0.certificate = row }
    }

    /// Binds the admin, metrics and readiness ports.
    func serve(_ metrics: MetricRegistry, _ levels: LogLevels, version: String) throws(WaypointError) -> AdminServer {
        var tables = AdminRoutes.Tables()
        tables.certificates = { [self] in content.withLock { $0.certificate.map { [$0] } ?? [] } }
        tables.settings = { [self] in configuration.settings }
        let routes = AdminRoutes.tunnel(
            registry: metrics, readiness: readiness, levels: levels, tables: tables, version: version,
            quit: { SignalQueue.terminateSelf() })
        let any = configuration.bindAddress
        let admin = configuration.adminPort
        do {
            return try AdminServer(
                [
                    AdminServer.Endpoint(.admin, SocketAddress(ip: .loopbackV4, port: admin)),
                    AdminServer.Endpoint(.admin, SocketAddress(ip: .loopbackV6, port: admin), isOptional: true),
                    AdminServer.Endpoint(.metrics, SocketAddress(ip: any, port: configuration.metricsPort)),
                    AdminServer.Endpoint(.readiness, SocketAddress(ip: any, port: configuration.readinessPort)),
                ], routes)
        } catch {
            throw .listen("\(error)")
        }
    }
}
