// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import CNetfilter
internal import Glibc

/// The routing of marked replies in one network namespace, spoken of through one rtnetlink socket (rtnetlink(7)).
///
/// Per family one rule, "packets with the mark use our table", and one route in that table, "everything is local". Both
/// are written so that repeating them changes nothing.
struct PolicyRouting: ~Copyable {
    /// The loopback device as the rules need it.
    struct Loopback: Equatable {
        /// Its index, 1 in every network namespace but read all the same.
        let index: UInt32
        /// IFF_UP.
        let isUp: Bool
        /// Whether the kernel serves IPv6 on it: no rule and no route for IPv6 otherwise.
        let hasIPv6: Bool

        /// The families that are routed.
        var families: [AddressFamily] { hasIPv6 ? [.ipv4, .ipv6] : [.ipv4] }
    }

    /// DEVCONF_DISABLE_IPV6 (linux/ipv6.h, which cannot be included beside the C library's headers).
    private static var disableIPv6Index: Int { 26 }
    private let socket: NetlinkSocket

    /// Opens a socket in the calling thread's network namespace.
    init() throws(RedirectionError) {
        socket = try NetlinkSocket(family: NETLINK_ROUTE)
    }

    /// Reads the loopback device.
    ///
    /// - Throws: `.loopbackDown` when there is none.
    func loopback() throws(RedirectionError) -> Loopback {
        var request = NetlinkRequest()
        try unsafe request.append(.loopback) { place, sequence in
            let header = unsafe Self.header(place, RTM_GETLINK, flags: NLM_F_REQUEST, sequence)
            // Safety: the caller keeps room; libmnl zeroes the header it returns.
            guard let family = unsafe mnl_nlmsg_put_extra_header(header, MemoryLayout<ifinfomsg>.size) else {
                return nil
            }
            unsafe family.assumingMemoryBound(to: ifinfomsg.self).pointee.ifi_family = UInt8(AF_UNSPEC)
            unsafe mnl_attr_put_strz(header, UInt16(IFLA_IFNAME), "lo")
            return unsafe header
        }
        var found: Loopback?
        do {
            try unsafe socket.read(request) { header in unsafe found = Self.loopback(header) ?? found }
        } catch .refused(_, errno: ENODEV, _) {
            throw .loopbackDown
        }
        guard let found else { throw .unexpectedAnswer(.loopback) }
        return found
    }

    /// Adds what is missing.
    func add(_ plan: RedirectionPlan, by loopback: Loopback) throws(RedirectionError) {
        var request = NetlinkRequest()
        for family in loopback.families {
            try request.appendRule(plan, family, RTM_NEWRULE, flags: NLM_F_CREATE | NLM_F_EXCL)
            try request.appendRoute(plan, family, loopback, RTM_NEWROUTE, flags: NLM_F_CREATE | NLM_F_REPLACE)
        }
        for answer in try socket.exchange(request) where answer.errno != 0 && answer.errno != EEXIST {
            throw RedirectionError(answer.step, errno: answer.errno, message: answer.message)
        }
    }

    /// Deletes what is there, for both families.
    func remove(_ plan: RedirectionPlan, by loopback: Loopback) throws(RedirectionError) {
        var request = NetlinkRequest()
        for family in AddressFamily.allCases {
            try request.appendRule(plan, family, RTM_DELRULE, flags: 0)
            try request.appendRoute(plan, family, loopback, RTM_DELROUTE, flags: 0)
        }
        // Absent: ENOENT for a rule, ESRCH for a route; ENETUNREACH or EAFNOSUPPORT where the kernel has no IPv6 at all.
        let absent = [0, ENOENT, ESRCH, ENETUNREACH, EAFNOSUPPORT, EOPNOTSUPP]
        for answer in try socket.exchange(request) where !absent.contains(answer.errno) {
            throw RedirectionError(answer.step, errno: answer.errno, message: answer.message)
        }
    }

    /// What of the plan is absent.
    func differences(from plan: RedirectionPlan, by loopback: Loopback) throws(RedirectionError)
        -> [RedirectionDifference]
    {
        var differences: [RedirectionDifference] = []
        for family in loopback.families {
            var hasRule = false
            var hasRoute = false
            var rules = NetlinkRequest()
            try rules.appendRuleDump(family)
            try unsafe socket.read(rules) { unsafe hasRule = hasRule || Self.isRule($0, of: plan) }
            var routes = NetlinkRequest()
            try routes.appendRouteDump(family, table: plan.routeTable)
            do {
                try unsafe socket.read(routes) { unsafe hasRoute = hasRoute || Self.isRoute($0, of: plan, loopback) }
            } catch .refused(_, errno: ENOENT, _) {
                // The kernel makes a table when its first route comes.
            }
            if !hasRule { differences.append(.routeRuleMissing(family)) }
            if !hasRoute { differences.append(.routeMissing(family)) }
        }
        return differences
    }
}

