// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// What was unusual about a request: Envoy's response flags, which dashboards and log readers know.
package struct RequestFlags: OptionSet, Hashable, Sendable {
    package let rawValue: UInt32

    package init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// UH: no endpoint is ready.
    package static let noHealthyUpstream = RequestFlags(rawValue: 1 << 0)
    /// UF: no connection to an endpoint could be made.
    package static let upstreamConnectFailure = RequestFlags(rawValue: 1 << 1)
    /// UO: a limit of connections or requests is reached.
    package static let upstreamOverflow = RequestFlags(rawValue: 1 << 2)
    /// NR: no route matches.
    package static let noRoute = RequestFlags(rawValue: 1 << 3)
    /// NC: the route's backend does not exist.
    package static let noCluster = RequestFlags(rawValue: 1 << 4)
    /// URX: all tries were used.
    package static let retryLimit = RequestFlags(rawValue: 1 << 5)
    /// UT: the endpoint took too long.
    package static let upstreamTimeout = RequestFlags(rawValue: 1 << 6)
    /// UC: the endpoint ended the connection.
    package static let upstreamTermination = RequestFlags(rawValue: 1 << 7)
    /// UR: the endpoint reset the stream.
    package static let upstreamReset = RequestFlags(rawValue: 1 << 8)
    /// DC: the client went away.
    package static let downstreamTermination = RequestFlags(rawValue: 1 << 9)
    /// DPE: the client broke the protocol.
    package static let downstreamProtocolError = RequestFlags(rawValue: 1 << 10)
    /// UPE: the endpoint broke the protocol.
    package static let upstreamProtocolError = RequestFlags(rawValue: 1 << 11)
    /// DI: a delay was injected.
    package static let delayInjected = RequestFlags(rawValue: 1 << 12)
    /// FI: a fault was injected.
    package static let faultInjected = RequestFlags(rawValue: 1 << 13)
    /// UAEX: an authorization policy refused it.
    package static let unauthorized = RequestFlags(rawValue: 1 << 14)
    /// SI: nothing moved for too long.
    package static let streamIdle = RequestFlags(rawValue: 1 << 15)
    /// OM: the proxy's memory ceiling is reached.
    package static let overload = RequestFlags(rawValue: 1 << 16)
    /// LR: this proxy ended the connection.
    package static let localReset = RequestFlags(rawValue: 1 << 17)

    private static let names = [
        "UH", "UF", "UO", "NR", "NC", "URX", "UT", "UC", "UR", "DC", "DPE", "UPE", "DI", "FI", "UAEX", "SI", "OM", "LR",
    ]

    /// The flags' short names with commas between them, in Envoy's order; `-` for none.
    package var label: String {
        if isEmpty { return "-" }
        return Self.names.indices.filter { rawValue & 1 << UInt32($0) != 0 }.map { Self.names[$0] }
            .joined(separator: ",")
    }
}
