// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Certificates
internal import Console
internal import Identity
internal import Telemetry
internal import Waypoint

extension RunCommand {
    /// Every option of `run`; docs/operations.md explains them at length.
    static var options: [Option<WaypointConfiguration>] { place + ports + times + limits + logging }

    private static var place: [Option<WaypointConfiguration>] {
        [
            .text("config", "DIR", \.configDirectory, "Folder of Kubernetes manifests to read and follow.")
                .from("AMBIT_CONFIG"),
            Option(
                flag: "kubernetes", \.followsCluster,
                "Follow a cluster's API server instead; the default in a pod."),
            .text("kubeconfig", "FILE", \.kubeconfig, "How to reach it; not given, as pods or kubectl do."),
            .text(
                "state-dir", "DIR", \.stateDirectory,
                "Folder for what a cluster's API server said last, for a start while it is away."
            ).from("AMBIT_STATE_DIR"),
            .text("name", "NAME", \.name, "Name of the Gateway that this is.").from("GATEWAY_NAME"),
            .text("namespace", "NAME", \.namespace, "Namespace of the Gateway.").orLetter("n").from("POD_NAMESPACE"),
            .text(
                "service-account", "NAME", \.serviceAccount,
                "Service account whose identity is used; not given, that of the Gateway's pod, else the Gateway's name."
            ).from("SERVICE_ACCOUNT"),
            .text("pod", "NAME", \.podName, "Name of the pod it runs in.").from("POD_NAME"),
            .text("ca-dir", "DIR", \.caDirectory, "Folder of the embedded CA, made at the first start.")
                .from("AMBIT_CA_DIR"),
            Option(
                "ca-address", "HOST:PORT", \.caAddress, "CA service to take certificates from, instead of --ca-dir.",
                expected: "a host and port; write for example istiod.istio-system.svc:15012",
                show: { $0?.description ?? "" }, read: { CertificateAuthorityAddress($0) }
            ).from("CA_ADDRESS"),
            .text("ca-root-cert", "FILE", \.caRootsFile, "Authorities of the CA service's own certificate, PEM.")
                .from("CA_ROOT_CERT"),
            .text("ca-token", "FILE", \.caTokenFile, "Token for the CA service; read again for every certificate.")
                .from("AMBIT_CA_TOKEN"),
            Option(
                "trust-domain", "DOMAIN", \.trustDomain, "Trust domain of all identities.",
                expected: "a trust domain (lower-case letters, digits, dots, dashes, underscores)",
                show: { $0.name }, read: readTrustDomain
            ).from("TRUST_DOMAIN"),
            .text("cluster-id", "NAME", \.clusterID, "Name of this cluster in logs and metrics.")
                .from("CLUSTER_ID", "ISTIO_META_CLUSTER_ID"),
            .text("cluster-domain", "DOMAIN", \.clusterDomain, "DNS suffix of service host names.")
                .from("CLUSTER_DOMAIN"),
            .text("network", "NAME", \.network, "Network that the waypoint is in, in a mesh of several.")
                .from("NETWORK"),
            Option(
                "root-namespace", "NAME", list: \.rootNamespaceList,
                "Namespace whose policies hold for the whole mesh; may be repeated."),
        ]
    }

    private static var ports: [Option<WaypointConfiguration>] {
        [
            Option(
                "plaintext", "ADDRESS:PORT=SERVICE.NAMESPACE:PORT", list: \.plaintextList,
                "Plain listener in front of a service's port; may be repeated."),
            .choice("client-headers", \.clientHeaders, "How applications are told who the client is."),
            .port("hbone-port", \.hbonePort, "Port for HBONE."),
            .port("peer-hbone-port", \.peerHBONEPort, "Port at which endpoints take HBONE."),
            .port("admin-port", \.adminPort, "Admin port, on loopback only."),
            .port("metrics-port", \.metricsPort, "Port of the metrics for Prometheus."),
            .port("readiness-port", \.readinessPort, "Port of /healthz/ready."),
            Option(
                "bind", "IP", \.bindAddress, "Address of HBONE, metrics and readiness; :: takes IPv4 too.",
                expected: "an IP address", show: { $0.description }, read: { IPAddress($0) }),
        ]
    }

    private static var times: [Option<WaypointConfiguration>] {
        [
            .duration("connect-timeout", \.connectTimeout, "How long connecting to an endpoint may take."),
            .duration("handshake-timeout", \.handshakeTimeout, "How long a TLS handshake may take."),
            .duration(
                "detection-timeout", \.detectionTimeout,
                "How long the first octets may stay away until a port of unknown protocol is TCP."),
            .duration("header-timeout", \.headerTimeout, "How long the head of a request may take."),
            .duration("idle-timeout", \.idleTimeout, "How long a client's connection may be without a request."),
            .duration("pool-idle-timeout", \.poolIdleTimeout, "How long connections to endpoints are kept unused."),
            .duration("close-timeout", \.closeTimeout, "How long a closing connection waits for the client's end."),
            .duration("drain-delay", \.drainDelay, "How long after SIGTERM it is not ready and goes on as before."),
            .duration("drain-timeout", \.drainTimeout, "How long requests may go on after that."),
            .duration("svid-ttl", \.svidValidity, "How long a certificate is valid.").from("SECRET_TTL"),
        ]
    }

    private static var limits: [Option<WaypointConfiguration>] {
        [
            .count("workers", \.workers, in: 1...256, "Threads that carry traffic.").from("AMBIT_WORKERS"),
            .count("spread", \.spread, in: 2...1 << 20, "Streams of tunnels a worker takes more than the next one."),
            .count("connect-attempts", \.connectAttempts, in: 1...4, "Endpoints tried when connecting fails."),
            .count("max-requests", \.maxExchanges, in: 1...1 << 20, "Requests under way at one time, per worker."),
            .count("max-connections", \.maxConnections, in: 1...1 << 20, "Clients' connections, per worker."),
            .bytes("memory-ceiling", \.memoryCeilingBytes, "Bytes that may wait for slow sockets."),
        ]
    }

    private static var logging: [Option<WaypointConfiguration>] {
        [
            .choice("log-format", \.logFormat, "How log lines look.").from("LOG_FORMAT"),
            Option(
                "log-level", "LEVELS", \.logLevels,
                "Level of all scopes (error, warn, info, debug, trace, off), and of single ones: info,access:debug.",
                expected: "a list of log levels; write for example info,access:debug", show: { $0 }, read: readLevels
            ).from("AMBIT_LOG"),
            .text("log-file", "FILE", \.logFile, "File to append the log to, instead of standard output."),
            .duration("metric-lifetime", \.metricLifetime, "How long a metric series is kept after its last change."),
        ]
    }

    private static func readTrustDomain(_ text: String) -> TrustDomain? {
        do { return try TrustDomain(text) } catch { return nil }
    }

    private static func readLevels(_ text: String) -> String? {
        do { _ = try LogLevels(parsing: text) } catch { return nil }
        return text
    }
}
