// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Certificates
internal import Identity
internal import Kubernetes
internal import LinuxIO
internal import Manifest
internal import Mesh
internal import Redirection
internal import Synchronization
internal import Telemetry

/// The parts of a tunnel, started one after the other; the first that fails says why, and nothing has been served yet.
struct StartedParts {
    let signals: SignalQueue
    let log: LogWriter
    let observer: ControlObserver
    let source: ConfigurationSource
    let certificates: CertificateKeeper
    let mailboxes: [Mailbox<WorkerMessage>]
    let state: ControlState
    let running: RunningWorkers
    let admin: AdminServer
    let registry: PodRegistry
    private(set) var mesh: MeshIndex
    /// Exempts the kubelet's probes; nil where they are not to be.
    let probes: KubeletProbes?
    /// Where the CNI plugin asks; nil when it does not.
    let plugin: CNIServer?

    init(_ configuration: TunnelConfiguration) throws(StartError) {
        do throws(SystemError) { signals = try SignalQueue() } catch { throw .system(error, "signals") }
        DescriptorLimit.raise()
        if !configuration.isForwarding { try Self.checkPrivileges() }
        let metrics = MetricRegistry()
        (log, observer) = try Self.makeLog(configuration, metrics)
        source = try Self.openSource(configuration)
        let lane = observer.log
        let first = source.firstChange(signals) { trouble in
            lane.log(.warn, .config, "waiting for the API server") { $0.field("error", trouble) }
        }
        guard let loaded = first else {
            throw .configuration("no configuration: \(source.waitingFor)")
        }
        if let first = loaded.lost.first {
            throw .policiesUnknown(source: configuration.sourceName, first, others: loaded.lost.count - 1)
        }
        let seed = UInt64(truncatingIfNeeded: WallClock.now())
        certificates = try Self.openCertificates(configuration, seed: seed)
        let own = try Self.openNetwork()
        mesh = MeshIndex(MeshModel())
        if let update = loaded.update { _ = mesh.apply(configuration.completing(update)) }
        let snapshot = mesh.snapshot(generation: 1)
        do throws(SystemError) {
            var boxes: [Mailbox<WorkerMessage>] = []
            for _ in 0..<configuration.workers { boxes.append(try Mailbox<WorkerMessage>()) }
            mailboxes = boxes
            running = try RunningWorkers(configuration.workers)
        } catch {
            throw .system(error, "workers")
        }
        state = ControlState(configuration, snapshot: snapshot, findings: loaded.findings, mailboxes: mailboxes)
        admin = try state.serve(metrics, log.levels)
        probes = try KubeletProbes(configuration, observer)
        registry = PodRegistry(
            configuration: configuration, own: own, redirection: try Self.openRedirection(), certificates: certificates,
            workers: mailboxes, probes: probes, observer: observer, reports: PodReports(configuration, source))
        plugin = try Self.openPlugin(configuration)
        do throws(JoinError) { try registry.startForwards() } catch { throw .forward("\(error)") }
        observer.configurationChanged(loaded.findings, new: loaded.newFindings, snapshotTime: source.snapshotTime)
        try startWorkers(configuration, own, snapshot, metrics, seed: seed)
    }

    /// Entering pods and marking packets need capabilities; better to say so now than at the first pod.
    private static func checkPrivileges() throws(StartError) {
        var missing: [String] = []
        let privileges = Privileges()
        if !privileges.canEnterNamespaces { missing.append("CAP_SYS_ADMIN (to enter the pods' network namespaces)") }
        if !privileges.canChangeNetwork { missing.append("CAP_NET_ADMIN (to mark packets and to redirect)") }
        guard missing.isEmpty else { throw .privilege(missing) }
    }

