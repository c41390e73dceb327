// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import CertificateService
internal import Console
internal import Identity
internal import Kubernetes
internal import LinuxIO
internal import Telemetry

/// `ambit-tunnel identity serve`.
enum IdentityServeCommand {
    struct Settings {
        var service = CertificateServiceConfiguration(caDirectory: "/var/lib/ambit/ca")
        var tokens = ""
        var asksCluster = false
        var kubeconfig = ""
        var roots: RootsPublisher.Configuration?
        var trustBundle: TrustBundleName?
        var rotation: SecretRotation?
        var schedule = RotationSchedule()
        var rootValidity = CertificateAuthority.rootValidity
        var metricsPort: UInt16 = 15014
        var logFormat = LogFormat.text
        var logLevels = "info"
    }

    static var command: Command<Settings> {
        Command(
            "ambit-tunnel identity serve", summary: "Serve certificates to tunnels and others with tokens.",
            required: "--tokens FILE | --kubernetes",
            details: """
                Speaks istio.v1.auth.IstioCertificateService over gRPC on TLS. Its own certificate comes from the same CA.
                FILE names tokens and pods (docs/identity.md has the format); it is followed, and so is the CA folder.
                In a cluster the API server reviews tokens (TokenReview) and tells which pods run where.
                """,
            options: options,
            examples: [
                ("ambit-tunnel identity serve --ca-dir ca --tokens tokens.yaml", "Serve on port 15012"),
                ("ambit-tunnel identity serve --ca-dir ca --kubernetes", "The same for the pods of a cluster"),
                (
                    "ambit-tunnel identity serve --ca-dir ca --tokens tokens.yaml --dns-name ca.example.com",
                    "Serve under a name of your own"
                ),
            ])
    }

    private static var options: [Option<Settings>] {
        [
            IdentityCommand.directoryOption(\.service.caDirectory),
            IdentityCommand.trustDomainOption(\.service.trustDomain),
            .text("tokens", "FILE", \.tokens, "File of tokens and pods, mode 0600."),
            Option(flag: "kubernetes", \.asksCluster, "Ask a cluster's API server instead; the default in a pod."),
            .text("kubeconfig", "FILE", \.kubeconfig, "How to reach it; not given, as pods or kubectl do."),
            Option(
                "publish-roots", "NAMESPACE/NAME", \.roots,
                "ConfigMap to keep in step with the CA's roots, in a cluster.",
                expected: "a namespace and a name; write for example ambit-system/ambit-ca-root",
                show: { $0?.text ?? "" }, read: { RootsPublisher.Configuration($0) }),
            Option(
                "publish-trust-bundle", "DOMAIN:PATH:NAME", \.trustBundle,
                "ClusterTrustBundle to keep in step likewise, where the cluster has the kind.",
                expected: "a signer and a name with colons; write for example ambit.dev:identity:roots",
                show: { $0?.text ?? "" }, read: { TrustBundleName($0) }),
            Option(
                "ca-secret", "NAME", \.rotation,
                "Secret beside that ConfigMap which --ca-dir is mounted from; its root is rotated.",
                expected: "the name of a Secret", show: { $0?.name ?? "" }, read: { SecretRotation(secret: $0) }),
            .count(
                "rotate-at", \.schedule.percentOfLife, in: 1...100,
                "Percent of a root's life after which it is rotated; 100 for only when asked."),
            IdentityCommand.secondsOption(
                "rotation-margin", \.schedule.margin, atLeast: 1,
                "How long a change of the Secret may take to reach all nodes."),
            IdentityCommand.secondsOption(
                "root-ttl", \.rootValidity, atLeast: 3_600, "How long a root is valid that a rotation makes."),
            Option(
                "address", "IP:PORT", \.service.address, "Where to listen.",
                expected: "an address and port; write for example [::]:15012", show: { $0.description },
                read: { SocketAddress($0.hasPrefix(":") ? "[::]\($0)" : $0) }),
            Option("dns-name", "NAME", list: \.service.names, "Name in the service's certificate; may be repeated."),
            Option("audience", "NAME", list: \.service.audiences, "Audience that tokens must have; may be repeated."),
            Option(
                "node-account", "NS/SA", list: \.service.nodeAccounts,
                "Account that may ask in the name of pods on its node; may be repeated."),
            IdentityCommand.validityOption(\.service.longestValidity, "How long certificates are valid at most."),
            .count("max-connections", \.service.maximumConnections, in: 1...1 << 20, "Connections at once."),
            .count("max-rate", \.service.certificatesPerSecond, in: 1...1 << 20, "Certificates per second and caller."),
            .port("metrics-port", \.metricsPort, "Port of /metrics and /healthz/ready."),
            .choice("log-format", \.logFormat, "How log lines look.").from("LOG_FORMAT"),
            .text("log-level", "LEVELS", \.logLevels, "Level of all scopes, and of single ones: info,tls:debug.")
                .from("AMBIT_LOG"),
        ]
    }

