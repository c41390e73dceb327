// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HBONE
internal import HTTP
internal import HTTPRouting
internal import Identity
internal import LinuxIO
internal import Mesh
internal import Telemetry

/// What a worker tells the outside: the access log and the metrics of requests.
///
/// Called once per request and event of a connection's life, never per byte. Belongs to one worker.
final class Observer {
    let log: LogLane
    private var series: HTTPCache
    private var connections: TCPCache
    private var cells: [RequestKey: HTTPSeries] = [:]
    private var sources: [String: Int] = [:]
    private var generation: UInt64 = 0

    init(log: LogLane, series: HTTPTable, connections: TCPTable) {
        self.log = log
        self.series = HTTPCache(series)
        self.connections = TCPCache(connections)
    }

    /// A connection that is passed on as it is has its endpoint.
    func opened(_ exchange: inout Exchange, now: MonotonicTime) {
        let cell = connections.cell(for: connectionLabels(exchange), now: now)
        cell.opened(now: now)
        exchange.series = cell
    }

    /// An exchange is over.
    func finished(_ exchange: borrowing Exchange, _ heads: borrowing Heads, now: MonotonicTime) {
        if exchange.flags.contains(.mirror) { return }
        if exchange.flags.contains(.tcp) { countConnection(exchange, now: now) } else { count(exchange, now: now) }
        if log.levels.isEnabled(.access, .info)
            || (exchange.status >= 500 || !exchange.outcome.isEmpty) && log.levels.isEnabled(.access, .warn)
        {
            log.request(record(exchange, heads, now: now))
        }
    }

    private func count(_ exchange: borrowing Exchange, now: MonotonicTime) {
        let epoch = exchange.frontend.epoch
        if generation != epoch.mesh.generation {
            generation = epoch.mesh.generation
            cells.removeAll(keepingCapacity: true)
            sources.removeAll(keepingCapacity: true)
        }
        let key = RequestKey(
            source: source(exchange.client, epoch), scope: exchange.frontend.scope, cluster: exchange.cluster,
            workload: exchange.endpoint?.workload, status: exchange.status, grpcStatus: exchange.grpcStatus ?? .max,
            isGRPC: exchange.flags.contains(.grpc), flags: exchange.outcome)
        let duration = now - exchange.started
        if let cell = cells[key],
            cell.record(
                duration: duration, requestBytes: exchange.requestBytes, responseBytes: exchange.responseBytes,
                now: now)
        {
            return
        }
        let cell = series.cell(for: labels(exchange, epoch), now: now)
        _ = cell.record(
            duration: duration, requestBytes: exchange.requestBytes, responseBytes: exchange.responseBytes, now: now)
        cells[key] = cell
    }

    private func countConnection(_ exchange: borrowing Exchange, now: MonotonicTime) {
        guard let cell = exchange.series else {
            var labels = connectionLabels(exchange)
            labels.requestFlags = exchange.outcome
            return connections.cell(for: labels, now: now).failed(now: now)
        }
        // Istio counts from the client's view: what it sent is received.
        cell.received(exchange.requestBytes)
        cell.sent(exchange.responseBytes)
        cell.closed(now: now)
    }

    private func connectionLabels(_ exchange: borrowing Exchange) -> TCPLabels {
        let parties = labels(exchange, exchange.frontend.epoch)
        var labels = TCPLabels(reporter: .waypoint)
        labels.source = parties.source
        labels.destination = parties.destination
        labels.destinationService = parties.destinationService
        labels.destinationServiceName = parties.destinationServiceName
        labels.destinationServiceNamespace = parties.destinationServiceNamespace
        labels.isMutualTLS = parties.isMutualTLS
        return labels
    }

    /// A number for a client's workload and identity, the same for all its connections of an epoch.
    private func source(_ client: Client, _ epoch: RouteEpoch) -> Int {
        if let known = client.sourceNumber(epoch) { return known }
        let name = "\(client.workload(epoch).map { Int($0.rawValue) } ?? -1) \(client.principal)"
        let number = sources[name] ?? sources.count
        sources[name] = number
        client.setSourceNumber(number, epoch)
        return number
    }

