// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Certificates
internal import Console
internal import Identity
internal import TLS
internal import Telemetry
internal import Tunnel

extension RunCommand {
    /// Every option of `run`; docs/operations.md explains them at length.
    static var options: [Option<TunnelConfiguration>] { place + certificates + work + ports + times + limits + logging }

    private static var place: [Option<TunnelConfiguration>] {
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
            .text(
                "proc", "DIR", \.processDirectory,
                "Where the node's processes are seen: /proc, or the node's as it is mounted."
            ),
            Option(
                "kubelet-cgroup", "PATH", \.kubeletGroup,
                "Control group of the kubelet, whose probes are exempt; not given, it is looked for; none: no exemption.",
                expected: "a path from the root of the hierarchy, as /system.slice/kubelet.service, or none",
                show: { $0 }, read: { $0.hasPrefix("/") || $0 == "none" ? $0 : nil }),
            .text("cni-socket", "PATH", \.cniSocket, "Where the node's CNI plugin asks; not given, it cannot."),
            .text(
                "cni-conf-dir", "DIR", \.cniDirectory,
                "Folder of the runtime's plugin lists, to chain the plugin again when somebody rewrites them."),
            Option(
                "pod-reports", "on|off", \.reportsPods,
                "Whether pods are annotated that are captured, and their troubles told as Events, in a cluster.",
                expected: "on or off", show: { $0 ? "on" : "off" }, read: { ["on": true, "off": false][$0] }),
            .text("node", "NAME", \.nodeName, "Name of this node, as in spec.nodeName of its pods.").from("NODE_NAME"),
            .text("ca-dir", "DIR", \.caDirectory, "Folder of the embedded CA, made at the first start.")
                .from("AMBIT_CA_DIR"),
            Option(
                "trust-domain", "DOMAIN", \.trustDomain, "Trust domain of all identities.",
                expected: "a trust domain (lower-case letters, digits, dots, dashes, underscores)",
                show: { $0.name }, read: readTrustDomain
            ).from("TRUST_DOMAIN"),
            .text("cluster-id", "NAME", \.clusterID, "Name of this cluster in logs, metrics and baggage.")
                .from("CLUSTER_ID", "ISTIO_META_CLUSTER_ID"),
            .text("cluster-domain", "DOMAIN", \.clusterDomain, "DNS suffix of service host names.")
                .from("CLUSTER_DOMAIN"),
            .text("network", "NAME", \.network, "Network that this node's pods are in, in a mesh of several.")
                .from("NETWORK"),
            Option(
                "root-namespace", "NAME", list: \.rootNamespaceList,
                "Namespace whose policies hold for the whole mesh; may be repeated."),
        ]
    }

    private static var certificates: [Option<TunnelConfiguration>] {
        [
            Option(
                "ca-address", "HOST:PORT", \.caAddress, "CA service to take certificates from, instead of --ca-dir.",
                expected: "a host and port; write for example istiod.istio-system.svc:15012",
                show: { $0?.description ?? "" }, read: { CertificateAuthorityAddress($0) }
            ).from("CA_ADDRESS"),
            .text("ca-root-cert", "FILE", \.caRootsFile, "Authorities of the CA service's own certificate, PEM.")
                .from("CA_ROOT_CERT"),
            .text("ca-token", "FILE", \.caTokenFile, "Token for the CA service; read again for every certificate.")
                .from("AMBIT_CA_TOKEN"),
            Option("crl", "FILE", list: \.revocationFiles, "CRLs to follow, PEM or DER; may be repeated."),
            .choice("crl-unreadable", \.whenRevocationUnreadable, "What to do with peers while a CRL cannot be read."),
            .choice("crl-expired", \.whenRevocationExpired, "What to do with peers whose CRL is out of date."),
            Option(
                "tls-groups", "LIST", \.keyExchangeGroups,
                "Key-exchange groups, most preferred first; those that OpenSSL lacks are left out.",
                expected: "a list of groups of which OpenSSL has one; write for example X25519MLKEM768:X25519:P-256",
                show: { $0.joined(separator: ":") }, read: readGroups),
        ]
    }

    private static var work: [Option<TunnelConfiguration>] {
        [
            .count("workers", \.workers, in: 1...256, "Threads that carry traffic.").from("AMBIT_WORKERS"),
            .count(
                "connect-attempts", \.connectAttempts, in: 1...16,
                "Endpoints tried, one after the other, when connecting fails."),
            Option(
                "source-address", "keep|own", \.preservesSource,
                "Whether applications see the client's address or the tunnel's own.", expected: "keep or own",
                show: { $0 ? "keep" : "own" }, read: { ["keep": true, "own": false][$0] }),
            Option(
                "svid-ttl", "TIME", \.svidValiditySeconds, "How long a certificate is valid.",
                expected: "a duration of at least five seconds; write for example 24h",
                show: { Quantity.text(.seconds($0)) }, read: readValidity
            ).from("SECRET_TTL"),
        ]
    }

    private static var ports: [Option<TunnelConfiguration>] {
        [
            .port("outbound-port", \.outboundPort, "Port for captured connections of the pods' applications."),
            .port("inbound-plaintext-port", \.inboundPlaintextPort, "Port for captured plaintext to the pods."),
            .port("hbone-port", \.hbonePort, "Port for HBONE to the pods."),
            .port("admin-port", \.adminPort, "Admin port, on loopback only."),
            .port("metrics-port", \.metricsPort, "Port of the metrics for Prometheus."),
            .port("readiness-port", \.readinessPort, "Port of /healthz/ready."),
            Option(
                "bind", "IP", \.bindAddress, "Address of metrics and readiness; :: takes IPv4 too.",
                expected: "an IP address", show: { $0.description }, read: { IPAddress($0) }),
        ]
    }

    private static var times: [Option<TunnelConfiguration>] {
        [
            .duration("connect-timeout", \.connectTimeout, "How long connecting may take."),
            .duration("handshake-timeout", \.handshakeTimeout, "How long a TLS handshake may take."),
            .duration("response-timeout", \.responseTimeout, "How long the far tunnel may take to answer CONNECT."),
            .duration(
                "half-close-timeout", \.halfCloseTimeout,
                "How long a connection may be silent after one side has finished; 0 is for ever."),
            .duration("idle-timeout", \.idleTimeout, "How long a connection may be silent; 0 is for ever."),
            .duration("pool-idle-timeout", \.poolIdleTimeout, "How long an HBONE connection without streams is kept."),
            .duration(
                "drain-timeout", \.drainTimeout,
                "How long connections may go on after SIGTERM, or after their pod left the mesh."),
            Option(
                "keepalive", "TIME", \.keepaliveSeconds, "Silence before TCP keepalive probes; 0 is never.",
                expected: "a duration in whole seconds; write for example 3m",
                show: { Quantity.text(.seconds(Int64($0))) }, read: readSeconds
            ).from("KEEPALIVE_TIME"),
        ]
    }

    private static var limits: [Option<TunnelConfiguration>] {
        [
            .count("max-connections-per-pod", \.connectionsPerPod, in: 1...1 << 24, "Connections of one pod."),
            .count(
                "max-handshakes-per-pod", \.handshakesPerPod, in: 1...1 << 20,
                "HBONE handshakes of one pod that are not complete."),
            .bytes("max-buffer-per-pod", \.bufferedBytesPerPod, "Bytes that may wait for one pod's slow sockets."),
            .count(
                "max-connection-rate-per-pod", \.connectionRatePerPod, in: 1...1 << 24,
                "New connections of one pod per second; twice as many in a burst."),
            .bytes("memory-ceiling", \.memoryCeilingBytes, "Bytes that may wait for slow sockets, all pods together."),
        ]
    }

    private static var logging: [Option<TunnelConfiguration>] {
        [
            .choice("log-format", \.logFormat, "How log lines look.").from("LOG_FORMAT"),
            Option(
                "log-level", "LEVELS", \.logLevels,
                "Level of all scopes (error, warn, info, debug, trace, off), and of single ones: info,access:debug.",
                expected: "a list of log levels; write for example info,access:debug", show: { $0 }, read: readLevels
            ).from("AMBIT_LOG"),
            .text("log-file", "FILE", \.logFile, "File to append the log to, instead of standard output."),
            .duration("log-interval", \.logInterval, "How often an open connection writes a line; 0 is never."),
            .duration("metric-lifetime", \.metricLifetime, "How long a metric series is kept after its last change."),
        ]
    }

    private static func readTrustDomain(_ text: String) -> TrustDomain? {
        do { return try TrustDomain(text) } catch { return nil }
    }

    private static func readGroups(_ text: String) -> [String]? {
        var options = TLSOptions()
        options.groups = text.split(separator: ":").map(String.init)
        return TLSLibrary.availableGroups(options).isEmpty ? nil : options.groups
    }

    private static func readLevels(_ text: String) -> String? {
        do { _ = try LogLevels(parsing: text) } catch { return nil }
        return text
    }

    private static func readValidity(_ text: String) -> Int64? {
        guard let duration = Quantity.duration(text), duration >= .seconds(5) else { return nil }
        return duration.count / 1_000_000_000
    }

    private static func readSeconds(_ text: String) -> Int32? {
        guard let duration = Quantity.duration(text) else { return nil }
        return Int32(exactly: duration.count / 1_000_000_000)
    }
}

extension TunnelConfiguration {
    /// The root namespaces in order, for the option that collects them.
    fileprivate var rootNamespaceList: [String] {
        get { rootNamespaces.sorted() }
        set { rootNamespaces = Set(newValue) }
    }
}
