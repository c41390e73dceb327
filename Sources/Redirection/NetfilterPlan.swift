// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// The content of one table as a value: what `NetfilterTable` writes into the kernel and compares it with.
struct NetfilterPlan {
    /// Which table.
    let name: NetfilterTableName
    /// The rules of each chain, in order; a chain that is not here is empty.
    let rules: [NetfilterChain: [RedirectionRule]]
    /// The elements of the table's sets of addresses; a family that is not here has no set.
    var addresses: [AddressFamily: Set<IPAddress>] = [:]
}

extension AddressFamily {
    /// The name of the set that holds addresses of the family.
    var setName: String { self == .ipv4 ? "pods-ipv4" : "pods-ipv6" }

    /// Octets of an address.
    var addressLength: Int { self == .ipv4 ? 4 : 16 }
}

extension IPAddress {
    /// The octets as headers of the family hold them.
    func octets(of family: AddressFamily) -> [UInt8] { ((16 - family.addressLength)..<16).map(octet) }
}
