// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import CNetfilter
internal import Glibc

/// A rule of libnftnl: built from a `RedirectionRule`, or read from the kernel.
///
/// It owns the library's object. Both kinds can be listed in the library's own notation, which is how they are compared.
@safe
struct NetfilterRule: ~Copyable {
    private let pointer: OpaquePointer

    /// An empty rule.
    init() throws(RedirectionError) {
        guard let pointer = unsafe nftnl_rule_alloc() else { throw .outOfMemory }
        unsafe self.pointer = pointer
    }

    deinit { unsafe nftnl_rule_free(pointer) }

    /// The expressions of `rule`, in the order nft(8) would generate them, so that it lists them as one expects.
    static func encoding(
        _ rule: RedirectionRule, in chain: NetfilterChain
    ) throws(RedirectionError) -> NetfilterRule {
        let encoded = try NetfilterRule()
        // Safety: the library copies strings while they are set; the rule owns the object.
        _ = unsafe nftnl_rule_set_str(encoded.pointer, UInt16(NFTNL_RULE_TABLE.rawValue), chain.table.text)
        _ = unsafe nftnl_rule_set_str(encoded.pointer, UInt16(NFTNL_RULE_CHAIN.rawValue), chain.rawValue)
        unsafe nftnl_rule_set_u32(encoded.pointer, UInt16(NFTNL_RULE_FAMILY.rawValue), UInt32(chain.table.family))
        for match in rule.matches { try encoded.add(match) }
        try encoded.add("counter")
        try encoded.add(rule.statement)
        return encoded
    }

    /// Parses a rule the kernel listed.
    static func parsing(_ header: UnsafePointer<nlmsghdr>) throws(RedirectionError) -> NetfilterRule {
        let rule = try NetfilterRule()
        // Safety: the message came from the kernel with a true length; the library copies what it keeps.
        guard unsafe nftnl_rule_nlmsg_parse(header, rule.pointer) == 0 else { throw .unexpectedAnswer(.readBack) }
        return rule
    }

    /// Writes the attributes of the rule behind a message's header.
    func write(to header: UnsafeMutablePointer<nlmsghdr>) {
        // Safety: the caller keeps room for the longest rule, see NetlinkRequest.
        unsafe nftnl_rule_nlmsg_build_payload(header, pointer)
    }

    /// A rule that stands for all rules of a table in a request to list them.
    static func selecting(_ table: NetfilterTableName) throws(RedirectionError) -> NetfilterRule {
        let rule = try NetfilterRule()
        _ = unsafe nftnl_rule_set_str(rule.pointer, UInt16(NFTNL_RULE_TABLE.rawValue), table.text)
        return rule
    }

    /// The name of the rule's table, empty when it has none.
    var tableName: String { text(NFTNL_RULE_TABLE) }

    /// The name of the rule's chain, empty when it has none.
    var chainName: String { text(NFTNL_RULE_CHAIN) }

    private func text(_ attribute: nftnl_rule_attr) -> String {
        // Safety: the string belongs to the rule and is copied at once.
        unsafe nftnl_rule_get_str(pointer, UInt16(attribute.rawValue)).map { unsafe String(cString: $0) } ?? ""
    }

    /// The expressions in libnftnl's notation, without what counters have counted.
    var expressions: [String] {
        // Safety: the iterator lives as long as this call, the rule longer; each text is cut to the buffer's size.
        guard let iterator = unsafe nftnl_expr_iter_create(pointer) else { return [] }
        defer { unsafe nftnl_expr_iter_destroy(iterator) }
        var texts: [String] = []
        while let expression = unsafe nftnl_expr_iter_next(iterator) {
            let name = unsafe nftnl_expr_get_str(expression, UInt16(NFTNL_EXPR_NAME)).map { unsafe String(cString: $0) }
            guard let name, name != "counter" else {
                texts.append("counter")
                continue
            }
            texts.append(unsafe "\(name) \(Self.text(of: expression))")
        }
        return texts
    }

    private static func text(of expression: OpaquePointer) -> String {
        unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
            guard let base = buffer.baseAddress else { return "" }
            unsafe buffer.initialize(repeating: 0)
            // Safety: the library is told one octet less than the size, so the last one stays 0.
            _ = unsafe nftnl_expr_snprintf(base, buffer.count - 1, expression, UInt32(NFTNL_OUTPUT_DEFAULT.rawValue), 0)
            return unsafe String(cString: base)
        }
    }
}

