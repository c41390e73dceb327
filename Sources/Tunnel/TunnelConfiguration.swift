// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
package import Certificates
package import Identity
internal import LinuxIO
internal import TLS
package import Telemetry

/// Everything `ambit-tunnel run` can be told; each value has the flag of the same name.
package struct TunnelConfiguration: Sendable {
    // MARK: Where it is

    /// Folder with the manifests (`--config`).
    package var configDirectory: String
    /// Whether the configuration comes from a cluster's API server instead (`--kubernetes`).
    package var followsCluster = false
    /// How to reach it (`--kubeconfig`); empty: as a pod does, else as kubectl does.
    package var kubeconfig = ""
    /// Folder in which a cluster's last known objects outlive the process (`--state-dir`); empty: nowhere.
    package var stateDirectory = ""
    /// Where the node's processes are seen, by whose cgroups pods' namespaces are found in a cluster (`--proc`).
    package var processDirectory = "/proc"
    /// The kubelet's control group (`--kubelet-cgroup`); empty: that of its process; `none`: its probes are not exempt.
    package var kubeletGroup = ""
    /// Where the CNI plugin of the node asks (`--cni-socket`); empty: it does not.
    package var cniSocket = ""
    /// Folder of the runtime's lists of plugins, in which ours is kept chained (`--cni-conf-dir`); empty: it is left alone.
    package var cniDirectory = ""
    /// Whether the API server is told which pods are captured, and what is wrong with which (`--pod-reports`).
    package var reportsPods = true
    /// Name of this node, as in `spec.nodeName` of its pods (`--node`).
    package var nodeName: String
    /// Folder with the embedded CA (`--ca-dir`).
    package var caDirectory: String
    /// Where to take certificates from instead (`--ca-address`); nil: the embedded CA.
    package var caAddress: CertificateAuthorityAddress?
    /// File with the authorities of the CA service's own certificate (`--ca-root-cert`); Istio's.
    package var caRootsFile = "/var/run/secrets/istio/root-cert.pem"
    /// File with the token for the CA service (`--ca-token`); Istio's projected token.
    package var caTokenFile = "/var/run/secrets/tokens/istio-token"
    /// Files with CRLs (`--crl`, repeated); empty: revocation is not checked.
    package var revocationFiles: [String] = []
    /// Whether peers are refused while a CRL file cannot be read (`--crl-unreadable`).
    package var whenRevocationUnreadable = CertificateSettings.Doubt.refuse
    /// Whether peers of an authority are refused whose CRL is out of date (`--crl-expired`).
    package var whenRevocationExpired = CertificateSettings.Doubt.refuse
    /// Key-exchange groups in order of preference (`--tls-groups`).
    package var keyExchangeGroups = TLSOptions().groups
    /// Trust domain of all identities (`--trust-domain`).
    package var trustDomain = TrustDomain.clusterLocal
    /// Name of this cluster in logs, metrics and baggage (`--cluster-id`); Istio's default.
    package var clusterID = "Kubernetes"
    /// Namespaces whose policies hold for the whole mesh (`--root-namespace`, repeated).
    package var rootNamespaces: Set<String> = ["ambit-system", "istio-system"]

    /// DNS suffix of service host names (`--cluster-domain`).
    package var clusterDomain = "cluster.local"
    /// Network that the pods of this node are in (`--network`); empty in a mesh with one network.
    package var network = ""

    // MARK: What a machine without pods forwards

    /// `--listen` of `ambit-tunnel forward` as given.
    package var forwardTexts: [String] = []
    /// Local ports that lead into the mesh (`ambit-tunnel forward`); with one there, no pod is captured.
    package var forwards: [Forward] = []
    /// Namespace whose service account the forwards act for (`--namespace`).
    package var namespace = "default"
    /// Service account whose identity the forwards have (`--service-account`).
    package var serviceAccount = "default"

    // MARK: Ports (design §11, Istio's)

    /// Captured connections of the pods' applications.
    package var outboundPort: UInt16 = 15001
    /// Captured connections to the pods in plain text.
    package var inboundPlaintextPort: UInt16 = 15006
    /// HBONE to the pods.
    package var hbonePort: UInt16 = 15008
    /// Admin, on loopback only; 0: none of the three.
    package var adminPort: UInt16 = 15000
    /// Prometheus.
    package var metricsPort: UInt16 = 15020
    /// Readiness.
    package var readinessPort: UInt16 = 15021
    /// Where metrics and readiness listen (`--bind`); the unspecified IPv6 address takes both families.
    package var bindAddress = IPAddress(high: 0, low: 0)

    // MARK: Time

    /// From the start of a connect to its outcome (`--connect-timeout`); ztunnel: 10 s.
    package var connectTimeout = Nanoseconds.seconds(10)
    /// From the TCP connection to the end of the TLS handshake (`--handshake-timeout`); ztunnel has none.
    package var handshakeTimeout = Nanoseconds.seconds(10)
    /// From the CONNECT to its response (`--response-timeout`); the far side may take its own connect time-out; ztunnel
    /// has none.
    package var responseTimeout = Nanoseconds.seconds(20)
    /// How long a connection of which one side has finished may be silent (`--half-close-timeout`); 0: for ever.
    package var halfCloseTimeout = Nanoseconds.seconds(600)
    /// How long a connection may be silent (`--idle-timeout`); 0: for ever, ztunnel's behaviour.
    package var idleTimeout = Nanoseconds(0)
    /// How long a pooled HBONE connection without streams is kept (`--pool-idle-timeout`); ztunnel: 5 min.
    package var poolIdleTimeout = Nanoseconds.seconds(300)
    /// How long connections may go on when their pod leaves the mesh or the process ends (`--drain-timeout`); ztunnel:
    /// 25 s in a cluster.
    package var drainTimeout = Nanoseconds.seconds(25)
    /// Seconds of silence before TCP keepalive probes a socket (`--keepalive`); 0: never; ztunnel: 180.
    package var keepaliveSeconds: CInt = 180

    // MARK: Limits

    /// Threads that carry traffic (`--workers`): a quarter of the cores, at least two (ztunnel 1.31).
    package var workers = max(2, ProcessStatus.processors / 4)
    /// Connections of one pod, both directions (`--max-connections-per-pod`).
    package var connectionsPerPod = 65_536
    /// HBONE handshakes of one pod that are not complete (`--max-handshakes-per-pod`).
    package var handshakesPerPod = 1024
    /// Bytes that may wait for the slow sockets of one pod (`--max-buffer-per-pod`).
    package var bufferedBytesPerPod = 64 << 20
    /// New connections of one pod per second, both directions; twice as many in a burst (`--max-connection-rate-per-pod`).
    package var connectionRatePerPod = 20_000
    /// Bytes that may wait for slow sockets, all workers together (`--memory-ceiling`).
    package var memoryCeilingBytes = 256 << 20
    /// Endpoints that are tried, one after the other, when connecting fails (`--connect-attempts`).
    package var connectAttempts = 3

    // MARK: Behaviour

    /// Whether applications see the client's address instead of the tunnel's (`--source-address keep|own`).
    package var preservesSource = true
    /// Seconds for which a certificate is valid (`--svid-ttl`).
    package var svidValiditySeconds: Int64 = 86_400
    /// Log format (`--log-format text|json`).
    package var logFormat = LogFormat.text
    /// Log levels, such as `info` or `info,access:off,pool:debug` (`--log-level`).
    package var logLevels = "info"
    /// File that the log is appended to (`--log-file`); empty: standard output.
    package var logFile = ""
    /// How often a connection that stays open writes a line (`--log-interval`); 0: never, ztunnel's behaviour.
    package var logInterval = Nanoseconds.seconds(600)
    /// How long a metric series is kept after its last change (`--metric-lifetime`); ztunnel: for ever.
    package var metricLifetime = Nanoseconds.seconds(3_600)

    /// All settings as text by the name of their option, for `/config_dump`.
    package var settings: [(name: String, value: String)] = []

    /// The defaults, for a node.
    package init(configDirectory: String, nodeName: String, caDirectory: String) {
        self.configDirectory = configDirectory
        self.nodeName = nodeName
        self.caDirectory = caDirectory
    }

    /// SO_MARK of our own packets in redirected pods, by which nftables tells them from the pod's (design §11).
    static let packetMark: UInt32 = 0x539
}