// MARK: - Reading

extension PolicyRouting {
    private static func loopback(_ header: UnsafePointer<nlmsghdr>) -> Loopback? {
        // Safety: the length is checked before the family header is read.
        guard unsafe header.pointee.nlmsg_type == UInt16(RTM_NEWLINK),
            unsafe mnl_nlmsg_get_payload_len(header) >= MemoryLayout<ifinfomsg>.size,
            let payload = unsafe mnl_nlmsg_get_payload(header)
        else { return nil }
        let link = unsafe payload.load(as: ifinfomsg.self)
        var hasIPv6 = false
        unsafe NetlinkSocket.forEachAttribute(of: header, after: MemoryLayout<ifinfomsg>.size) { type, value in
            guard type == UInt16(IFLA_AF_SPEC) else { return }
            unsafe NetlinkSocket.forEachAttribute(in: value) { family, value in
                guard family == UInt16(AF_INET6) else { return }
                hasIPv6 = true
                unsafe NetlinkSocket.forEachAttribute(in: value) { type, value in
                    let offset = disableIPv6Index * MemoryLayout<Int32>.size
                    guard type == UInt16(IFLA_INET6_CONF), value.count >= offset + MemoryLayout<Int32>.size else {
                        return
                    }
                    hasIPv6 = unsafe value.loadUnaligned(fromByteOffset: offset, as: Int32.self) == 0
                }
            }
        }
        return Loopback(
            index: UInt32(bitPattern: link.ifi_index), isUp: link.ifi_flags & UInt32(IFF_UP) != 0, hasIPv6: hasIPv6)
    }

    private static func isRule(_ header: UnsafePointer<nlmsghdr>, of plan: RedirectionPlan) -> Bool {
        // Safety: as above.
        guard unsafe header.pointee.nlmsg_type == UInt16(RTM_NEWRULE),
            unsafe mnl_nlmsg_get_payload_len(header) >= MemoryLayout<fib_rule_hdr>.size,
            let payload = unsafe mnl_nlmsg_get_payload(header)
        else { return false }
        let rule = unsafe payload.load(as: fib_rule_hdr.self)
        guard rule.action == UInt8(FR_ACT_TO_TBL), rule.flags & UInt32(FIB_RULE_INVERT) == 0 else { return false }
        var values: [UInt16: UInt32] = [:]
        var isNarrower = rule.src_len != 0 || rule.dst_len != 0 || rule.tos != 0
        unsafe NetlinkSocket.forEachAttribute(of: header, after: MemoryLayout<fib_rule_hdr>.size) { type, value in
            if value.count == 4 { values[type] = unsafe value.loadUnaligned(as: UInt32.self) }
            isNarrower = isNarrower || type == UInt16(FRA_IIFNAME) || type == UInt16(FRA_OIFNAME)
        }
        return !isNarrower && values[UInt16(FRA_PRIORITY)] == plan.routeRulePreference
            && values[UInt16(FRA_FWMARK)] == plan.connectionMark.value
            && values[UInt16(FRA_FWMASK)] == plan.connectionMark.mask && values[UInt16(FRA_TABLE)] == plan.routeTable
    }

    private static func isRoute(
        _ header: UnsafePointer<nlmsghdr>, of plan: RedirectionPlan, _ loopback: Loopback
    ) -> Bool {
        // Safety: as above.
        guard unsafe header.pointee.nlmsg_type == UInt16(RTM_NEWROUTE),
            unsafe mnl_nlmsg_get_payload_len(header) >= MemoryLayout<rtmsg>.size,
            let payload = unsafe mnl_nlmsg_get_payload(header)
        else { return false }
        let route = unsafe payload.load(as: rtmsg.self)
        guard route.rtm_type == UInt8(RTN_LOCAL), route.rtm_dst_len == 0, route.rtm_src_len == 0 else { return false }
        var values: [UInt16: UInt32] = [:]
        unsafe NetlinkSocket.forEachAttribute(of: header, after: MemoryLayout<rtmsg>.size) { type, value in
            if value.count == 4 { values[type] = unsafe value.loadUnaligned(as: UInt32.self) }
        }
        return values[UInt16(RTA_TABLE.rawValue)] == plan.routeTable
            && values[UInt16(RTA_OIF.rawValue)] == loopback.index
    }