// MARK: - Encoding

extension NetfilterRule {
    /// The one register that every expression here loads and compares.
    private static var register: UInt32 { UInt32(NFT_REG_1.rawValue) }

    private func add(_ match: RedirectionRule.Match) throws(RedirectionError) {
        switch match {
        case .family(let family):
            try load(meta: NFT_META_NFPROTO)
            try compare(NFT_CMP_EQ, [family.rawValue])
        case .frame(let family):
            try load(meta: NFT_META_PROTOCOL)
            // ETH_P_IP and ETH_P_IPV6 (linux/if_ether.h).
            try compare(NFT_CMP_EQ, UInt16(family == .ipv4 ? 0x0800 : 0x86DD).networkOctets)
        case .transport(let transport):
            try load(meta: NFT_META_L4PROTO)
            try compare(NFT_CMP_EQ, [transport.rawValue])
        case .opensConnection:
            // Offset and bits of the flags: RFC 9293 §3.1; FIN 0x01, SYN 0x02, RST 0x04, ACK 0x10.
            try load(NFT_PAYLOAD_TRANSPORT_HEADER, offset: 13, length: 1)
            try mask([0x17], xor: [0])
            try compare(NFT_CMP_EQ, [0x02])
        case .source(let block): try add(block, isSource: true, NFT_CMP_EQ)
        case .destination(let block): try add(block, isSource: false, NFT_CMP_EQ)
        case .destinationOutside(let block): try add(block, isSource: false, NFT_CMP_NEQ)
        case .destinationInSet(let family): try addLookup(family)
        case .controlGroup(let group): try add(group)
        case .leavesByLoopback:
            try load(meta: NFT_META_OIFNAME)
            // The whole field of 16 octets (IFNAMSIZ): a shorter comparison would match any device lo*.
            try compare(NFT_CMP_EQ, Array("lo".utf8) + Array(repeating: 0, count: Int(IFNAMSIZ) - 2))
        case .destinationPorts(let ports):
            try loadDestinationPort()
            if ports.count == 1 {
                try compare(NFT_CMP_EQ, ports.lowerBound.networkOctets)
            } else {
                try compare(within: ports)
            }
        case .destinationPortOtherThan(let port):
            try loadDestinationPort()
            try compare(NFT_CMP_NEQ, port.networkOctets)
        case .packetMark(let mark): try addMark(mark, NFT_CMP_EQ)
        case .packetMarkOtherThan(let mark): try addMark(mark, NFT_CMP_NEQ)
        case .connectionMark(let mark):
            try loadConnectionMark()
            try mask(mark.mask.octets, xor: UInt32(0).octets)
            try compare(NFT_CMP_EQ, mark.value.octets)
        }
    }

    private func add(_ statement: RedirectionRule.Statement) throws(RedirectionError) {
        switch statement {
        case .accept: try add(verdict: NF_ACCEPT)
        case .drop: try add(verdict: NF_DROP)
        case .translateSource(let address): try addTranslation(address)
        case .redirect(let port):
            try add("immediate") { expression in
                expression.set(NFTNL_EXPR_IMM_DREG, Self.register)
                expression.set(NFTNL_EXPR_IMM_DATA, port.networkOctets)
            }
            try add("redir") { expression in
                expression.set(NFTNL_EXPR_REDIR_REG_PROTO_MIN, Self.register)
                expression.set(NFTNL_EXPR_REDIR_REG_PROTO_MAX, Self.register)
                // NF_NAT_RANGE_PROTO_SPECIFIED (linux/netfilter/nf_nat.h): the port is given.
                expression.set(NFTNL_EXPR_REDIR_FLAGS, 2)
            }
        case .setOriginalConnectionZone(let zone): try addOriginalConnectionZone(zone)
        case .setConnectionMark(let mark):
            try loadConnectionMark()
            try mask((~mark.mask).octets, xor: mark.value.octets)
            try add("ct") { expression in
                expression.set(NFTNL_EXPR_CT_KEY, UInt32(NFT_CT_MARK.rawValue))
                expression.set(NFTNL_EXPR_CT_SREG, Self.register)
            }
        case .restorePacketMark:
            try loadConnectionMark()
            try add("meta") { expression in
                expression.set(NFTNL_EXPR_META_KEY, UInt32(NFT_META_MARK.rawValue))
                expression.set(NFTNL_EXPR_META_SREG, Self.register)
            }
        }
    }

