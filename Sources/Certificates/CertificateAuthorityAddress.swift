// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Identity

/// Host and port of a CA service, as on a command line: `istiod.istio-system.svc:15012`, `192.0.2.1:15012`, `[2001:db8::1]:15012`.
package struct CertificateAuthorityAddress: Hashable, Sendable, CustomStringConvertible {
    /// DNS name or address, without brackets.
    package let host: String
    /// TCP port.
    package let port: UInt16

    /// Reads `HOST:PORT`; nil when it is neither a name nor an address with a port.
    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]), port > 0 else {
            return nil
        }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        guard ServerName(String(host)) != nil else { return nil }
        self.host = String(host)
        self.port = port
    }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
