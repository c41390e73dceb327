// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
package import Certificates
package import Identity
internal import LinuxIO
package import Telemetry

/// Everything `ambit-waypoint run` can be told; each value has the flag of the same name.
package struct WaypointConfiguration: Sendable {
    /// A plain text listener in front of one service.
    package struct PlaintextListener: Sendable {
        /// Where it listens.
        package var address: SocketAddress
        /// `name.namespace`, or a full host name.
        package var service: String
        /// The service's port.
        package var port: UInt16

        /// Puts the parts together.
        package init(address: SocketAddress, service: String, port: UInt16) {
            self.address = address
            self.service = service
            self.port = port
        }
    }

    // MARK: Who it is

    /// Folder with the manifests (`--config`).
    package var configDirectory: String
    /// Whether the configuration comes from a cluster's API server instead (`--kubernetes`).
    package var followsCluster = false
    /// How to reach it (`--kubeconfig`); empty: as a pod does, else as kubectl does.
    package var kubeconfig = ""
    /// Folder in which a cluster's last known objects outlive the process (`--state-dir`); empty: nowhere.
    package var stateDirectory = ""
    /// Name of the Gateway (`--name`).
    package var name: String
    /// Namespace of the Gateway (`--namespace`).
    package var namespace: String
    /// Service account whose identity is used (`--service-account`); empty: that of the Gateway's pod, else its name.
    package var serviceAccount = ""
    /// Name of the pod it runs in (`--pod`).
    package var podName = ""
    /// Folder with the embedded CA (`--ca-dir`).
    package var caDirectory: String
    /// CA service to take certificates from (`--ca-address`); nil: the embedded CA.
    package var caAddress: CertificateAuthorityAddress?
    /// Authorities of the CA service's certificate (`--ca-root-cert`).
    package var caRootsFile = "/var/run/secrets/istio/root-cert.pem"
    /// Token for the CA service (`--ca-token`).
    package var caTokenFile = "/var/run/secrets/tokens/istio-token"
    /// Trust domain of all identities (`--trust-domain`).
    package var trustDomain = TrustDomain.clusterLocal
    /// Name of this cluster in logs and metrics (`--cluster-id`); Istio's default.
    package var clusterID = "Kubernetes"
    /// Namespaces whose policies hold for the whole mesh (`--root-namespace`, repeated).
    package var rootNamespaces: Set<String> = ["ambit-system", "istio-system"]
    /// DNS suffix of service host names (`--cluster-domain`).
    package var clusterDomain = "cluster.local"
    /// Network that the waypoint is in (`--network`); empty in a mesh with one network.
    package var network = ""

    // MARK: Ports (design §11, Istio's)

    /// HBONE.
    package var hbonePort: UInt16 = 15008
    /// Where endpoints take HBONE (`--peer-hbone-port`).
    package var peerHBONEPort: UInt16 = 15008
    /// Admin, on loopback only.
    package var adminPort: UInt16 = 15000
    /// Prometheus.
    package var metricsPort: UInt16 = 15020
    /// Readiness.
    package var readinessPort: UInt16 = 15021
    /// Where HBONE, metrics and readiness listen (`--bind`); the unspecified IPv6 address takes both families.
    package var bindAddress = IPAddress(high: 0, low: 0)
    /// Plain text listeners (`--plaintext`, repeated).
    package var plaintext: [PlaintextListener] = []

    // MARK: Time

    /// From the start of a connect to its outcome (`--connect-timeout`); Istio: 10 s.
    package var connectTimeout = Nanoseconds.seconds(10)
    /// From the TCP connection to the end of the TLS handshake (`--handshake-timeout`); Istio: 15 s.
    package var handshakeTimeout = Nanoseconds.seconds(10)
    /// How long the first octets may stay away before a connection of unknown protocol is TCP (`--detection-timeout`);
    /// Istio waits for ever, Linkerd 10 s.
    package var detectionTimeout = Nanoseconds.seconds(5)
    /// From the first octet of a request's head to its last (`--header-timeout`); Envoy's edge guide: 60 s.
    package var headerTimeout = Nanoseconds.seconds(60)
    /// How long a client's connection may be without a request (`--idle-timeout`); Envoy: 1 h.
    package var idleTimeout = Nanoseconds.seconds(3_600)
    /// How long a connection to an endpoint is kept without a request (`--pool-idle-timeout`).
    package var poolIdleTimeout = Nanoseconds.seconds(300)
    /// How long a connection that is closing waits for the peer's end (`--close-timeout`); Envoy's delayed close: 1 s.
    package var closeTimeout = Nanoseconds.seconds(1)
    /// How long exchanges may go on when the process ends (`--drain-timeout`).
    package var drainTimeout = Nanoseconds.seconds(25)
    /// How long it is not ready before it refuses anything (`--drain-delay`): others must notice first.
    package var drainDelay = Nanoseconds.seconds(0)
    /// Seconds of silence before TCP keepalive probes a socket (`--keepalive`); 0: never.
    package var keepaliveSeconds: CInt = 180

    // MARK: Limits

    /// Threads that carry traffic (`--workers`).
    package var workers = max(2, ProcessStatus.processors / 4)
    /// Streams that a worker may serve more than another until new ones of its tunnels go there (`--spread`); a busy
    /// worker's go at two already.
    package var spread = 32
    /// Exchanges under way at one time, per worker (`--max-requests`).
    package var maxExchanges = 65_536
    /// Connections of clients at one time, per worker (`--max-connections`).
    package var maxConnections = 65_536
    /// Bytes that may wait for slow sockets, all workers together (`--memory-ceiling`).
    package var memoryCeilingBytes = 256 << 20
    /// Endpoints that are tried, one after the other, when connecting fails (`--connect-attempts`).
    package var connectAttempts = 3

    // MARK: Behaviour

    /// What applications are told about clients (`--client-headers`); Istio's waypoints tell nothing by default.
    package var clientHeaders = ClientHeaders.none
    /// Seconds for which a certificate is valid (`--svid-ttl`).
    package var svidValiditySeconds: Int64 = 86_400
    /// Log format (`--log-format text|json`).
    package var logFormat = LogFormat.text
    /// Log levels (`--log-level`); requests that went well are logged from `access:info` on, as Istio has it off.
    package var logLevels = "info,access:warn"
    /// File that the log is appended to (`--log-file`); empty: standard output.
    package var logFile = ""
    /// How long a metric series is kept after its last change (`--metric-lifetime`).
    package var metricLifetime = Nanoseconds.seconds(3_600)

    /// All settings as text by the name of their option, for `/config_dump`.
    package var settings: [(name: String, value: String)] = []

    /// The defaults, for a Gateway.
    package init(configDirectory: String, name: String, namespace: String, caDirectory: String) {
        self.configDirectory = configDirectory
        self.name = name
        self.namespace = namespace
        self.caDirectory = caDirectory
    }
}