    private func add(verdict: CInt) throws(RedirectionError) {
        try add("immediate") { expression in
            expression.set(NFTNL_EXPR_IMM_DREG, UInt32(NFT_REG_VERDICT.rawValue))
            expression.set(NFTNL_EXPR_IMM_VERDICT, UInt32(verdict))
        }
    }

    private func addTranslation(_ address: IPAddress) throws(RedirectionError) {
        let family: AddressFamily = address.isIPv4 ? .ipv4 : .ipv6
        try add("immediate") { expression in
            expression.set(NFTNL_EXPR_IMM_DREG, Self.register)
            expression.set(NFTNL_EXPR_IMM_DATA, address.octets(of: family))
        }
        try add("nat") { expression in
            expression.set(NFTNL_EXPR_NAT_TYPE, UInt32(NFT_NAT_SNAT.rawValue))
            expression.set(NFTNL_EXPR_NAT_FAMILY, UInt32(family.rawValue))
            expression.set(NFTNL_EXPR_NAT_REG_ADDR_MIN, Self.register)
            expression.set(NFTNL_EXPR_NAT_REG_ADDR_MAX, Self.register)
            // NF_NAT_RANGE_MAP_IPS (linux/netfilter/nf_nat.h), which newer kernels set themselves: the address is given.
            expression.set(NFTNL_EXPR_NAT_FLAGS, 1)
        }
    }

    private func addLookup(_ family: AddressFamily) throws(RedirectionError) {
        let length = family.addressLength
        try load(NFT_PAYLOAD_NETWORK_HEADER, offset: family == .ipv4 ? 16 : 24, length: length)
        try add("lookup") { expression in
            expression.set(NFTNL_EXPR_LOOKUP_SREG, Self.register)
            expression.set(NFTNL_EXPR_LOOKUP_SET, family.setName)
            // None; the kernel tells it so, and what it tells is compared.
            expression.set(NFTNL_EXPR_LOOKUP_FLAGS, 0)
        }
    }

    private func add(_ group: ControlGroup) throws(RedirectionError) {
        try add("socket") { expression in
            expression.set(NFTNL_EXPR_SOCKET_KEY, UInt32(NFT_SOCKET_CGROUPV2.rawValue))
            expression.set(NFTNL_EXPR_SOCKET_DREG, Self.register)
            expression.set(NFTNL_EXPR_SOCKET_LEVEL, UInt32(group.level))
        }
        try compare(NFT_CMP_EQ, group.number.octets)
    }

    private func addOriginalConnectionZone(_ zone: UInt16) throws(RedirectionError) {
        try add("immediate") { expression in
            expression.set(NFTNL_EXPR_IMM_DREG, Self.register)
            expression.set(NFTNL_EXPR_IMM_DATA, zone.octets)
        }
        try add("ct") { expression in
            expression.set(NFTNL_EXPR_CT_KEY, UInt32(NFT_CT_ZONE.rawValue))
            expression.set(NFTNL_EXPR_CT_SREG, Self.register)
            // IP_CT_DIR_ORIGINAL (linux/netfilter/nf_conntrack_tuple_common.h).
            expression.set(NFTNL_EXPR_CT_DIR, octet: 0)
        }
    }

    // Offsets of the addresses: RFC 791 §3.1 (12 and 16), RFC 8200 §3 (8 and 24).
    private func add(_ block: CIDR, isSource: Bool, _ operation: nft_cmp_ops) throws(RedirectionError) {
        let isIPv4 = block.network.isIPv4
        let family: AddressFamily = isIPv4 ? .ipv4 : .ipv6
        let length = family.addressLength
        let offset = isIPv4 ? (isSource ? 12 : 16) : (isSource ? 8 : 24)
        try load(NFT_PAYLOAD_NETWORK_HEADER, offset: offset, length: length)
        if block.prefixLength < 8 * length {
            let octets = (0..<length).map { index in
                UInt8(truncatingIfNeeded: 0xFF00 >> min(8, max(0, block.prefixLength - 8 * index)))
            }
            try mask(octets, xor: Array(repeating: 0, count: length))
        }
        try compare(operation, block.network.octets(of: family))
    }

