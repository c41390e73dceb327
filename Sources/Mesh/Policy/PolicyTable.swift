// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

/// The compiled policies of a snapshot: arrays of numbers, so that evaluating neither allocates nor counts references.
///
/// A workload is bound by up to three rule sets: the mesh's, its namespace's, and that of the policies that select it.
/// Sets are shared by all workloads that they bind. Each set keeps its rules apart by outcome and finds those that may
/// match a connection by hash (see `RuleIndexRecord`), so that rules about other peers and ports cost nothing.
///
/// Evaluation is Authorization's; this is the format between the two.
package struct PolicyTable: Sendable {
    /// The policies, by namespace and name.
    package var records: ContiguousArray<PolicyRecord> = []
    /// The rules, in the order of their policies; rules that can never match are left out.
    package var rules: ContiguousArray<RuleRecord> = []
    /// The clauses of rules; clauses that always hold are left out.
    package var clauses: ContiguousArray<IndexRange> = []
    /// The matches of clauses: ranges of `conditions`, all of which must hold.
    package var matches: ContiguousArray<IndexRange> = []
    /// The conditions of matches.
    package var conditions: ContiguousArray<ConditionRecord> = []
    /// The texts of conditions.
    package var texts: ContiguousArray<TextRecord> = []
    /// The octets of texts.
    package var octets: ContiguousArray<UInt8> = []
    /// The blocks of conditions.
    package var blocks: ContiguousArray<CIDR> = []
    /// The ports of conditions, ascending within each condition.
    package var ports: ContiguousArray<UInt16> = []
    /// The rule sets: four indexes each, one for each `PolicyOutcome`, in that order.
    package var ruleIndexes: ContiguousArray<RuleIndexRecord> = []
    /// For each rule set, the keys that occur in any of its indexes.
    package var ruleSetKeys: ContiguousArray<RuleIndexRecord.Keys> = []
    /// For each rule set, the policies it was made of, in `ruleSetMembers`.
    package var ruleSetPolicies: ContiguousArray<IndexRange> = []
    /// The policies of rule sets, those without a rule that can match included.
    package var ruleSetMembers: ContiguousArray<PolicyIndex> = []
    /// The rule sets' references to rules, ascending within each range.
    package var references: ContiguousArray<UInt32> = []
    /// The rule sets' hash tables.
    package var buckets: ContiguousArray<BucketRecord> = []
    /// The prefix lengths that rule sets are keyed by.
    package var prefixes: ContiguousArray<PrefixRecord> = []
    /// The rules that bind every workload; nil when there are none.
    package var meshRules: RuleSetIndex?
    /// The peer authentications.
    package var peerAuthentications: ContiguousArray<PeerAuthenticationRecord> = []
    /// The different mutual TLS modes that workloads have.
    package var mutualTLSModes: ContiguousArray<MutualTLSModesRecord> = []
    /// The modes of single ports, ascending within each range.
    package var portModes: ContiguousArray<PortModeRecord> = []

    /// The position in `ruleIndexes` of a set's rules of one outcome.
    @inlinable
    package static func position(of outcome: PolicyOutcome, in set: RuleSetIndex) -> Int {
        set.position * 4 + outcome.rawValue
    }
}

/// A policy's name, outcome and scope.
package struct PolicyRecord: Sendable {
    /// Which workloads it is for.
    package enum Scope: UInt8, Sendable {
        /// All: it stands in a root namespace without a selector.
        case mesh
        /// Those of its namespace.
        case namespace
        /// Those it selects.
        case selector
    }

    /// The object's namespace.
    package let namespace: NameIndex
    /// The object's name.
    package let name: NameIndex
    /// What a match means.
    package let outcome: PolicyOutcome
    /// Which workloads it is for.
    package let scope: Scope
}

/// What it means when a policy matches.
package enum PolicyOutcome: Int, CaseIterable, Sendable {
    /// The connection is refused.
    case deny
    /// It is reported that the connection would be refused.
    case dryRunDeny
    /// The connection is permitted.
    case allow
    /// It is reported that the connection would be permitted.
    case dryRunAllow
}

/// A rule: all of its clauses must hold.
package struct RuleRecord: Sendable {
    /// Whose rule it is.
    package let policy: PolicyIndex
    /// Its clauses, in `PolicyTable.clauses`.
    package let clauses: IndexRange
}

