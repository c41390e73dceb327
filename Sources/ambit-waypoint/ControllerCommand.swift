// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Console
internal import Kubernetes
internal import LinuxIO
internal import Operator
internal import Telemetry

/// `ambit-waypoint controller`.
enum ControllerCommand {
    struct Settings {
        var controller = ControllerConfiguration()
        var kubeconfig = ""
        var metricsPort: UInt16 = 15_014
        var logFormat = LogFormat.text
        var logLevels = "info"
    }

    static var command: Command<Settings> {
        Command(
            "ambit-waypoint controller", summary: "Run proxies for the waypoints of a cluster, and write their status.",
            required: "[--kubernetes]",
            details: """
                Makes ServiceAccount, Deployment, Service and PodDisruptionBudget for each Gateway of the class ambit-waypoint,
                and says in the status of Gateways, routes, services and policies what came of them. Of several replicas
                the one that holds the Lease writes. What others own is left alone. SIGTERM gives the Lease up.
                """,
            options: options,
            examples: [
                ("ambit-waypoint controller", "In a pod, as deploy/waypoints does"),
                (
                    "ambit-waypoint controller --kubeconfig admin.conf --image registry.example/ambit-waypoint:1",
                    "Elsewhere; waypoints run the image that is named"
                ),
                ("ambit-waypoint controller --istio-class", "Gateways of the class istio-waypoint too"),
            ])
    }

    private static var options: [Option<Settings>] {
        [
            .text("kubeconfig", "FILE", \.kubeconfig, "How to reach the API server; not given, as pods or kubectl do."),
            .text("image", "IMAGE", \.controller.image, "Image that waypoints run; not given, that of the own pod.")
                .from("AMBIT_WAYPOINT_IMAGE"),
            Option(
                flag: "istio-class", \.controller.takesIstioClass,
                "Take Gateways of the class istio-waypoint too, unless the class names another controller."),
            .count("replicas", \.controller.replicas, in: 1...100, "Pods of a waypoint that does not say how many."),
            .text(
                "ca-address", "HOST:PORT", \.controller.caAddress, "CA service that waypoints take certificates from."
            ).from("CA_ADDRESS"),
            .text("ca-root-cert", "FILE", \.controller.caRootsFile, "Roots of the CA service, given to waypoints."),
            .text("trust-domain", "DOMAIN", \.controller.trustDomain, "Trust domain of all identities.")
                .from("TRUST_DOMAIN"),
            .text("cluster-domain", "DOMAIN", \.controller.clusterDomain, "DNS suffix of service host names.")
                .from("CLUSTER_DOMAIN"),
            .text(
                "role-binding", "NAME", \.controller.roleBinding,
                "ClusterRoleBinding whose subjects are the waypoints' accounts, to the ClusterRole of the same name."),
            .text("namespace", "NAME", \.controller.namespace, "Namespace of the Lease and of the own pod.")
                .orLetter("n").from("POD_NAMESPACE"),
            .text("pod", "NAME", \.controller.podName, "Name of the own pod.").from("POD_NAME"),
            .text("lease", "NAME", \.controller.leaseName, "The Lease that says which replica writes."),
            .duration("lease-duration", \.controller.leaseDuration, "After what time another replica takes over."),
            .duration("resync", \.controller.resyncPeriod, "How often what was made is compared with what there is."),
            .port("metrics-port", \.metricsPort, "Port of /metrics and /healthz/ready."),
            .choice("log-format", \.logFormat, "How log lines look.").from("LOG_FORMAT"),
            .text("log-level", "LEVELS", \.logLevels, "Level of all scopes, and of single ones: info,config:debug.")
                .from("AMBIT_LOG"),
        ]
    }

    static func main(_ words: [String]) throws -> ExitCode {
        var settings = Settings()
        // There is no other source; who writes the option all the same means the same.
        let words = words.filter { $0 != "--kubernetes" }
        guard try command.read(words, into: &settings, environment: ProcessEnvironment.value) else {
            Terminal.print(command.help(defaults: Settings()))
            return .success
        }
        guard settings.controller.leaseDuration >= .seconds(1) else {
            throw UsageError("--lease-duration must be 1s or more")
        }
        let levels: LogLevels
        do { levels = try LogLevels(parsing: settings.logLevels) } catch { throw UsageError("--log-level: \(error)") }
        let signals = try SignalQueue()
        DescriptorLimit.raise()
        let registry = MetricRegistry()
        var output = LogWriter.Configuration()
        output.format = settings.logFormat
        let log = try LogWriter(output, levels: levels, registry: registry)
        let seed = UInt64(truncatingIfNeeded: WallClock.now())
        // A container that starts again under the pod's name is another one.
        let host = settings.controller.podName.isEmpty ? ProcessEnvironment.hostName : settings.controller.podName
        settings.controller.identity = "\(host)_\(String(seed, radix: 16))"
        let readiness = Readiness(pending: ["objects"])
        let credentials = try ClusterCredentials.find(
            kubeconfig: settings.kubeconfig, environment: ProcessEnvironment.value)
        let controller = try WaypointController(
            settings.controller, credentials: credentials, signals: signals, log: log.makeLane(), registry: registry,
            readiness: readiness, seed: seed)
        let admin = try makeAdmin(settings, registry, readiness)
        controller.run()
        admin.stop()
        log.stop(milliseconds: 1_000)
        return .success
    }

    private static func makeAdmin(
        _ settings: Settings, _ registry: MetricRegistry, _ readiness: Telemetry.Readiness
    ) throws -> AdminServer {
        var routes = AdminRoutes()
        routes.addMetrics(registry, on: .metrics)
        routes.get(.metrics, "/healthz/ready", help: "200 when all objects are known") { _ in
            readiness.isReady ? .text("ready\n") : .text("waiting for the API server\n", status: 503)
        }
        let any = IPAddress(high: 0, low: 0)
        return try AdminServer(
            [AdminServer.Endpoint(.metrics, SocketAddress(ip: any, port: settings.metricsPort), isOptional: true)],
            routes)
    }
}