    /// Metrics and readiness on one port, which on a busy machine may be missing.
    private static func makeAdmin(_ settings: Settings, _ registry: MetricRegistry) throws -> AdminServer {
        var routes = AdminRoutes()
        routes.addMetrics(registry, on: .metrics)
        routes.get(.metrics, "/healthz/ready", help: "200 when ready") { _ in .text("ready\n") }
        let any = IPAddress(high: 0, low: 0)
        return try AdminServer(
            [AdminServer.Endpoint(.metrics, SocketAddress(ip: any, port: settings.metricsPort), isOptional: true)],
            routes)
    }

    static func main(_ words: [String]) throws -> ExitCode {
        var settings = Settings()
        guard try command.read(words, into: &settings, environment: ProcessEnvironment.value) else {
            Terminal.print(command.help(defaults: Settings()))
            return .success
        }
        if settings.tokens.isEmpty, ProcessEnvironment.value("KUBERNETES_SERVICE_HOST") != nil {
            settings.asksCluster = true
        }
        guard settings.tokens.isEmpty == settings.asksCluster else {
            throw UsageError(
                settings.asksCluster
                    ? "--tokens and --kubernetes exclude each other"
                    : "--tokens FILE or --kubernetes is needed; try ambit-tunnel identity serve --help")
        }
        let levels: LogLevels
        do { levels = try LogLevels(parsing: settings.logLevels) } catch { throw UsageError("--log-level: \(error)") }
        let signals = try SignalQueue()
        DescriptorLimit.raise()
        let registry = MetricRegistry()
        var output = LogWriter.Configuration()
        output.format = settings.logFormat
        let log = try LogWriter(output, levels: levels, registry: registry)
        let lane = log.makeLane()
        if settings.roots != nil, !settings.asksCluster {
            throw UsageError("--publish-roots needs --kubernetes: a ConfigMap is an object of a cluster")
        }
        if settings.trustBundle != nil, settings.roots == nil {
            throw UsageError("--publish-trust-bundle needs --publish-roots, whose Lease says who writes")
        }
        if settings.rotation != nil, settings.roots == nil {
            throw UsageError("--ca-secret needs --publish-roots: a new root must be published before it signs")
        }
        settings.schedule.longestValidity = settings.service.longestValidity
        guard settings.rootValidity >= 8 * settings.schedule.pause else {
            throw UsageError("--root-ttl must be eight times --svid-ttl and --rotation-margin together, or more")
        }
        settings.service.makesAuthority = settings.rotation == nil
        guard let reviewer = openReviewer(settings, lane) else { return .failure }
        let service = try CertificateService(
            settings.service, reviewer: reviewer, placement: reviewer,
            observer: CertificateServiceObserver(log: lane, registry: registry), signals: signals)
        let publisher = try openPublisher(settings, log.makeLane(), registry)
        if let publisher { service.onRoots = { publisher.publish($0) } }
        let admin = try makeAdmin(settings, registry)
        service.run()
        publisher?.stop()
        admin.stop()
        log.stop(milliseconds: 1_000)
        return .success
    }

    /// Who tells whose a token is, and where pods run; nil when it cannot be had, which has been said.
    private static func openReviewer(_ settings: Settings, _ lane: LogLane) -> (any TokenReviewer & PodPlacement)? {
        do {
            return settings.asksCluster ? try openCluster(settings, lane) : try openTokens(settings, lane)
        } catch {
            let option = settings.asksCluster ? "--kubernetes" : "--tokens \(settings.tokens)"
            Terminal.complain("ambit-tunnel identity serve", "\(option): \(error)")
            return nil
        }
    }

    private static func openPublisher(
        _ settings: Settings, _ lane: LogLane, _ registry: MetricRegistry
    ) throws -> RootsPublisher? {
        guard var roots = settings.roots else { return nil }
        roots.trustBundle = settings.trustBundle
        roots.rotation = settings.rotation
        roots.rotation?.schedule = settings.schedule
        roots.rotation?.trustDomain = settings.service.trustDomain
        roots.rotation?.rootValidity = settings.rootValidity
        // A container that starts again under the pod's name is another one.
        let start = UInt64(truncatingIfNeeded: WallClock.now())
        roots.identity = "\(ProcessEnvironment.hostName)_\(String(start, radix: 16))"
        let credentials = try ClusterCredentials.find(
            kubeconfig: settings.kubeconfig, environment: ProcessEnvironment.value)
        return try RootsPublisher(
            roots, credentials: credentials, log: lane, metrics: RotationMetrics(registry))
    }

    private static func openTokens(_ settings: Settings, _ lane: LogLane) throws(StaticTokensError) -> StaticTokens {
        try StaticTokens(
            path: settings.tokens,
            report: { error in
                guard let error else { return lane.log(.info, .config, "token file read") }
                lane.log(.error, .config, "token file cannot be read; the last good one serves") {
                    $0.field("error", error.description)
                }
            })
    }

    private static func openCluster(_ settings: Settings, _ lane: LogLane) throws -> ClusterReviewer {
        let credentials = try ClusterCredentials.find(
            kubeconfig: settings.kubeconfig, environment: ProcessEnvironment.value)
        return try ClusterReviewer(
            credentials, seed: UInt64(truncatingIfNeeded: WallClock.now()),
            report: { trouble in
                guard let trouble else { return lane.log(.info, .config, "API server answers again") }
                lane.log(.error, .config, "API server cannot be asked; certificates are refused meanwhile") {
                    $0.field("error", trouble)
                }
            })
    }
}