/// One field of a match.
package struct ConditionRecord: Sendable {
    /// What the values are compared with.
    package enum Subject: UInt8, Sendable {
        /// The peer's SPIFFE ID without `spiffe://`; values in `texts`.
        case principal
        /// The peer's namespace; values in `texts`.
        case namespace
        /// The peer's namespace and service account joined by `/`; values in `texts`, all exact.
        case serviceAccount
        /// The peer's address; values in `blocks`.
        case sourceIP
        /// The workload's address; values in `blocks`.
        case destinationIP
        /// The workload's port; values in `ports`.
        case destinationPort
    }

    /// What the values are compared with.
    package let subject: Subject
    /// Whether no value may match, rather than one must.
    package let isNegated: Bool
    /// The values.
    package let values: IndexRange
    /// How many values, from the first, are exact texts sorted by hash.
    package let exactCount: UInt32
}

/// A text to compare with.
package struct TextRecord: Sendable {
    /// How to compare.
    package enum Kind: UInt8, Sendable {
        /// The whole text.
        case exact
        /// How it begins.
        case prefix
        /// How it ends.
        case suffix
        /// That it is not empty.
        case presence
    }

    /// How to compare.
    package let kind: Kind
    /// The octets, in `PolicyTable.octets`.
    package let octets: IndexRange
    /// The hash by `BucketKey` of an exact text.
    package let hash: UInt64
}

/// Rules of one outcome, found by what they ask of a connection.
///
/// Each rule has one clause chosen as its anchor, and is listed under a key of every value in it that could make the
/// clause hold: a connection that has none of these keys cannot match the rule. Rules without such a clause (negative
/// fields, presence, open patterns) are listed in `unanchored`. Two keys may share a hash: a rule found is still to be
/// evaluated.
package struct RuleIndexRecord: Sendable {
    /// How many policies; more than none even when none of them has a rule that can match.
    package let policyCount: UInt32
    /// Rules that are always evaluated, in `PolicyTable.references`.
    package let unanchored: IndexRange
    /// The hash table, in `PolicyTable.buckets`: its size is zero or a power of two, and it has a vacant bucket.
    package let buckets: IndexRange
    /// Which keys occur in the table besides those of blocks.
    package let keys: Keys
    /// The prefix lengths of blocks in the table, in `PolicyTable.prefixes`.
    package let prefixes: IndexRange

    /// Kinds of key.
    package struct Keys: OptionSet, Hashable, Sendable {
        package let rawValue: UInt8

        package init(rawValue: UInt8) {
            self.rawValue = rawValue
        }

        /// Exact SPIFFE IDs.
        package static let principal = Keys(rawValue: 1)
        /// Exact namespaces.
        package static let namespace = Keys(rawValue: 2)
        /// Exact service accounts.
        package static let serviceAccount = Keys(rawValue: 4)
        /// Ports.
        package static let destinationPort = Keys(rawValue: 8)
        /// Namespaces within SPIFFE IDs, of patterns `…/ns/a/*`.
        package static let principalNamespace = Keys(rawValue: 16)
        /// Last segments of SPIFFE IDs, of patterns `*/ns/a/sa/b`.
        package static let principalTail = Keys(rawValue: 32)
    }

    static let empty = RuleIndexRecord(
        policyCount: 0, unanchored: .empty, buckets: .empty, keys: [], prefixes: .empty)
}

/// One bucket of a rule index.
package struct BucketRecord: Sendable {
    /// The hash of the key.
    package let hash: UInt64
    /// The rules under the key, in `PolicyTable.references`; none in a vacant bucket.
    package let references: IndexRange
}

/// Blocks of one length that a rule index is keyed by.
package struct PrefixRecord: Hashable, Sendable {
    /// Whether sources rather than destinations are meant.
    package let isSource: Bool
    /// The family.
    package let isIPv4: Bool
    /// The leading bits.
    package let length: UInt8
}

/// A peer authentication's name.
package struct PeerAuthenticationRecord: Sendable {
    /// The object's namespace.
    package let namespace: NameIndex
    /// The object's name.
    package let name: NameIndex
}

/// What the ports of a workload accept.
package struct MutualTLSModesRecord: Sendable {
    /// The peer authentication that makes mutual TLS a must on every port not in `ports`; nil when it is none.
    package let strictBy: PeerAuthenticationIndex?
    /// Ports that have a mode of their own, in `PolicyTable.portModes`.
    package let ports: IndexRange
}

/// What one port of a workload accepts.
package struct PortModeRecord: Hashable, Sendable {
    /// The port.
    package let port: UInt16
    /// The peer authentication that makes mutual TLS a must; nil when it is none.
    package let strictBy: PeerAuthenticationIndex?
}
