// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HBONE
internal import Identity
package import Telemetry

/// What the service tells the outside: one audit line per certificate and per refusal, and counters.
package final class CertificateServiceObserver {
    private let log: LogLane
    private let registry: MetricRegistry
    private let issued: Counter
    private let signerExpiry: Gauge
    private var refused: [String: Counter] = [:]

    /// Writes to `log`, counts in `registry`.
    package init(log: LogLane, registry: MetricRegistry) {
        self.log = log
        self.registry = registry
        issued = registry.counter(
            MetricFamily(.counter, "ambit_ca_certificates_issued", "Certificates that the CA service has issued"))
        signerExpiry = registry.gauge(
            MetricFamily(
                .gauge, "ambit_ca_signer_expiry_timestamp_seconds",
                "When the certificate ends that the CA service signs with, in seconds since 1970"))
    }

    func started(_ address: SocketAddress, _ names: [ServerName]) {
        log.log(.info, .main, "CA service is ready") {
            $0.field("address", address)
            $0.field("names", names.map(\.description).joined(separator: ","))
        }
    }

    /// This is what signs from now on.
    func serving(_ authority: CertificateAuthority) {
        signerExpiry.set(authority.certificates[0].notAfter.seconds)
    }

    func stopped() { log.log(.info, .main, "CA service ends") }

    func issued(_ minted: Issuance.Minted, to caller: Caller, from peer: SocketAddress) {
        issued.add()
        log.log(.info, .identity, "certificate issued") {
            $0.field("identity", minted.id.description)
            $0.field("serial", minted.leaf.serialText)
            $0.field("not_after", minted.leaf.notAfter.description)
            Self.add(caller, to: &$0)
            $0.field("peer", peer)
        }
    }

    func refused(_ refusal: IssuanceRefusal, _ caller: Caller?, from peer: SocketAddress) {
        let counter =
            refused[refusal.reason]
            ?? registry.counter(
                MetricFamily(.counter, "ambit_ca_requests_refused", "Requests that the CA service refused, by reason"),
                LabelText([("reason", refusal.reason)]))
        refused[refusal.reason] = counter
        counter.add()
        log.log(.warn, .identity, "certificate refused") {
            $0.field("error", refusal.description)
            if let caller { Self.add(caller, to: &$0) }
            $0.field("peer", peer)
        }
    }

    func connectionFailed(_ error: HBONEError, from peer: SocketAddress) {
        switch error {
        case .closedByPeer, .closedLocally: return
        default: break
        }
        log.log(.warn, .tls, "connection failed") {
            $0.field("error", error.description)
            $0.field("peer", peer)
        }
    }

    func acceptFailed(_ error: String) {
        log.log(.error, .proxy, "connection cannot be taken") { $0.field("error", error) }
    }

    func authorityChanged(_ authority: CertificateAuthority) {
        log.log(.info, .identity, "CA has another signer or bundle") {
            $0.field("signer", authority.certificates[0].serialText)
            $0.field("roots", UInt64(authority.bundle.authorities.count))
        }
    }

    func authorityFailed(_ error: IdentityError) {
        log.log(.error, .identity, "CA directory cannot be read; the last good state serves") {
            $0.field("error", error.description)
        }
    }

    private static func add(_ caller: Caller, to lines: inout LogLines) {
        lines.field("caller", caller.account.description)
        lines.fieldUnlessEmpty("pod", caller.pod)
        lines.fieldUnlessEmpty("node", caller.node)
    }
}
