// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HTTP
internal import Mesh
internal import RegularExpressions

/// Makes the arrays of a route table.
///
/// Owns all resolution of names: nothing after it compares texts to find out what belongs together.
struct RouteTableBuilder {
    let routes: MeshRoutes
    let labels: WorkloadLabels
    let mesh: MeshSnapshot
    let options: RouteTable.Options
    let now: MonotonicTime
    let seed = UInt64(bitPattern: Int64(Hasher().finalize()))

    var text = TextPool()
    var scopes: ContiguousArray<ScopeRecord> = []
    var scopesOfService: ContiguousArray<IndexRange> = []
    var bindings: ContiguousArray<BindingRecord> = []
    var namespaces: [String: UInt32] = [:]
    var groups: ContiguousArray<GroupRecord> = []
    var keySlots: ContiguousArray<KeySlot> = []
    var lists: ContiguousArray<UInt32> = []
    var entries: ContiguousArray<EntryRecord> = []
    var conditions: ContiguousArray<Condition> = []
    var expressions: ContiguousArray<RegularExpression> = []
    var labelSets: ContiguousArray<ContiguousArray<UInt64>> = []
    var rules: ContiguousArray<RuleRecord> = []
    var origins: ContiguousArray<RouteOrigin> = []
    var statuses: ContiguousArray<UInt16> = []
    var failureRanges: ContiguousArray<ClosedRange<UInt16>> = []
    var redirects: ContiguousArray<RedirectRecord> = []
    var responses: ContiguousArray<DirectResponse> = []
    var backends: ContiguousArray<BackendRecord> = []
    var headerOperations: ContiguousArray<HeaderOperation> = []
    var mirrors: ContiguousArray<MirrorRecord> = []
    var corsPolicies: ContiguousArray<CORSRecord> = []
    var streamRules: ContiguousArray<StreamRuleRecord> = []
    var streamMatches: ContiguousArray<StreamMatchRecord> = []
    var streamOrigins: ContiguousArray<RouteOrigin> = []
    var serverNames: ContiguousArray<TextRange> = []
    var addressBlocks: ContiguousArray<CIDR> = []
    var clusters: ContiguousArray<ClusterRecord> = []
    var endpoints: ContiguousArray<RouteEndpoint> = []
    var tiers: ContiguousArray<TierRecord> = []
    var ring: ContiguousArray<RingPoint> = []
    var cookies: ContiguousArray<CookieRecord> = []
    var policies: ContiguousArray<TrafficPolicy> = []

    /// Clusters by what they stand for; nil: the reference leads to nothing.
    var clusterIndexes: [BackendReference: ClusterIndex?] = [:]
    var clusterReferences: [BackendReference] = []
    var expressionIndexes: [String: UInt32?] = [:]
    var labelSetIndexes: [[String: String]: UInt32] = [:]
    var servicesByKey: [ServiceKey: ServiceIndex] = [:]
    var policiesByService: [ServiceKey: DestinationPolicy] = [:]
    /// What has been compiled, in the table before or in this one.
    var expressionCache = ExpressionCache()

    init(_ index: MeshIndex, mesh: MeshSnapshot, options: RouteTable.Options, now: MonotonicTime) {
        routes = index.routes
        labels = index.labels
        self.mesh = mesh
        self.options = options
        self.now = now
    }

    mutating func build(_ directory: inout EndpointDirectory) {
        directory.begin()
        expressionCache = directory.takeExpressions()
        index()
        // Position 0 is what goes without saying: the service itself, with the default retries.
        let implied = RouteRule(origin: RouteOrigin(object: ""), action: .forward([]))
        rules.append(record(of: implied, action: .scope, filters: FilterRecord()))
        origins.append(implied.origin)
        backends.append(BackendRecord(cluster: nil, cumulativeWeight: 0, filters: FilterRecord()))
        let bound = Dictionary(grouping: routes.bindings) { binding in
            BackendReference(service: Self.lowercased(binding.service), port: binding.port)
        }
        for position in 0..<mesh.services.records.count { addScopes(of: ServiceIndex(UInt32(position)), bound) }
        buildClusters(&directory)
        directory.finish(expressionCache)
    }

    private mutating func index() {
        for position in 0..<mesh.services.records.count {
            let record = mesh.services.records[position]
            if record.isVacant { continue }
            let key = ServiceKey(namespace: mesh[record.namespace], hostname: mesh[record.hostname])
            servicesByKey[key] = ServiceIndex(UInt32(position))
        }
        for policy in routes.destinationPolicies {
            let service = Self.lowercased(policy.service)
            if policiesByService[service] == nil { policiesByService[service] = policy }
        }
    }

