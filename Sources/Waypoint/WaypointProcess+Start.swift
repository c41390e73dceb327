// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Certificates
internal import HTTPRouting
internal import Identity
internal import Kubernetes
internal import LinuxIO
internal import Manifest
internal import Mesh
internal import Telemetry

// The parts of a waypoint, made one after the other; the first that fails says why, and nothing has been served yet.
extension WaypointProcess {
    static func makeLog(
        _ configuration: WaypointConfiguration, _ metrics: MetricRegistry
    ) throws(WaypointError) -> LogWriter {
        do {
            var settings = LogWriter.Configuration()
            settings.format = configuration.logFormat
            if !configuration.logFile.isEmpty { settings.output = .file(configuration.logFile) }
            return try LogWriter(settings, levels: LogLevels(parsing: configuration.logLevels), registry: metrics)
        } catch {
            throw .configuration("log: \(error)")
        }
    }

    static func openSource(_ configuration: WaypointConfiguration) throws(WaypointError) -> ConfigurationSource {
        // Ahead of the tunnels, which wait for 100 ms: who sends traffic here should not know of a binding before we do.
        let debouncer = ChangeDebouncer(quietTime: .milliseconds(20), longestDelay: .milliseconds(100))
        if configuration.followsCluster { return try openCluster(configuration, debouncer) }
        do throws(ManifestError) {
            var options = FolderSource.Options()
            options.translation = configuration.translation
            options.debouncer = debouncer
            options.reader.readsRoutes = true
            return ConfigurationSource(try FolderSource(directory: configuration.configDirectory, options: options))
        } catch {
            throw .configuration("--config \(configuration.configDirectory): \(error)")
        }
    }

    private static func openCluster(
        _ configuration: WaypointConfiguration, _ debouncer: ChangeDebouncer
    ) throws(WaypointError) -> ConfigurationSource {
        var options = ClusterSource.Options(forWaypoint: true)
        options.translation = configuration.translation
        options.reader.readsRoutes = true
        options.debouncer = debouncer
        options.stateDirectory = configuration.stateDirectory
        do {
            return try ConfigurationSource.cluster(kubeconfig: configuration.kubeconfig, options: options)
        } catch {
            throw .configuration("--kubernetes: \(error)")
        }
    }

    static func openCertificate(
        _ configuration: WaypointConfiguration, seed: UInt64
    ) throws(WaypointError) -> OwnCertificate {
        do throws(CertificateError) {
            return try OwnCertificate(configuration.certificates, seed: seed)
        } catch {
            if configuration.caAddress != nil { throw .configuration("--ca-address: \(error)") }
            throw .authority(directory: configuration.caDirectory, "\(error)")
        }
    }

    /// Makes the routes of a state of the mesh.
    static func compile(
        _ configuration: WaypointConfiguration, _ index: MeshIndex, generation: UInt64,
        _ directory: inout EndpointDirectory
    ) -> Routes {
        let mesh = index.snapshot(generation: generation)
        let own = OwnPlace(configuration, mesh)
        var options = RouteTable.Options()
        options.origin = own.workload
        // A plain text listener may stand for a service that is bound to nobody.
        options.waypoint = configuration.plaintext.isEmpty ? own.waypoint : nil
        return Routes(
            RouteTable(
                index, mesh: mesh, options: options, directory: &directory, now: MonotonicClock.now()), own)
    }

    /// Opens the listeners of all workers: each has its own on every port.
    static func bind(
        _ configuration: WaypointConfiguration
    ) throws(WaypointError) -> [[(purpose: Listener.Purpose, descriptor: CInt)]] {
        var wanted: [(Listener.Purpose, SocketAddress)] = [
            (.hbone, SocketAddress(ip: configuration.bindAddress, port: configuration.hbonePort))
        ]
        for (position, listener) in configuration.plaintext.enumerated() {
            wanted.append((.plaintext(position), listener.address))
        }
        var result: [[(purpose: Listener.Purpose, descriptor: CInt)]] = []
        for _ in 0..<configuration.workers {
            var own: [(purpose: Listener.Purpose, descriptor: CInt)] = []
            for (purpose, address) in wanted {
                do throws(SystemError) {
                    own.append((purpose, try Socket.listen(Socket.ListenOptions(address: address)).relinquish()))
                } catch {
                    throw .listen("\(address): \(error)")
                }
            }
            result.append(own)
        }
        return result
    }
}
