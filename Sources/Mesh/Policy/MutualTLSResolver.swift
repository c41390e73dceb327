// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// Finds out what the ports of a workload accept from the peer authentications that bind it.
///
/// Istio's precedence: mesh, then namespace, then selector, each overriding the one before unless it is unset; port
/// modes count only with a selector.
struct MutualTLSResolver {
    struct Resolved {
        /// In `PolicyTable.mutualTLSModes`.
        var index: UInt32
        var fingerprint: UInt64
    }

    private struct Key: Hashable {
        var namespace: UInt32?
        var workload: UInt32?
    }

    /// By precedence among equals: the oldest first.
    private let policies: [PeerAuthentication]
    private var mesh: UInt32?
    private var byNamespace: [String: UInt32] = [:]
    private var selectors = SelectorIndex()
    private var resolved: [Key: Resolved] = [:]
    private var modes: ContiguousArray<MutualTLSModesRecord> = []
    private var portModes: ContiguousArray<PortModeRecord> = []

    init(_ all: [PeerAuthentication], rootNamespaces: Set<String>) {
        policies = all.sorted { left, right in
            (left.creationTimestamp, left.namespace, left.name) < (right.creationTimestamp, right.namespace, right.name)
        }
        for (position, policy) in policies.enumerated() {
            let index = UInt32(position)
            if !policy.selector.isEmpty {
                selectors.add(policy.selector, namespace: policy.namespace, value: index)
            } else if rootNamespaces.contains(policy.namespace) {
                if mesh == nil { mesh = index }
            } else if byNamespace[policy.namespace] == nil {
                byNamespace[policy.namespace] = index
            }
        }
    }

    /// The modes of a workload's ports; workloads bound by the same policies share one answer.
    mutating func modes(labels: [String: String], namespace: String) -> Resolved {
        let selected = selectors.matches(labels: labels, namespace: namespace)
        let key = Key(namespace: byNamespace[namespace], workload: selected.first)
        if let known = resolved[key] { return known }
        let answer = resolve(key)
        resolved[key] = answer
        return answer
    }

    private mutating func resolve(_ key: Key) -> Resolved {
        var strictBy: UInt32?
        for index in [mesh, key.namespace, key.workload].compactMap(\.self) {
            strictBy = Self.apply(policies[Int(index)].mode, of: index, over: strictBy)
        }
        let start = portModes.count
        if let index = key.workload {
            for (port, mode) in policies[Int(index)].portLevelMTLS.sorted(by: { $0.key < $1.key }) {
                let portStrictBy = Self.apply(mode, of: index, over: strictBy)
                let record = PortModeRecord(port: port, strictBy: portStrictBy.map { PeerAuthenticationIndex($0) })
                portModes.append(record)
            }
        }
        let ports = IndexRange(start: start, count: portModes.count - start)
        let record = MutualTLSModesRecord(strictBy: strictBy.map { PeerAuthenticationIndex($0) }, ports: ports)
        modes.append(record)
        return Resolved(index: UInt32(modes.count - 1), fingerprint: fingerprint(record))
    }

    private static func apply(_ mode: PeerAuthentication.Mode, of index: UInt32, over wider: UInt32?) -> UInt32? {
        switch mode {
        case .unset: wider
        case .strict: index
        case .permissive, .disable: nil
        }
    }

    /// Of what is enforced, not of who says so: a change of the policy's name closes nothing.
    private func fingerprint(_ record: MutualTLSModesRecord) -> UInt64 {
        var hasher = Hasher()
        hasher.combine(record.strictBy != nil)
        for position in record.ports.positions {
            hasher.combine(portModes[position].port)
            hasher.combine(portModes[position].strictBy != nil)
        }
        return UInt64(bitPattern: Int64(hasher.finalize()))
    }

    /// How many different modes have been asked for.
    var count: Int { modes.count }

    func write(into table: inout PolicyTable) {
        table.mutualTLSModes = modes
        table.portModes = portModes
    }

    /// The names of the policies.
    func records(_ names: inout NamePool) -> ContiguousArray<PeerAuthenticationRecord> {
        var records: ContiguousArray<PeerAuthenticationRecord> = []
        for policy in policies {
            records.append(.init(namespace: names.intern(policy.namespace), name: names.intern(policy.name)))
        }
        return records
    }
}
