// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// What policies bind a workload.
struct PolicyBinding {
    var namespaceRules: RuleSetIndex?
    var selectorRules: RuleSetIndex?
    var mutualTLSModes: UInt32
    var fingerprint: UInt64
}

extension SnapshotBuilder {
    private struct PolicyKey: Hashable {
        var namespace: String
        var name: String
    }

    /// Compiles all policies and finds out which bind which workload.
    ///
    /// - Returns: the binding of each workload, by position.
    mutating func compilePolicies() -> [PolicyBinding] {
        var compiler = PolicyCompiler()
        let sorted = Self.sorted(model.authorizationPolicies)
        var mesh: [PolicyIndex] = []
        var byNamespace: [String: [PolicyIndex]] = [:]
        var selectors = SelectorIndex()
        for (position, policy) in sorted.enumerated() {
            let isRoot = model.rootNamespaces.contains(policy.namespace)
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
        var modes = MutualTLSResolver(model)
        var binder = PolicyBinder(compiler: compiler, meshFingerprint: compiler.fingerprint(mesh))
        binder.byNamespace = byNamespace
        var bindings: [PolicyBinding] = []
        bindings.reserveCapacity(uniqueWorkloads.count)
        let all = uniqueWorkloads
        for position in all.indices {
            let namespace = all[position].namespace
            let mode = modes.modes(labels: all[position].labels, namespace: namespace)
            let selected = selectors.matches(labels: all[position].labels, namespace: namespace)
            bindings.append(binder.bind(namespace: namespace, selected: selected, mode: mode))
        }
        policies = binder.compiler.table
        modes.write(into: &policies, names: &names)
        return bindings
    }

    /// By namespace and name; of several with one key the first.
    private static func sorted(_ policies: [AuthorizationPolicy]) -> [AuthorizationPolicy] {
        var seen = Set<PolicyKey>()
        return policies.filter { seen.insert(PolicyKey(namespace: $0.namespace, name: $0.name)).inserted }
            .sorted { ($0.namespace, $0.name) < ($1.namespace, $1.name) }
    }
}

/// Compiles each distinct set of policies once.
private struct PolicyBinder {
    var compiler: PolicyCompiler
    let meshFingerprint: UInt64
    var byNamespace: [String: [PolicyIndex]] = [:]
    private var namespaceSets: [String: (rules: RuleSetIndex, fingerprint: UInt64)] = [:]
    private var selectorSets: [[UInt32]: (rules: RuleSetIndex, fingerprint: UInt64)] = [:]

    init(compiler: PolicyCompiler, meshFingerprint: UInt64) {
        self.compiler = compiler
        self.meshFingerprint = meshFingerprint
    }

    mutating func bind(namespace: String, selected: [UInt32], mode: MutualTLSResolver.Resolved) -> PolicyBinding {
        let ofNamespace = namespaceSet(namespace)
        let ofSelectors = selectorSet(selected)
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
