// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import CNetfilter
internal import Glibc

/// One of our tables in one network namespace, spoken of through one netlink socket.
///
/// It replaces and removes the table in one transaction, and reads it back. It does not touch any other table.
struct NetfilterTable: ~Copyable {
    let name: NetfilterTableName
    let socket: NetlinkSocket

    /// Opens a socket in the calling thread's network namespace.
    init(_ name: NetfilterTableName) throws(RedirectionError) {
        self.name = name
        socket = try NetlinkSocket(family: NETLINK_NETFILTER)
    }

    /// Makes the table hold exactly the rules and addresses of `plan`, in one transaction; changes nothing when it does already.
    ///
    /// Only a table that differs is deleted: after a transaction that deletes, closing the socket waits until no packet can
    /// be in the old rules any more (RCU grace periods), which takes twenty times as long as all the rest.
    func replace(with plan: NetfilterPlan) throws(RedirectionError) {
        let differences = try differences(from: plan)
        if differences.isEmpty { return }
        if differences.allSatisfy(\.isOfAddresses) { return try replaceAddresses(plan) }
        if differences == [.tableMissing] {
            var request = try Self.batch()
            try request.append(name, NFT_MSG_NEWTABLE, flags: NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK)
            try request.append(plan)
            do throws(RedirectionError) { return try commit(&request) } catch .refused(.table, errno: EEXIST, _) {
                // Somebody was faster: replace theirs.
            }
        }
        var request = try Self.batch()
        try request.appendDeletion(name)
        try request.append(name, NFT_MSG_NEWTABLE, flags: NLM_F_CREATE)
        try request.append(plan)
        try commit(&request)
    }

    /// Removes the table; succeeds when there is none.
    func remove() throws(RedirectionError) {
        guard try flags() != nil else { return }
        var request = try Self.batch()
        try request.appendDeletion(name)
        try commit(&request)
    }

    static func batch() throws(RedirectionError) -> NetlinkRequest {
        var request = NetlinkRequest()
        try unsafe request.append(.commit) { place, sequence in unsafe nftnl_batch_begin(place, sequence) }
        return request
    }

    func commit(_ request: inout NetlinkRequest) throws(RedirectionError) {
        try unsafe request.append(.commit) { place, sequence in unsafe nftnl_batch_end(place, sequence) }
        let answers = try socket.exchange(request)
        // One cause can refuse many messages: the first is the one to tell.
        if let refusal = answers.first(where: { $0.errno != 0 }) {
            throw RedirectionError(refusal.step, errno: refusal.errno, message: refusal.message)
        }
        // One message asks for a confirmation, which comes only when the whole batch went through.
        guard !answers.isEmpty else { throw .unexpectedAnswer(.commit) }
    }
}

extension NetlinkRequest {
    /// Adds messages that delete our table and cannot fail because it is absent: it is added first.
    fileprivate mutating func appendDeletion(_ table: NetfilterTableName) throws(RedirectionError) {
        try append(table, NFT_MSG_NEWTABLE, flags: NLM_F_CREATE)
        try append(table, NFT_MSG_DELTABLE, flags: NLM_F_ACK)
    }

    fileprivate mutating func append(_ plan: NetfilterPlan) throws(RedirectionError) {
        for (family, addresses) in plan.addresses {
            try append(setOf: family, in: plan.name)
            try append(addresses, family, in: plan.name, NFT_MSG_NEWSETELEM, flags: NLM_F_CREATE)
        }
        for chain in plan.name.chains { try append(chain) }
        for chain in plan.name.chains {
            for (position, rule) in (plan.rules[chain] ?? []).enumerated() {
                let encoded = try NetfilterRule.encoding(rule, in: chain)
                try append(encoded, chain, position: position)
            }
        }
    }

    /// Adds a message about a table of ours.
    mutating func append(
        _ name: NetfilterTableName, _ type: nf_tables_msg_types, flags: CInt
    ) throws(RedirectionError) {
        try unsafe append(.table(name)) { place, sequence in
            // Safety: the library copies the name; header and payload are far shorter than the room kept.
            guard let table = unsafe nftnl_table_alloc() else { return nil }
            defer { unsafe nftnl_table_free(table) }
            _ = unsafe nftnl_table_set_str(table, UInt16(NFTNL_TABLE_NAME.rawValue), name.text)
            let header = unsafe Self.header(place, name, type, flags: flags, sequence)
            if let header = unsafe header { unsafe nftnl_table_nlmsg_build_payload(header, table) }
            return unsafe header
        }
    }

    fileprivate mutating func append(_ chain: NetfilterChain) throws(RedirectionError) {
        try unsafe append(.chain(chain)) { place, sequence in
            // Safety: as for the table.
            guard let object = unsafe nftnl_chain_alloc() else { return nil }
            defer { unsafe nftnl_chain_free(object) }
            let shape = NetfilterChainShape(chain)
            _ = unsafe nftnl_chain_set_str(object, UInt16(NFTNL_CHAIN_TABLE.rawValue), chain.table.text)
            _ = unsafe nftnl_chain_set_str(object, UInt16(NFTNL_CHAIN_NAME.rawValue), chain.rawValue)
            _ = unsafe nftnl_chain_set_str(object, UInt16(NFTNL_CHAIN_TYPE.rawValue), shape.type)
            unsafe nftnl_chain_set_u32(object, UInt16(NFTNL_CHAIN_HOOKNUM.rawValue), shape.hook)
            unsafe nftnl_chain_set_s32(object, UInt16(NFTNL_CHAIN_PRIO.rawValue), shape.priority)
            unsafe nftnl_chain_set_u32(object, UInt16(NFTNL_CHAIN_POLICY.rawValue), shape.policy)
            let header = unsafe Self.header(place, chain.table, NFT_MSG_NEWCHAIN, flags: NLM_F_CREATE, sequence)
            if let header = unsafe header { unsafe nftnl_chain_nlmsg_build_payload(header, object) }
            return unsafe header
        }
    }

    fileprivate mutating func append(
        _ rule: borrowing NetfilterRule, _ chain: NetfilterChain, position: Int
    ) throws(RedirectionError) {
        try unsafe append(.rule(chain, position: position)) { place, sequence in
            let header = unsafe Self.header(
                place, chain.table, NFT_MSG_NEWRULE, flags: NLM_F_CREATE | NLM_F_APPEND, sequence)
            if let header = unsafe header { unsafe rule.write(to: header) }
            return unsafe header
        }
    }

    /// Writes the header of a message to nftables.
    static func header(
        _ place: UnsafeMutablePointer<CChar>, _ table: NetfilterTableName, _ type: nf_tables_msg_types, flags: CInt,
        _ sequence: UInt32
    ) -> UnsafeMutablePointer<nlmsghdr>? {
        // Safety: the caller keeps the room.
        unsafe nftnl_nlmsg_build_hdr(place, UInt16(type.rawValue), table.family, UInt16(flags), sequence)
    }
}
