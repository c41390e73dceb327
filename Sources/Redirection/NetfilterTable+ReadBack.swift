// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import CNetfilter
internal import Glibc

extension NetfilterTable {
    /// In what the table differs from `plan`; counters do not count.
    func differences(from plan: NetfilterPlan) throws(RedirectionError) -> [RedirectionDifference] {
        guard let flags = try flags() else { return [.tableMissing] }
        var differences: [RedirectionDifference] = []
        // NFT_TABLE_F_DORMANT (linux/netfilter/nf_tables.h).
        if flags & 1 != 0 { differences.append(.tableDormant) }
        let chains = try chainShapes()
        let (found, unreadable) = try ruleExpressions()
        if unreadable > 0 { differences.append(.rulesUnreadable(count: unreadable)) }
        for chain in name.chains {
            guard let shape = chains[chain.rawValue] else {
                differences.append(.chainMissing(chain))
                continue
            }
            if shape != NetfilterChainShape(chain) { differences.append(.chainMoved(chain)) }
            var expected: [[String]] = []
            for rule in plan.rules[chain] ?? [] {
                expected.append(try NetfilterRule.encoding(rule, in: chain).expressions)
            }
            let actual = found[chain.rawValue] ?? []
            let common = zip(expected, actual).prefix { $0 == $1 }.count
            if common < max(expected.count, actual.count) {
                differences.append(.rulesDiffer(chain, position: common))
            }
        }
        for other in chains.keys.sorted() where NetfilterChain(rawValue: other)?.table != name {
            differences.append(.chainUnexpected(name: other))
        }
        for (family, wanted) in plan.addresses where try addresses(family) != wanted {
            differences.append(.addressesDiffer(family))
        }
        return differences
    }

    /// The flags of the table, or nil when there is none, as where the kernel has no nftables at all.
    func flags() throws(RedirectionError) -> UInt32? {
        var request = NetlinkRequest()
        try request.append(name, NFT_MSG_GETTABLE, flags: 0)
        var flags: UInt32?
        do {
            try unsafe socket.read(request) { header in
                // Safety: the message came from the kernel with a true length; the object is freed at the end.
                guard let table = unsafe nftnl_table_alloc() else { return }
                defer { unsafe nftnl_table_free(table) }
                guard unsafe nftnl_table_nlmsg_parse(header, table) == 0 else { return }
                flags = unsafe nftnl_table_get_u32(table, UInt16(NFTNL_TABLE_FLAGS.rawValue))
            }
        } catch .refused(_, errno: ENOENT, _) {
            return nil
        } catch .unsupported {
            return nil
        }
        guard let flags else { throw .unexpectedAnswer(.readBack) }
        return flags
    }

    /// The chains of the table by name; a chain without a hook has an empty type.
    private func chainShapes() throws(RedirectionError) -> [String: NetfilterChainShape] {
        var request = NetlinkRequest()
        try unsafe request.append(.readBack) { place, sequence in
            unsafe NetlinkRequest.header(place, name, NFT_MSG_GETCHAIN, flags: NLM_F_DUMP, sequence)
        }
        var shapes: [String: NetfilterChainShape] = [:]
        try unsafe socket.read(request) { header in
            // Safety: as above; the strings belong to the object and are copied at once.
            guard let chain = unsafe nftnl_chain_alloc() else { return }
            defer { unsafe nftnl_chain_free(chain) }
            guard unsafe nftnl_chain_nlmsg_parse(header, chain) == 0,
                unsafe Self.text(chain, NFTNL_CHAIN_TABLE) == name.text
            else { return }
            shapes[unsafe Self.text(chain, NFTNL_CHAIN_NAME)] = unsafe NetfilterChainShape(
                type: Self.text(chain, NFTNL_CHAIN_TYPE),
                hook: nftnl_chain_get_u32(chain, UInt16(NFTNL_CHAIN_HOOKNUM.rawValue)),
                priority: nftnl_chain_get_s32(chain, UInt16(NFTNL_CHAIN_PRIO.rawValue)),
                policy: nftnl_chain_get_u32(chain, UInt16(NFTNL_CHAIN_POLICY.rawValue)))
        }
        return shapes
    }

    private static func text(_ chain: OpaquePointer, _ attribute: nftnl_chain_attr) -> String {
        // Safety: the string belongs to the object and is copied at once.
        unsafe nftnl_chain_get_str(chain, UInt16(attribute.rawValue)).map { unsafe String(cString: $0) } ?? ""
    }

    /// The expressions of the table's rules, by chain and in order, and how many the library does not understand.
    private func ruleExpressions() throws(RedirectionError) -> (byChain: [String: [[String]]], unreadable: Int) {
        var request = NetlinkRequest()
        let selection = try NetfilterRule.selecting(name)
        try unsafe request.append(.readBack) { place, sequence in
            let header = unsafe NetlinkRequest.header(place, name, NFT_MSG_GETRULE, flags: NLM_F_DUMP, sequence)
            if let header = unsafe header { unsafe selection.write(to: header) }
            return unsafe header
        }
        var byChain: [String: [[String]]] = [:]
        var unreadable = 0
        try unsafe socket.read(request) { header in
            do throws(RedirectionError) {
                let rule = try unsafe NetfilterRule.parsing(header)
                guard rule.tableName == name.text else { return }
                byChain[rule.chainName, default: []].append(rule.expressions)
            } catch {
                unreadable += 1
            }
        }
        return (byChain, unreadable)
    }
}
