// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Mesh

/// One condition of an entry: numbers only.
struct Condition: Sendable {
    enum Subject: UInt8, Sendable {
        case path
        case method
        case authority
        case scheme
        case header
        case query
        /// The client's namespace is `number`.
        case namespace
        /// The client's workload is in `RouteTable.labelSets[number]`.
        case labels
    }

    enum Operator: UInt8, Sendable {
        case exact
        case prefix
        case suffix
        /// By `RouteTable.expressions[number]`.
        case regex
        case presence
        /// Whole leading elements of a path.
        case elements
        /// Exact without regard to ASCII case; the value is in lower case.
        case exactFolded
        case prefixFolded
        case elementsFolded
        /// Never: an expression that cannot be compiled.
        case never
    }

    var subject: Subject
    var test: Operator
    var isInverted = false
    /// Whether values of a repeated field are joined as Cookie wants it.
    var isCookie = false
    /// `FieldList.hash(of: name)`.
    var nameHash: UInt32 = 0
    /// Of a header field or query parameter.
    var name = TextRange.empty
    var value = TextRange.empty
    var number: UInt32 = 0
}

/// One condition of a request with the rule it leads to.
struct EntryRecord: Sendable {
    /// In `RouteTable.conditions`.
    let conditions: IndexRange
    let rule: RuleIndex
    /// How many octets of the path the condition is about, for rewrites of a prefix; nil: all of them.
    let prefixLength: UInt32?
}

/// Rules for the clients of one scope, and where to look for the entries that a request may meet.
///
/// Each entry is filed under one condition that a request can be looked up by: its exact path, a leading text of the path, or
/// the exact value of a header field; whichever fewest other entries share. Entries without such a condition stand in a list of their own.
/// Of all entries found the one that stands first in the order counts, so nothing depends on where an entry is filed.
struct GroupRecord: Sendable {
    /// In `RouteTable.keySlots`; a power of two, or empty.
    var slots = IndexRange.empty
    /// In `RouteTable.lists`: entries that are filed under nothing.
    var others = IndexRange.empty
    /// Bit min(n, 63) for every length n of a leading text that entries are filed under.
    var prefixLengths: UInt64 = 0
    var foldedPrefixLengths: UInt64 = 0
    var hasExactPaths = false
    var hasFoldedPaths = false
    /// Bit (hash % 64) for every name of a header field that entries are filed under.
    var headerNames: UInt64 = 0
}

/// Entries that are filed under one key.
struct KeySlot: Sendable {
    let hash: UInt64
    /// In `RouteTable.lists`, ascending; empty: the slot is vacant.
    let list: IndexRange

    static let vacant = KeySlot(hash: 0, list: .empty)
}

/// Hashes of the keys that entries are filed under: FNV-1a, with a start for each kind and a secret of the process.
///
/// Only what entries are filed under can collide, and that is chosen by the owners of routes; a request that collides is one
/// entry more to evaluate.
struct KeyHash {
    enum Kind: UInt64 {
        case exactPath = 1
        case prefix = 2
        case foldedExactPath = 3
        case foldedPrefix = 4
        case header = 5
    }

    private(set) var value: UInt64

    @inline(__always)
    init(_ kind: Kind, seed: UInt64) {
        value = 0xCBF2_9CE4_8422_2325 ^ seed ^ (kind.rawValue &* 0x9E37_79B9_7F4A_7C15)
    }

    @inline(__always)
    mutating func combine(_ octet: UInt8) {
        value = (value ^ UInt64(octet)) &* 0x100_0000_01B3
    }

    @inline(__always)
    mutating func combine(_ octets: Span<UInt8>) {
        for index in 0..<octets.count { combine(octets[index]) }
    }

    /// The hash, its bits mixed (splitmix64).
    @inline(__always)
    var finished: UInt64 {
        var mixed = value
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}

/// A port of a service: numbers only.
struct ScopeRecord: Sendable {
    let service: ServiceIndex
    let port: UInt16
    let applicationProtocol: ApplicationProtocol
    /// The service itself.
    let cluster: ClusterIndex
    /// In `RouteTable.bindings`.
    let bindings: IndexRange
}

/// Rules of one scope for one group of clients: numbers only.
struct BindingRecord: Sendable {
    /// The namespace, as the table counts those that its routes name; 0: everyone.
    let namespace: UInt32
    /// In `RouteTable.groups`; nil: no HTTP routes.
    let group: UInt32?
    /// In `RouteTable.streamRules`; nil: no routes of connections.
    let streams: IndexRange?
}

/// A redirect: numbers only.
struct RedirectRecord: Sendable {
    let scheme: TextRange?
    let host: TextRange?
    let port: Redirect.Port
    let path: PathRewriteRecord?
    let status: UInt16
}

/// A rule for connections that are not HTTP: numbers only.
struct StreamRuleRecord: Sendable {
    /// In `RouteTable.streamMatches`; empty: every connection.
    let matches: IndexRange
    /// In `RouteTable.backends`.
    let backends: IndexRange
    let totalWeight: UInt64
    /// In `RouteTable.streamOrigins`.
    let origin: UInt32
}

/// Space for what must be put together to decide about a request; one per worker, so that nothing is allocated per request.
package struct RouteScratch: ~Copyable {
    var joined: [UInt8] = []
    var built: [UInt8] = []

    /// Makes an empty space, which grows to what the largest request needs.
    package init() {}

    /// Appends what is in `joined` to `built`.
    mutating func appendJoined() {
        built += joined
    }
}