    // Offset of the destination port: RFC 9293 §3.1.
    private func loadDestinationPort() throws(RedirectionError) {
        try load(NFT_PAYLOAD_TRANSPORT_HEADER, offset: 2, length: 2)
    }

    private func addMark(_ mark: FirewallMark, _ operation: nft_cmp_ops) throws(RedirectionError) {
        try load(meta: NFT_META_MARK)
        try mask(mark.mask.octets, xor: UInt32(0).octets)
        try compare(operation, mark.value.octets)
    }

    private func load(meta key: nft_meta_keys) throws(RedirectionError) {
        try add("meta") { expression in
            expression.set(NFTNL_EXPR_META_KEY, UInt32(key.rawValue))
            expression.set(NFTNL_EXPR_META_DREG, Self.register)
        }
    }

    private func loadConnectionMark() throws(RedirectionError) {
        try add("ct") { expression in
            expression.set(NFTNL_EXPR_CT_KEY, UInt32(NFT_CT_MARK.rawValue))
            expression.set(NFTNL_EXPR_CT_DREG, Self.register)
        }
    }

    private func load(_ base: nft_payload_bases, offset: Int, length: Int) throws(RedirectionError) {
        try add("payload") { expression in
            expression.set(NFTNL_EXPR_PAYLOAD_DREG, Self.register)
            expression.set(NFTNL_EXPR_PAYLOAD_BASE, UInt32(base.rawValue))
            expression.set(NFTNL_EXPR_PAYLOAD_OFFSET, UInt32(offset))
            expression.set(NFTNL_EXPR_PAYLOAD_LEN, UInt32(length))
        }
    }

    private func mask(_ mask: [UInt8], xor: [UInt8]) throws(RedirectionError) {
        try add("bitwise") { expression in
            expression.set(NFTNL_EXPR_BITWISE_SREG, Self.register)
            expression.set(NFTNL_EXPR_BITWISE_DREG, Self.register)
            expression.set(NFTNL_EXPR_BITWISE_LEN, UInt32(mask.count))
            expression.set(NFTNL_EXPR_BITWISE_MASK, mask)
            expression.set(NFTNL_EXPR_BITWISE_XOR, xor)
        }
    }

    private func compare(_ operation: nft_cmp_ops, _ octets: [UInt8]) throws(RedirectionError) {
        try add("cmp") { expression in
            expression.set(NFTNL_EXPR_CMP_SREG, Self.register)
            expression.set(NFTNL_EXPR_CMP_OP, UInt32(operation.rawValue))
            expression.set(NFTNL_EXPR_CMP_DATA, octets)
        }
    }

    private func compare(within ports: ClosedRange<UInt16>) throws(RedirectionError) {
        try add("range") { expression in
            expression.set(NFTNL_EXPR_RANGE_SREG, Self.register)
            expression.set(NFTNL_EXPR_RANGE_OP, UInt32(NFT_RANGE_EQ.rawValue))
            expression.set(NFTNL_EXPR_RANGE_FROM_DATA, ports.lowerBound.networkOctets)
            expression.set(NFTNL_EXPR_RANGE_TO_DATA, ports.upperBound.networkOctets)
        }
    }

    private func add(
        _ name: String, _ configure: (borrowing NetfilterExpression) -> Void = { _ in }
    ) throws(RedirectionError) {
        let expression = try NetfilterExpression(name)
        configure(expression)
        // Safety: the rule takes the expression over and frees it with itself.
        unsafe nftnl_rule_add_expr(pointer, expression.relinquish())
    }
}

extension FixedWidthInteger {
    /// The octets in the order of this machine, as marks are compared.
    fileprivate var octets: [UInt8] {
        var value = self
        // Safety: the octets of a local integer, copied at once.
        return unsafe withUnsafeBytes(of: &value) { unsafe Array($0) }
    }

    /// The octets in network order, as headers hold them.
    fileprivate var networkOctets: [UInt8] { bigEndian.octets }
}
