// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// The policies of a mesh, each once, in the order in which they are compiled.
struct PolicySources {
    private(set) var authorizationPolicies: [MeshChange.PolicyKey: AuthorizationPolicy] = [:]
    private(set) var peerAuthentications: [MeshChange.PolicyKey: PeerAuthentication] = [:]

    init() {}

    /// Of several with one key the first.
    init(_ model: MeshModel) {
        for policy in model.authorizationPolicies {
            let key = MeshChange.PolicyKey(namespace: policy.namespace, name: policy.name)
            if authorizationPolicies[key] == nil { authorizationPolicies[key] = policy }
        }
        for policy in model.peerAuthentications {
            let key = MeshChange.PolicyKey(namespace: policy.namespace, name: policy.name)
            if peerAuthentications[key] == nil { peerAuthentications[key] = policy }
        }
    }

    /// Takes changes.
    ///
    /// - Returns: whether anything is another.
    mutating func apply(_ change: MeshChange) -> Bool {
        var isChanged = false
        for (key, policy) in change.authorizationPolicies where authorizationPolicies[key] != policy {
            authorizationPolicies[key] = policy
            isChanged = true
        }
        for (key, policy) in change.peerAuthentications where peerAuthentications[key] != policy {
            peerAuthentications[key] = policy
            isChanged = true
        }
        return isChanged
    }

    /// The authorization policies by namespace and name.
    var sorted: [AuthorizationPolicy] {
        authorizationPolicies.values.sorted { ($0.namespace, $0.name) < ($1.namespace, $1.name) }
    }
}

/// What policies bind a workload.
struct PolicyBinding {
    var namespaceRules: RuleSetIndex?
    var selectorRules: RuleSetIndex?
    var mutualTLSModes: UInt32
    var fingerprint: UInt64
}

/// The compiled policies of a mesh, and which of them bind a workload; compiles each distinct set of policies once.
struct PolicyBinder {
    private var compiler = PolicyCompiler()
    private var selectors = SelectorIndex()
    private var modes: MutualTLSResolver
    private var meshFingerprint: UInt64 = 0
    private var byNamespace: [String: [PolicyIndex]] = [:]
    private var namespaceSets: [String: (rules: RuleSetIndex, fingerprint: UInt64)] = [:]
    private var selectorSets: [[UInt32]: (rules: RuleSetIndex, fingerprint: UInt64)] = [:]
    private var peerAuthentications: ContiguousArray<PeerAuthenticationRecord>

    /// Compiles all policies.
    init(_ sources: PolicySources, rootNamespaces: Set<String>, names: inout NamePool) {
        modes = MutualTLSResolver(Array(sources.peerAuthentications.values), rootNamespaces: rootNamespaces)
        peerAuthentications = modes.records(&names)
        var mesh: [PolicyIndex] = []
        for (position, policy) in sources.sorted.enumerated() {
            let isRoot = rootNamespaces.contains(policy.namespace)
            let scope: PolicyRecord.Scope =
                !policy.selector.isEmpty ? .selector : isRoot ? .mesh : .namespace
            compiler.add(
                policy, namespace: names.intern(policy.namespace), name: names.intern(policy.name), scope: scope)
            let index = PolicyIndex(UInt32(position))
            if !policy.selector.isEmpty {
                selectors.add(policy.selector, namespace: isRoot ? nil : policy.namespace, value: index.rawValue)
            } else if isRoot {
                mesh.append(index)
            } else {
                byNamespace[policy.namespace, default: []].append(index)
            }
        }
        if !mesh.isEmpty { compiler.set(meshRules: compiler.addRuleSet(mesh)) }
        meshFingerprint = compiler.fingerprint(mesh)
    }

    /// How many sets of policies and of modes have been asked for: while it is the same, `table` is.
    var setCount: Int { compiler.table.ruleSetKeys.count + modes.count }

    /// The compiled policies, with all sets that workloads have been bound to.
    func table() -> PolicyTable {
        var table = compiler.table
        table.peerAuthentications = peerAuthentications
        modes.write(into: &table)
        return table
    }

    /// What binds a workload.
    mutating func bind(labels: [String: String], namespace: String) -> PolicyBinding {
        let mode = modes.modes(labels: labels, namespace: namespace)
        let ofNamespace = namespaceSet(namespace)
        let ofSelectors = selectorSet(selectors.matches(labels: labels, namespace: namespace))
        var hasher = Hasher()
        hasher.combine(meshFingerprint)
        hasher.combine(ofNamespace?.fingerprint)
        hasher.combine(ofSelectors?.fingerprint)
        hasher.combine(mode.fingerprint)
        return PolicyBinding(
            namespaceRules: ofNamespace?.rules, selectorRules: ofSelectors?.rules, mutualTLSModes: mode.index,
            fingerprint: UInt64(bitPattern: Int64(hasher.finalize())))
    }

    private mutating func namespaceSet(_ namespace: String) -> (rules: RuleSetIndex, fingerprint: UInt64)? {
        if let known = namespaceSets[namespace] { return known }
        guard let members = byNamespace[namespace] else { return nil }
        let set = (compiler.addRuleSet(members), compiler.fingerprint(members))
        namespaceSets[namespace] = set
        return set
    }

    private mutating func selectorSet(_ selected: [UInt32]) -> (rules: RuleSetIndex, fingerprint: UInt64)? {
        guard !selected.isEmpty else { return nil }
        if let known = selectorSets[selected] { return known }
        let members = selected.map { PolicyIndex($0) }
        let set = (compiler.addRuleSet(members), compiler.fingerprint(members))
        selectorSets[selected] = set
        return set
    }
}
