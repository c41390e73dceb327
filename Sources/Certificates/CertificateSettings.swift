// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
package import Identity
package import TLS

/// Where a process takes its certificates from, and on what terms.
package struct CertificateSettings: Sendable {
    /// Who signs.
    package enum Source: Sendable {
        /// The CA in this directory, whose key this process reads.
        case directory(String)
        /// A service that speaks `istio.v1.auth.IstioCertificateService`.
        case service(Service)
    }

    /// How to reach a CA service.
    package struct Service: Sendable {
        /// DNS name or address; the server's certificate must be for it.
        package var host: String
        /// TCP port; Istio's is 15012.
        package var port: UInt16
        /// PEM file with the authorities of the server's certificate; read again for every connection.
        package var rootsFile: String
        /// File with the bearer token; read again for every call.
        package var tokenFile: String
        /// Name of this cluster, sent as `clusterid`.
        package var clusterID = ""
        /// Whether it asks in the name of pods on its node (`ImpersonatedIdentity`), or for its own account only.
        package var impersonates = true
        /// How long connecting, the handshake included, may take.
        package var connectTimeout = Nanoseconds.seconds(5)
        /// How long a call may take.
        package var callTimeout = Nanoseconds.seconds(10)

        /// A service without token.
        package init(host: String, port: UInt16, rootsFile: String, tokenFile: String) {
            self.host = host
            self.port = port
            self.rootsFile = rootsFile
            self.tokenFile = tokenFile
        }
    }

    /// What to do when revocation is in doubt.
    package enum Doubt: String, CaseIterable, Sendable {
        /// Peers are refused.
        case refuse
        /// Peers are accepted.
        case accept
    }

    /// Who signs.
    package var source: Source
    /// The trust domain of all identities.
    package var trustDomain: TrustDomain
    /// Seconds for which certificates are asked.
    package var validitySeconds: Int64 = 86_400
    /// Files with CRLs; empty: nothing is checked.
    package var revocationFiles: [String] = []
    /// What to do while such a file cannot be read or parsed.
    package var whenUnreadable = Doubt.refuse
    /// What to do about a list whose time is over.
    package var whenExpired = Doubt.refuse
    /// Settings of TLS between members.
    package var tls = TLSOptions()

    /// Certificates of `trustDomain` from `source`.
    package init(source: Source, trustDomain: TrustDomain) {
        self.source = source
        self.trustDomain = trustDomain
    }
}
