// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
package import Identity

/// Everything `ambit-tunnel identity serve` can be told.
package struct CertificateServiceConfiguration: Sendable {
    /// Folder with the CA (`--ca-dir`); made when there is none, if `makesAuthority`.
    package var caDirectory: String
    /// Whether a CA is made where there is none; not where the folder is a Secret's, whose loss is an alarm.
    package var makesAuthority = true
    /// Trust domain of all identities (`--trust-domain`).
    package var trustDomain = TrustDomain.clusterLocal
    /// Where to listen (`--address`); Istio's port.
    package var address = SocketAddress(ip: IPAddress(high: 0, low: 0), port: 15012)
    /// Names in the service's own certificate (`--dns-name`).
    package var names = ["istiod.istio-system.svc", "ambit-identity.ambit-system.svc", "localhost"]
    /// Audiences of which a token must have one (`--audience`); Istio's.
    package var audiences = ["istio-ca"]
    /// Accounts that may ask in the name of pods on their node (`--node-account`).
    package var nodeAccounts = ["ambit-system/ambit-tunnel", "istio-system/ztunnel"]
    /// Seconds of validity when a caller does not say, and at most (`--svid-ttl`).
    package var longestValidity: Int64 = 86_400

    // MARK: Limits

    /// Connections at once (`--max-connections`): one per node, and some for those that come and go.
    package var maximumConnections = 4_096
    /// Certificates per second and caller in the long run (`--max-rate`).
    package var certificatesPerSecond = 50
    /// Certificates of one caller at once: what a node full of pods asks for when it starts.
    package var certificateBurst = 1_000
    /// Token reviews under way.
    package var maximumReviews = 64
    /// How long a TLS handshake may take.
    package var handshakeTimeout = Nanoseconds.seconds(10)
    /// How long a connection may be without calls.
    package var idleTimeout = Nanoseconds.seconds(300)

    /// The defaults, for a CA in `caDirectory`.
    package init(caDirectory: String) {
        self.caDirectory = caDirectory
    }

    /// The names and addresses for the service's certificate: those given, and the address that is listened on.
    ///
    /// - Returns: nil when one of the names is none.
    package var serverNames: [ServerName]? {
        var result: [ServerName] = []
        for text in names {
            guard let name = ServerName(text) else { return nil }
            result.append(name)
        }
        result.append(.address(.loopbackV4))
        result.append(.address(.loopbackV6))
        if !address.ip.isUnspecified, !address.ip.isLoopback { result.append(.address(address.ip)) }
        return result
    }
}