    static func lowercased(_ key: ServiceKey) -> ServiceKey {
        ServiceKey(namespace: key.namespace, hostname: key.hostname.asciiLowercased)
    }

    // MARK: - Scopes

    private mutating func addScopes(of service: ServiceIndex, _ bound: [BackendReference: [RouteBinding]]) {
        let record = mesh[service]
        let start = scopes.count
        if !record.isVacant, options.waypoint == nil || record.waypoint == options.waypoint {
            let key = ServiceKey(namespace: mesh[record.namespace], hostname: mesh[record.hostname])
            for position in record.ports.positions {
                let port = mesh.services.ports[position]
                let reference = BackendReference(service: key, port: port.servicePort)
                guard let cluster = cluster(reference) else { continue }
                let own = bound[reference] ?? []
                let first = bindings.count
                let records = own.map { binding($0) }
                bindings += records
                scopes.append(
                    ScopeRecord(
                        service: service, port: port.servicePort, applicationProtocol: port.applicationProtocol,
                        cluster: cluster, bindings: IndexRange(start: first, count: records.count)))
            }
        }
        scopesOfService.append(IndexRange(start: start, count: scopes.count - start))
    }

    private mutating func binding(_ binding: RouteBinding) -> BindingRecord {
        var namespace: UInt32 = 0
        if case .namespace(let name) = binding.clients { namespace = self.namespace(name) }
        return BindingRecord(
            namespace: namespace, group: binding.http.map { addGroup($0) },
            streams: binding.streams.map { addStreams($0) })
    }

    /// The number of a namespace that routes name, from 1.
    mutating func namespace(_ name: String) -> UInt32 {
        if let known = namespaces[name] { return known }
        let number = UInt32(namespaces.count + 1)
        namespaces[name] = number
        return number
    }

    /// The number of an expression; nil when it cannot be compiled.
    mutating func expression(_ pattern: String) -> UInt32? {
        if let known = expressionIndexes[pattern] { return known }
        var index: UInt32?  // what asks for one that is none never holds
        if let expression = expressionCache.expression(pattern) {
            index = UInt32(expressions.count)
            expressions.append(expression)
        }
        expressionIndexes[pattern] = index
        return index
    }

    /// The workloads that have labels, as bits.
    mutating func labelSet(_ wanted: [String: String]) -> UInt32 {
        if let known = labelSetIndexes[wanted] { return known }
        var bits = ContiguousArray<UInt64>(repeating: 0, count: (mesh.workloadCount + 63) / 64)
        for workload in mesh.workloadIndexes {
            let own = labels[workload]
            guard wanted.allSatisfy({ own[$0.key] == $0.value }) else { continue }
            bits[workload.position >> 6] |= 1 << UInt64(workload.position & 63)
        }
        labelSets.append(bits)
        labelSetIndexes[wanted] = UInt32(labelSets.count - 1)
        return UInt32(labelSets.count - 1)
    }

    // MARK: - Streams

    private mutating func addStreams(_ rules: [StreamRule]) -> IndexRange {
        var records: [StreamRuleRecord] = []
        for rule in rules {
            let matches = rule.matches.map { match in
                let names = IndexRange(start: serverNames.count, count: match.serverNames.count)
                serverNames += match.serverNames.map { text.intern($0) }
                let destinations = addBlocks(match.destinations)
                return StreamMatchRecord(
                    serverNames: names, destinations: destinations, sources: addBlocks(match.sources),
                    namespace: match.sourceNamespace.map { namespace($0) } ?? 0,
                    hasNamespace: match.sourceNamespace != nil,
                    labels: match.sourceLabels.isEmpty ? nil : labelSet(match.sourceLabels))
            }
            let (range, total) = addBackends(rule.backends)
            records.append(
                StreamRuleRecord(
                    matches: IndexRange(start: streamMatches.count, count: matches.count), backends: range,
                    totalWeight: total, origin: UInt32(streamOrigins.count)))
            streamMatches += matches
            streamOrigins.append(rule.origin)
        }
        defer { streamRules += records }
        return IndexRange(start: streamRules.count, count: records.count)
    }

    private mutating func addBlocks(_ blocks: [CIDR]) -> IndexRange {
        defer { addressBlocks += blocks }
        return IndexRange(start: addressBlocks.count, count: blocks.count)
    }
}
