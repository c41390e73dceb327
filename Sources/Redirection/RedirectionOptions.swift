// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

/// What is captured in one pod: the input of a `RedirectionPlan`.
///
/// The defaults are those of design §11 and of ztunnel, so that `RedirectionOptions()` is what an ambient pod gets.
package struct RedirectionOptions: Hashable, Sendable {
    /// The most entries an exclusion list may have (own choice).
    ///
    /// Every new connection walks the list, and all rules go in one netlink datagram, which must fit the default socket
    /// buffer (net.core.wmem_default, 212,992 octets).
    package static var maximumExclusions: Int { 64 }

    /// Where captured outbound connections arrive.
    package var outboundPort: UInt16 = 15001
    /// Where captured plaintext inbound connections arrive.
    package var inboundPort: UInt16 = 15006
    /// Where mesh peers connect; inbound connections to it are left alone.
    package var tunnelPort: UInt16 = 15008
    /// The mark of the tunnel's own sockets (SO_MARK), which are never captured.
    package var packetMark = FirewallMark.tunnelPackets
    /// The mark of connections whose replies return to the tunnel though they are addressed to the client.
    package var connectionMark = FirewallMark.tunnelConnections
    /// The connection tracking zone of the tunnel's connections to the application (own choice; others use 0).
    package var connectionZone: UInt16 = 1
    /// The routing table that delivers marked replies locally.
    package var routeTable: UInt32 = 100
    /// The preference of the rule that selects that table: before main (32766), after local (0).
    package var routeRulePreference: UInt32 = 32764
    /// Destination ports of inbound connections that are not captured.
    package var excludedInboundPorts: [ClosedRange<UInt16>] = []
    /// Source blocks of inbound connections that are not captured.
    package var excludedInboundCIDRs: [CIDR] = []
    /// Destination ports of outbound connections that are not captured.
    package var excludedOutboundPorts: [ClosedRange<UInt16>] = []
    /// Destination blocks of outbound connections that are not captured.
    package var excludedOutboundCIDRs: [CIDR] = []
    /// Whether plaintext inbound connections are captured; without it they reach the application unchecked.
    package var capturesInbound = true
    /// Whether connections from and to the probe addresses are left alone, so that the kubelet reaches the pod.
    package var exemptsProbes = true
    /// The IPv4 source address the node gives to probes (ztunnel behaviour: 169.254.7.127).
    package var probeAddressV4 = IPAddress(v4: 0xA9FE_077F)
    /// The IPv6 source address the node gives to probes (ztunnel: fd16:9254:7127:1337:ffff:ffff:ffff:ffff).
    package var probeAddressV6 = IPAddress(high: 0xFD16_9254_7127_1337, low: .max)

    /// The source address the node gives to probes of a family.
    func probeAddress(_ family: AddressFamily) -> IPAddress { family == .ipv4 ? probeAddressV4 : probeAddressV6 }

    /// Captures everything of the mesh, excludes nothing.
    package init() {}
}
