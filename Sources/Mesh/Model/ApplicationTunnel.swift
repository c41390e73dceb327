// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// How a workload that proxies for others is handed the connections of which the node's tunnel has ended HBONE for it (Istio's
/// `application_tunnel`, annotation `ambient.istio.io/waypoint-inbound-binding`).
package struct ApplicationTunnel: Equatable, Sendable {
    /// What is said before the payload.
    package enum Preamble: Equatable, Sendable {
        /// Nothing.
        case none
        /// A PROXY protocol v2 header: who connects to where.
        case proxy
    }

    /// What is said before the payload.
    package var preamble: Preamble
    /// The port the workload takes them on; nil: the one that the client asked for.
    package var port: UInt16?

    /// Puts the two together.
    package init(preamble: Preamble, port: UInt16?) {
        self.preamble = preamble
        self.port = port
    }

    /// Reads `NONE`, `PROXY`, `NONE/15088`, `PROXY/15088`; nil for anything else.
    package init?(parsing text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2 else { return nil }
        switch parts[0] {
        case "NONE": preamble = .none
        case "PROXY": preamble = .proxy
        default: return nil
        }
        guard parts.count == 2 else {
            port = nil
            return
        }
        guard let port = UInt16(parts[1]), port > 0, parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        self.port = port
    }
}
