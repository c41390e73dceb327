// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Authorization
import Bytes
import Identity
import Mesh

/// What policies mean, written down without regard to cost: the other half of the property test.
struct Definition {
    struct Answer: Equatable {
        var refusal: String?
        var allowedBy: String?
        var dryRunDeniedBy: String?
        var dryRunAllowedBy: String?
        var dryRunNotAllowed = false

        init() {}

        init(_ verdict: Verdict, in snapshot: MeshSnapshot) {
            refusal = snapshot.refusal(of: verdict)
            if case .allowed(let policy) = verdict.decision {
                allowedBy = policy.map { snapshot.description(of: $0) }
            }
            dryRunDeniedBy = verdict.dryRun.deniedBy.map { snapshot.description(of: $0) }
            dryRunAllowedBy = verdict.dryRun.allowedBy.map { snapshot.description(of: $0) }
            dryRunNotAllowed = verdict.dryRun.isNotAllowed
        }
    }

    var model: MeshModel

    func verdict(_ attempt: Attempt, workload uid: String) -> Answer {
        var answer = Answer()
        guard let workload = model.workloads.first(where: { $0.uid == uid }) else { return answer }
        if attempt.identity == nil, let policy = strict(workload, port: attempt.address.port) {
            answer.refusal = "PeerAuthentication \(policy) requires mTLS"
            return answer
        }
        let bound = model.authorizationPolicies.filter { binds($0, workload) }
            .sorted { ($0.namespace, $0.name) < ($1.namespace, $1.name) }
        func first(_ action: AuthorizationPolicy.Action, dryRun: Bool) -> String? {
            bound.first { $0.action == action && $0.isDryRun == dryRun && matches($0, attempt) }
                .map { "\($0.namespace)/\($0.name)" }
        }
        func exists(_ action: AuthorizationPolicy.Action, dryRun: Bool) -> Bool {
            bound.contains { $0.action == action && $0.isDryRun == dryRun }
        }
        answer.dryRunDeniedBy = first(.deny, dryRun: true)
        if let policy = first(.deny, dryRun: false) {
            answer.refusal = "explicitly denied by: \(policy)"
            return answer
        }
        answer.dryRunAllowedBy = first(.allow, dryRun: true)
        let hasAllow = exists(.allow, dryRun: false)
        answer.dryRunNotAllowed = exists(.allow, dryRun: true) && answer.dryRunAllowedBy == nil && !hasAllow
        guard hasAllow else { return answer }
        answer.allowedBy = first(.allow, dryRun: false)
        if answer.allowedBy == nil { answer.refusal = "allow policies exist, but none allowed" }
        return answer
    }

    private func binds(_ policy: AuthorizationPolicy, _ workload: Workload) -> Bool {
        (policy.namespace == workload.namespace || model.rootNamespaces.contains(policy.namespace))
            && policy.selector.allSatisfy { workload.labels[$0.key] == $0.value }
    }

    private func matches(_ policy: AuthorizationPolicy, _ attempt: Attempt) -> Bool {
        if policy.isUnreadable { return policy.action == .deny }
        return policy.rules.contains { rule in
            if policy.action == .allow, rule.clauses.contains(where: { $0.matches.contains { !$0.omits.isEmpty } }) {
                return false
            }
            return rule.clauses.allSatisfy { clause in
                clause.matches.isEmpty || clause.matches.contains { matches($0, attempt) }
            }
        }
    }

    private func matches(_ match: Match, _ attempt: Attempt) -> Bool {
        if match.isEmpty { return !match.omits.isEmpty }
        let identity = attempt.identity.map(spiffe)
        let principal = identity.map { String($0.description.dropFirst("spiffe://".count)) }
        let namespace = identity?.namespace ?? ""
        let account = identity?.serviceAccount
        func holds<Value>(_ values: [Value], _ isMet: (Value) -> Bool) -> Bool {
            values.isEmpty || values.contains(where: isMet)
        }
        func fails<Value>(_ values: [Value], _ isMet: (Value) -> Bool) -> Bool { !values.contains(where: isMet) }
        func isAccount(_ wanted: ServiceAccountMatch) -> Bool {
            wanted.namespace == namespace && wanted.name == account
        }
        func isPrincipal(_ wanted: StringMatch) -> Bool { principal.map { wanted.matches($0) } ?? false }
        let source = attempt.peer.sourceIP
        let destination = attempt.address
        return holds(match.namespaces) { $0.matches(namespace) } && fails(match.notNamespaces) { $0.matches(namespace) }
            && holds(match.principals, isPrincipal) && fails(match.notPrincipals, isPrincipal)
            && holds(match.serviceAccounts, isAccount) && fails(match.notServiceAccounts, isAccount)
            && holds(match.sourceIPs) { $0.contains(source) } && fails(match.notSourceIPs) { $0.contains(source) }
            && holds(match.destinationIPs) { $0.contains(destination.ip) }
            && fails(match.notDestinationIPs) { $0.contains(destination.ip) }
            && holds(match.destinationPorts) { $0 == destination.port }
            && fails(match.notDestinationPorts) { $0 == destination.port }
    }

    private func strict(_ workload: Workload, port: UInt16) -> String? {
        func oldest(_ isMeant: (PeerAuthentication) -> Bool) -> PeerAuthentication? {
            model.peerAuthentications.filter(isMeant).min { left, right in
                (left.creationTimestamp, left.namespace, left.name)
                    < (right.creationTimestamp, right.namespace, right.name)
            }
        }
        var answer: String?
        func apply(_ mode: PeerAuthentication.Mode, _ policy: PeerAuthentication) {
            switch mode {
            case .unset: break
            case .strict: answer = "\(policy.namespace)/\(policy.name)"
            case .permissive, .disable: answer = nil
            }
        }
        let roots = model.rootNamespaces
        if let mesh = oldest({ roots.contains($0.namespace) && $0.selector.isEmpty }) { apply(mesh.mode, mesh) }
        if !roots.contains(workload.namespace),
            let own = oldest({ $0.namespace == workload.namespace && $0.selector.isEmpty })
        {
            apply(own.mode, own)
        }
        let selecting = oldest { policy in
            policy.namespace == workload.namespace && !policy.selector.isEmpty
                && policy.selector.allSatisfy { workload.labels[$0.key] == $0.value }
        }
        if let selecting {
            apply(selecting.mode, selecting)
            if let mode = selecting.portLevelMTLS[port] { apply(mode, selecting) }
        }
        return answer
    }
}