    private static func makeLog(
        _ configuration: TunnelConfiguration, _ metrics: MetricRegistry
    ) throws(StartError) -> (LogWriter, ControlObserver) {
        do {
            var settings = LogWriter.Configuration()
            settings.format = configuration.logFormat
            if !configuration.logFile.isEmpty { settings.output = .file(configuration.logFile) }
            let writer = try LogWriter(settings, levels: LogLevels(parsing: configuration.logLevels), registry: metrics)
            return (
                writer,
                ControlObserver(log: writer.makeLane(), metrics: NodeMetrics(metrics, version: TunnelVersion.text))
            )
        } catch {
            throw .configuration("log: \(error)")
        }
    }

    private static func openSource(_ configuration: TunnelConfiguration) throws(StartError) -> ConfigurationSource {
        if configuration.followsCluster { return try openCluster(configuration) }
        do throws(ManifestError) {
            var options = FolderSource.Options()
            options.translation = configuration.translation
            return ConfigurationSource(try FolderSource(directory: configuration.configDirectory, options: options))
        } catch {
            throw .configuration("--config \(configuration.configDirectory): \(error)")
        }
    }

    private static func openCluster(_ configuration: TunnelConfiguration) throws(StartError) -> ConfigurationSource {
        var options = ClusterSource.Options(forWaypoint: false)
        options.translation = configuration.translation
        options.stateDirectory = configuration.stateDirectory
        options.reportingNode = configuration.nodeName
        do {
            return try ConfigurationSource.cluster(kubeconfig: configuration.kubeconfig, options: options)
        } catch {
            throw .configuration("--kubernetes: \(error)")
        }
    }

    private static func openCertificates(
        _ configuration: TunnelConfiguration, seed: UInt64
    ) throws(StartError) -> CertificateKeeper {
        do throws(CertificateError) {
            return try CertificateKeeper(configuration.certificates, seed: seed, now: .now())
        } catch .identity(let error) {
            throw .authority(directory: configuration.caDirectory, error)
        } catch {
            throw .configuration("certificates: \(error)")
        }
    }

    private static func openNetwork() throws(StartError) -> OwnNetwork {
        do throws(NetworkNamespaceError) {
            return try OwnNetwork()
        } catch {
            throw .configuration("own network namespace: \(error)")
        }
    }

    private static func openPlugin(_ configuration: TunnelConfiguration) throws(StartError) -> CNIServer? {
        guard !configuration.cniSocket.isEmpty else { return nil }
        do throws(SystemError) {
            return try CNIServer(path: configuration.cniSocket)
        } catch {
            throw .listen("--cni-socket \(configuration.cniSocket): \(error)")
        }
    }

    private static func openRedirection() throws(StartError) -> PodRedirection {
        do throws(RedirectionError) {
            return try PodRedirection()
        } catch {
            throw .configuration("redirection: \(error)")
        }
    }

    private func startWorkers(
        _ configuration: TunnelConfiguration, _ own: OwnNetwork, _ snapshot: MeshSnapshot, _ metrics: MetricRegistry,
        seed: UInt64
    ) throws(StartError) {
        let connections = SeriesTable<TCPLabels, TCPSeries>(lifetime: configuration.metricLifetime)
        let policies = SeriesTable<PolicyLabels, PolicySeries>(lifetime: configuration.metricLifetime)
        metrics.addSource { connections.write(to: &$0, now: $1) }
        metrics.addSource { policies.write(to: &$0, now: $1) }
        for index in mailboxes.indices {
            let mailboxes = mailboxes
            let lane = log.makeLane()
            let workerMetrics = WorkerMetrics(metrics)
            let running = running
            do throws(SystemError) {
                let thread = try WorkerThread(name: "ambit-worker-\(index)") {
                    defer { running.end() }
                    let observer = Observer(log: lane, metrics: workerMetrics, series: connections, policies: policies)
                    do throws(SystemError) {
                        let worker = try Worker(
                            index: index, configuration: configuration, own: own, mailboxes: mailboxes,
                            observer: observer,
                            snapshot: snapshot, seed: seed &+ UInt64(index))
                        worker.run()
                    } catch {
                        lane.log(.error, .main, "worker cannot start: \(error)")
                    }
                }
                thread.detach()
            } catch {
                throw .system(error, "workers")
            }
        }
    }
}
