// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

/// One rule of a `RedirectionPlan`: when all matches hold, count the packet and do the statement.
package struct RedirectionRule: Hashable, Sendable {
    /// A transport protocol by its number (IANA protocol numbers).
    package enum Transport: UInt8, Hashable, Sendable {
        /// Transmission Control Protocol.
        case tcp = 6
    }

    /// A condition on a packet.
    package enum Match: Hashable, Sendable {
        /// The packet is of this family.
        case family(AddressFamily)
        /// The frame carries a packet of this family: what `family` is where a bridge carries it.
        case frame(AddressFamily)
        /// The source address lies in the block; the packet must be known to be of its family.
        case source(CIDR)
        /// The destination address lies in the block; the packet must be known to be of its family.
        case destination(CIDR)
        /// The destination address lies outside of the block; the packet must be known to be of its family.
        case destinationOutside(CIDR)
        /// The destination address is in the table's set of its family; the packet must be known to be of that.
        case destinationInSet(AddressFamily)
        /// The process that opened the socket was in the group, or in one further down (Linux 5.13).
        case controlGroup(ControlGroup)
        /// The packet leaves through the loopback device.
        case leavesByLoopback
        /// The packet is of this transport protocol.
        case transport(Transport)
        /// The segment opens a connection: SYN without ACK, FIN or RST (RFC 9293 §3.5); the packet must be known to be TCP.
        case opensConnection
        /// The destination port lies in the range; the transport must be known.
        case destinationPorts(ClosedRange<UInt16>)
        /// The destination port is another one; the transport must be known.
        case destinationPortOtherThan(UInt16)
        /// The packet carries the mark.
        case packetMark(FirewallMark)
        /// The packet does not carry the mark.
        case packetMarkOtherThan(FirewallMark)
        /// The connection carries the mark.
        case connectionMark(FirewallMark)
    }

    /// What happens to a packet that matches.
    package enum Statement: Hashable, Sendable {
        /// Leave it alone: no later rule of the chain sees it.
        case accept
        /// Throw it away.
        case drop
        /// Give the connection this source address, with a port of its own where that is taken.
        case translateSource(IPAddress)
        /// Deliver the connection to this local port, remembering where it was going (SO_ORIGINAL_DST).
        case redirect(port: UInt16)
        /// Mark the connection, replacing the bits of the mask only.
        case setConnectionMark(FirewallMark)
        /// Give the packet the whole mark of its connection.
        case restorePacketMark
        /// Look the connection up in this zone if the packet goes its first direction, in zone 0 if it is a reply.
        case setOriginalConnectionZone(UInt16)
    }

    /// The conditions, cheapest first where the order is free.
    package let matches: [Match]
    /// The action.
    package let statement: Statement

    /// Puts the two together; conditions that are nil are left out.
    package init(_ matches: Match?..., then statement: Statement) {
        self.matches = matches.compactMap(\.self)
        self.statement = statement
    }
}

extension RedirectionRule: CustomStringConvertible {
    /// The rule as nft(8) accepts it.
    package var description: String {
        (matches.map(Self.text) + ["counter", Self.text(statement)]).joined(separator: " ")
    }

    private static func text(_ match: Match) -> String {
        switch match {
        case .family(.ipv4): "meta nfproto ipv4"
        case .family(.ipv6): "meta nfproto ipv6"
        case .frame(.ipv4): "meta protocol ip"
        case .frame(.ipv6): "meta protocol ip6"
        case .source(let block): "\(header(block)) saddr \(text(block))"
        case .destination(let block): "\(header(block)) daddr \(text(block))"
        case .destinationOutside(let block): "\(header(block)) daddr != \(text(block))"
        case .destinationInSet(let family): "\(family == .ipv4 ? "ip" : "ip6") daddr @\(family.setName)"
        case .controlGroup(let group): "socket cgroupv2 level \(group.level) \(group.number)"
        case .leavesByLoopback: "oifname \"lo\""
        case .transport(.tcp): "meta l4proto tcp"
        case .opensConnection: "tcp flags & (fin | syn | rst | ack) == syn"
        case .destinationPorts(let ports):
            "th dport \(ports.lowerBound)" + (ports.count == 1 ? "" : "-\(ports.upperBound)")
        case .destinationPortOtherThan(let port): "th dport != \(port)"
        case .packetMark(let mark): "meta mark & \(hex(mark.mask)) == \(hex(mark.value))"
        case .packetMarkOtherThan(let mark): "meta mark & \(hex(mark.mask)) != \(hex(mark.value))"
        case .connectionMark(let mark): "ct mark & \(hex(mark.mask)) == \(hex(mark.value))"
        }
    }

    private static func text(_ statement: Statement) -> String {
        switch statement {
        case .accept: "accept"
        case .drop: "drop"
        case .translateSource(let address): "snat \(address.isIPv4 ? "ip" : "ip6") to \(address)"
        case .redirect(let port): "redirect to :\(port)"
        case .setConnectionMark(let mark): "ct mark set ct mark & \(hex(~mark.mask)) ^ \(hex(mark.value))"
        case .restorePacketMark: "meta mark set ct mark"
        case .setOriginalConnectionZone(let zone): "ct original zone set \(zone)"
        }
    }

    private static func header(_ block: CIDR) -> String { block.network.isIPv4 ? "ip" : "ip6" }

    private static func text(_ block: CIDR) -> String {
        block.prefixLength == (block.network.isIPv4 ? 32 : 128) ? block.network.description : block.description
    }

    private static func hex(_ bits: UInt32) -> String { "0x" + String(bits, radix: 16) }
}