    private func labels(_ exchange: borrowing Exchange, _ epoch: RouteEpoch) -> HTTPLabels {
        var labels = HTTPLabels()
        if let workload = exchange.client.workload(epoch) { labels.source = PeerLabels(workload, epoch.mesh) }
        labels.source.principal = exchange.client.principal
        labels.isMutualTLS = exchange.client.identity != nil
        if let endpoint = exchange.endpoint {
            labels.destination = PeerLabels(endpoint.workload, epoch.mesh)
            if endpoint.tunnelProtocol == .hbone {
                labels.destination.principal = epoch.mesh.identity(of: endpoint.workload)?.description ?? ""
            }
        }
        if let scope = exchange.frontend.scope {
            let service = epoch.mesh[
                exchange.cluster.map { epoch.routes.table[$0].service } ?? epoch.routes.table.service(of: scope)]
            labels.destinationService = epoch.mesh[service.hostname]
            labels.destinationServiceName = epoch.mesh[service.name]
            labels.destinationServiceNamespace = epoch.mesh[service.namespace]
        }
        labels.requestProtocol = exchange.flags.contains(.grpc) ? .grpc : .http
        labels.responseCode = exchange.status
        labels.grpcStatus = exchange.grpcStatus
        labels.flags = exchange.outcome
        return labels
    }

    private func record(_ exchange: borrowing Exchange, _ heads: borrowing Heads, now: MonotonicTime) -> RequestRecord {
        var record = RequestRecord()
        let table = exchange.frontend.epoch.routes
        record.startTime = WallClock.now() - (now - exchange.started).count
        record.method = String(decoding: heads.request.methodName)
        record.path = String(decoding: heads.request.target)
        if !exchange.flags.contains(.tcp) {
            record.protocolName = exchange.flags.contains(.isHTTP2) ? "HTTP/2" : "HTTP/1.1"
            record.details = "\(exchange.details)"
        }
        record.responseCode = exchange.status
        if !exchange.outcome.isEmpty { record.responseFlags = exchange.outcome.label }
        record.bytesReceived = exchange.requestBytes
        record.bytesSent = exchange.responseBytes
        record.duration = now - exchange.started
        if exchange.firstByte.nanoseconds > 0, exchange.upstreamStarted.nanoseconds > 0 {
            record.upstreamTime = exchange.firstByte - exchange.upstreamStarted
        }
        record.forwardedFor = String(decoding: heads.request.fields.value(of: "x-forwarded-for"))
        record.userAgent = String(decoding: heads.request.fields.value(of: "user-agent"))
        record.requestID = String(decoding: heads.request.fields.value(of: "x-request-id"))
        record.authority = String(decoding: heads.request.authority)
        record.upstreamHost = exchange.endpoint?.address.description ?? ""
        if let cluster = exchange.cluster { record.upstreamCluster = table.table.name(of: cluster) }
        record.downstreamLocal = exchange.frontend.address.description
        record.downstreamRemote = exchange.client.address.description
        if let rule = exchange.decision?.rule {
            let origin = table.table.origin(of: rule)
            record.routeName = origin.name.isEmpty ? origin.object : origin.name
        }
        if record.routeName.isEmpty { record.routeName = "default" }
        record.sourcePrincipal = exchange.client.principal
        return record
    }

    /// Connections could not be accepted.
    func acceptFailed(_ error: SystemError) {
        log.log(.error, .main, "connections cannot be accepted") { $0.field("error", error.description) }
    }

    /// A connection or CONNECT was not taken.
    func refused(_ reason: String, _ peer: SocketAddress) {
        log.log(.warn, .access, "connection refused") {
            $0.field("src.addr", peer)
            $0.field("error", reason)
        }
    }

    /// A handshake did not come to its end.
    func handshakeFailed(_ peer: SocketAddress, _ error: HBONEError, isServer: Bool) {
        log.log(.warn, .access, isServer ? "handshake of a client failed" : "connection to an endpoint failed") {
            $0.field("peer", peer)
            $0.field("error", error.description)
        }
    }

    /// A client broke the protocol.
    func badRequest(_ client: Client, _ error: String) {
        log.log(.debug, .access, "bad request") {
            $0.field("src.addr", client.address)
            $0.field("error", error)
        }
    }

    /// An endpoint broke the protocol.
    func badResponse(_ error: String) {
        log.log(.warn, .access, "bad response") { $0.field("error", error) }
    }
}
