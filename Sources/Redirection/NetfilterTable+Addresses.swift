// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import CNetfilter
internal import Glibc

// The sets of addresses that a table's rules look into.
extension NetfilterTable {
    /// Adds and removes addresses until the sets hold those of `plan`; rules stay, with their counters.
    func replaceAddresses(_ plan: NetfilterPlan) throws(RedirectionError) {
        var request = try Self.batch()
        for (family, wanted) in plan.addresses {
            let found = try addresses(family) ?? []
            let flags = NLM_F_CREATE | NLM_F_ACK
            try request.append(wanted.subtracting(found), family, in: name, NFT_MSG_NEWSETELEM, flags: flags)
            try request.append(found.subtracting(wanted), family, in: name, NFT_MSG_DELSETELEM, flags: NLM_F_ACK)
        }
        // Somebody else may have done it meanwhile: then there is nothing but the beginning of the batch.
        if request.steps.count > 1 { try commit(&request) }
    }

    /// The addresses in the set of a family; nil when there is no such set.
    func addresses(_ family: AddressFamily) throws(RedirectionError) -> Set<IPAddress>? {
        var request = NetlinkRequest()
        try request.append([], family, in: name, NFT_MSG_GETSETELEM, flags: NLM_F_DUMP)
        var found: Set<IPAddress> = []
        do throws(RedirectionError) {
            try unsafe socket.read(request) { header in
                // Safety: the message came from the kernel with a true length; the object is freed at the end.
                guard let set = unsafe nftnl_set_alloc() else { return }
                defer { unsafe nftnl_set_free(set) }
                guard unsafe nftnl_set_elems_nlmsg_parse(header, set) >= 0 else { return }
                unsafe Self.forEachKey(of: set) { octets in
                    guard octets.count == family.addressLength else { return }
                    unsafe found.insert(IPAddress(network: Array(octets)))
                }
            }
        } catch .refused(_, errno: ENOENT, _) {
            return nil
        }
        return found
    }

    private static func forEachKey(of set: OpaquePointer, _ body: (UnsafeRawBufferPointer) -> Void) {
        // Safety: the iterator lives as long as this call, the set longer; keys belong to the set.
        guard let iterator = unsafe nftnl_set_elems_iter_create(set) else { return }
        defer { unsafe nftnl_set_elems_iter_destroy(iterator) }
        while let element = unsafe nftnl_set_elems_iter_next(iterator) {
            var length: UInt32 = 0
            let key = unsafe nftnl_set_elem_get(element, UInt16(NFTNL_SET_ELEM_KEY), &length)
            unsafe body(UnsafeRawBufferPointer(start: key, count: key == nil ? 0 : Int(length)))
        }
    }
}

extension NetlinkRequest {
    /// Addresses in one message: 28 octets each, of the 8192 that a message has room for.
    private static var addressesPerMessage: Int { 128 }

    /// Adds the message that makes a set.
    mutating func append(setOf family: AddressFamily, in table: NetfilterTableName) throws(RedirectionError) {
        try unsafe append(.addresses(family)) { place, sequence in
            // Safety: the library copies the names; header and payload are far shorter than the room kept.
            guard let set = unsafe Self.set(family, in: table) else { return nil }
            defer { unsafe nftnl_set_free(set) }
            // What nft(8) takes for the types ipv4_addr and ipv6_addr (nftables, datatype.h).
            unsafe nftnl_set_set_u32(set, UInt16(NFTNL_SET_KEY_TYPE.rawValue), family == .ipv4 ? 7 : 8)
            unsafe nftnl_set_set_u32(set, UInt16(NFTNL_SET_KEY_LEN.rawValue), UInt32(family.addressLength))
            // A number within the transaction.
            unsafe nftnl_set_set_u32(set, UInt16(NFTNL_SET_ID.rawValue), UInt32(family.rawValue))
            let header = unsafe Self.header(place, table, NFT_MSG_NEWSET, flags: NLM_F_CREATE, sequence)
            if let header = unsafe header { unsafe nftnl_set_nlmsg_build_payload(header, set) }
            return unsafe header
        }
    }

    /// Adds messages about elements of a set; none when there are no addresses, but for a request to list them.
    mutating func append(
        _ addresses: Set<IPAddress>, _ family: AddressFamily, in table: NetfilterTableName, _ type: nf_tables_msg_types,
        flags: CInt
    ) throws(RedirectionError) {
        var rest = addresses.sorted()[...]
        while !rest.isEmpty || type == NFT_MSG_GETSETELEM {
            let part = rest.prefix(Self.addressesPerMessage)
            rest = rest.dropFirst(part.count)
            try unsafe append(.addresses(family)) { place, sequence in
                // Safety: as for the set; the set takes its elements over and frees them with itself.
                guard let set = unsafe Self.set(family, in: table) else { return nil }
                defer { unsafe nftnl_set_free(set) }
                for address in part {
                    guard let element = unsafe nftnl_set_elem_alloc() else { return nil }
                    let octets = address.octets(of: family)
                    _ = unsafe octets.withUnsafeBytes { bytes in
                        unsafe nftnl_set_elem_set(
                            element, UInt16(NFTNL_SET_ELEM_KEY), bytes.baseAddress, UInt32(bytes.count))
                    }
                    unsafe nftnl_set_elem_add(set, element)
                }
                let header = unsafe Self.header(place, table, type, flags: flags, sequence)
                if let header = unsafe header { unsafe nftnl_set_elems_nlmsg_build_payload(header, set) }
                return unsafe header
            }
            if type == NFT_MSG_GETSETELEM { return }
        }
    }

    private static func set(_ family: AddressFamily, in table: NetfilterTableName) -> OpaquePointer? {
        // Safety: the library copies the names; the caller frees the object.
        guard let set = unsafe nftnl_set_alloc() else { return nil }
        _ = unsafe nftnl_set_set_str(set, UInt16(NFTNL_SET_TABLE.rawValue), table.text)
        _ = unsafe nftnl_set_set_str(set, UInt16(NFTNL_SET_NAME.rawValue), family.setName)
        return unsafe set
    }
}

extension IPAddress {
    /// An address from the four or sixteen octets of a header.
    fileprivate init(network octets: [UInt8]) {
        func number(_ octets: ArraySlice<UInt8>) -> UInt64 { octets.reduce(0) { $0 << 8 | UInt64($1) } }
        if octets.count == 4 {
            self.init(v4: UInt32(truncatingIfNeeded: number(octets[...])))
        } else {
            self.init(high: number(octets.prefix(8)), low: number(octets.dropFirst(8)))
        }
    }
}