    fileprivate static func header(
        _ place: UnsafeMutablePointer<CChar>, _ type: Int, flags: CInt, _ sequence: UInt32
    ) -> UnsafeMutablePointer<nlmsghdr>? {
        // Safety: the caller keeps the room; libmnl zeroes the header.
        guard let header = unsafe mnl_nlmsg_put_header(place) else { return nil }
        unsafe header.pointee.nlmsg_type = UInt16(type)
        unsafe header.pointee.nlmsg_flags = UInt16(flags | NLM_F_REQUEST)
        unsafe header.pointee.nlmsg_seq = sequence
        return unsafe header
    }
}

// MARK: - Writing

extension NetlinkRequest {
    fileprivate mutating func appendRule(
        _ plan: RedirectionPlan, _ family: AddressFamily, _ type: Int, flags: CInt
    ) throws(RedirectionError) {
        try unsafe append(.routeRule(family)) { place, sequence in
            let header = unsafe PolicyRouting.header(place, type, flags: flags | NLM_F_ACK, sequence)
            // Safety: the room kept is far longer than the family header and four numbers.
            guard let rule = unsafe mnl_nlmsg_put_extra_header(header, MemoryLayout<fib_rule_hdr>.size) else {
                return nil
            }
            unsafe rule.assumingMemoryBound(to: fib_rule_hdr.self).pointee.family = family.rawValue
            unsafe rule.assumingMemoryBound(to: fib_rule_hdr.self).pointee.action = UInt8(FR_ACT_TO_TBL)
            unsafe mnl_attr_put_u32(header, UInt16(FRA_PRIORITY), plan.routeRulePreference)
            unsafe mnl_attr_put_u32(header, UInt16(FRA_FWMARK), plan.connectionMark.value)
            unsafe mnl_attr_put_u32(header, UInt16(FRA_FWMASK), plan.connectionMark.mask)
            unsafe mnl_attr_put_u32(header, UInt16(FRA_TABLE), plan.routeTable)
            return unsafe header
        }
    }

    fileprivate mutating func appendRoute(
        _ plan: RedirectionPlan, _ family: AddressFamily, _ loopback: PolicyRouting.Loopback, _ type: Int, flags: CInt
    ) throws(RedirectionError) {
        try unsafe append(.route(family)) { place, sequence in
            let header = unsafe PolicyRouting.header(place, type, flags: flags | NLM_F_ACK, sequence)
            // Safety: as above.
            guard let payload = unsafe mnl_nlmsg_put_extra_header(header, MemoryLayout<rtmsg>.size) else { return nil }
            var route = rtmsg()
            route.rtm_family = family.rawValue
            route.rtm_type = UInt8(RTN_LOCAL)
            route.rtm_scope = UInt8(RT_SCOPE_HOST.rawValue)
            route.rtm_protocol = UInt8(RTPROT_BOOT)
            unsafe payload.storeBytes(of: route, as: rtmsg.self)
            unsafe mnl_attr_put_u32(header, UInt16(RTA_TABLE.rawValue), plan.routeTable)
            unsafe mnl_attr_put_u32(header, UInt16(RTA_OIF.rawValue), loopback.index)
            return unsafe header
        }
    }

    fileprivate mutating func appendRuleDump(_ family: AddressFamily) throws(RedirectionError) {
        try unsafe append(.readBack) { place, sequence in
            let header = unsafe PolicyRouting.header(place, RTM_GETRULE, flags: NLM_F_DUMP, sequence)
            // Safety: as above.
            guard let rule = unsafe mnl_nlmsg_put_extra_header(header, MemoryLayout<fib_rule_hdr>.size) else {
                return nil
            }
            unsafe rule.assumingMemoryBound(to: fib_rule_hdr.self).pointee.family = family.rawValue
            return unsafe header
        }
    }

    // Strict checking (NETLINK_GET_STRICT_CHK) lets the kernel list our table alone; a node's main table can be long.
    fileprivate mutating func appendRouteDump(_ family: AddressFamily, table: UInt32) throws(RedirectionError) {
        try unsafe append(.readBack) { place, sequence in
            let header = unsafe PolicyRouting.header(place, RTM_GETROUTE, flags: NLM_F_DUMP, sequence)
            // Safety: as above.
            guard let route = unsafe mnl_nlmsg_put_extra_header(header, MemoryLayout<rtmsg>.size) else { return nil }
            unsafe route.assumingMemoryBound(to: rtmsg.self).pointee.rtm_family = family.rawValue
            unsafe mnl_attr_put_u32(header, UInt16(RTA_TABLE.rawValue), table)
            return unsafe header
        }
    }
}
