// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
package import Mesh
internal import RegularExpressions

/// Everything that decides where the requests of a waypoint go, compiled from one state of the mesh; never changes once made.
///
/// The order of questions for a request: `scope(service:port:)` and `client(namespace:workload:)` once per tunnel, `decide` per
/// request, then the filters, then `chooseEndpoint` per try. None of them allocates once its scratch space has grown.
///
/// It cannot be copied: whoever makes it puts it into an object (with its snapshot) that workers get through their mailbox, and that is kept
/// for as long as a request is under way that it decided about.
package struct RouteTable: ~Copyable, Sendable {
    /// The state of the mesh it was made from.
    package let mesh: MeshSnapshot

    let text: ContiguousArray<UInt8>
    let scopes: ContiguousArray<ScopeRecord>
    /// For each service, its scopes.
    let scopesOfService: ContiguousArray<IndexRange>
    let bindings: ContiguousArray<BindingRecord>
    let namespaces: [String: UInt32]
    let groups: ContiguousArray<GroupRecord>
    let keySlots: ContiguousArray<KeySlot>
    let lists: ContiguousArray<UInt32>
    let seed: UInt64
    let entries: ContiguousArray<EntryRecord>
    let conditions: ContiguousArray<Condition>
    let expressions: ContiguousArray<RegularExpression>
    /// Bits by workload.
    let labelSets: ContiguousArray<ContiguousArray<UInt64>>
    let rules: ContiguousArray<RuleRecord>
    let origins: ContiguousArray<RouteOrigin>
    let statuses: ContiguousArray<UInt16>
    let failureRanges: ContiguousArray<ClosedRange<UInt16>>
    let redirects: ContiguousArray<RedirectRecord>
    let responses: ContiguousArray<DirectResponse>
    let backends: ContiguousArray<BackendRecord>
    let headerOperations: ContiguousArray<HeaderOperation>
    let mirrors: ContiguousArray<MirrorRecord>
    let corsPolicies: ContiguousArray<CORSRecord>
    let streamRules: ContiguousArray<StreamRuleRecord>
    let streamMatches: ContiguousArray<StreamMatchRecord>
    let streamOrigins: ContiguousArray<RouteOrigin>
    let serverNames: ContiguousArray<TextRange>
    let addressBlocks: ContiguousArray<CIDR>
    let clusters: ContiguousArray<ClusterRecord>
    let endpoints: ContiguousArray<RouteEndpoint>
    let tiers: ContiguousArray<TierRecord>
    let ring: ContiguousArray<RingPoint>
    let cookies: ContiguousArray<CookieRecord>
    let policies: ContiguousArray<TrafficPolicy>

    /// What a table is made for.
    package struct Options: Sendable {
        /// The waypoint's own workload: endpoints near it come first, those of other networks are left out; nil: unknown.
        package var origin: WorkloadIndex?
        /// Requests to services that are not bound to this waypoint are not served; nil: those of every service are.
        package var waypoint: WaypointIndex?

        /// Every service, from nowhere in particular.
        package init() {}
    }

    /// Compiles the routes and destination policies of a mesh.
    ///
    /// - Parameters:
    ///   - index: what `mesh` was made from.
    ///   - mesh: the snapshot that services and workloads are named in.
    ///   - directory: gives endpoints and clusters their slots; the same for all tables of a process.
    ///   - now: since when new endpoints are there.
    /// - Complexity: linear in routes, and in endpoints of the services that are served or routed to. What is wrong with single rules (an
    ///   expression that does not compile, a reference to nothing) concerns these only: see `RouteAction.fail`, `RouteBackend.Target.invalid`.
    package init(
        _ index: MeshIndex, mesh: MeshSnapshot, options: Options = Options(), directory: inout EndpointDirectory,
        now: MonotonicTime
    ) {
        var builder = RouteTableBuilder(index, mesh: mesh, options: options, now: now)
        builder.build(&directory)
        self.mesh = mesh
        text = builder.text.octets
        scopes = builder.scopes
        scopesOfService = builder.scopesOfService
        bindings = builder.bindings
        namespaces = builder.namespaces
        groups = builder.groups
        keySlots = builder.keySlots
        lists = builder.lists
        seed = builder.seed
        entries = builder.entries
        conditions = builder.conditions
        expressions = builder.expressions
        labelSets = builder.labelSets
        rules = builder.rules
        origins = builder.origins
        statuses = builder.statuses
        failureRanges = builder.failureRanges
        redirects = builder.redirects
        responses = builder.responses
        backends = builder.backends
        headerOperations = builder.headerOperations
        mirrors = builder.mirrors
        corsPolicies = builder.corsPolicies
        streamRules = builder.streamRules
        streamMatches = builder.streamMatches
        streamOrigins = builder.streamOrigins
        serverNames = builder.serverNames
        addressBlocks = builder.addressBlocks
        clusters = builder.clusters
        endpoints = builder.endpoints
        tiers = builder.tiers
        ring = builder.ring
        cookies = builder.cookies
        policies = builder.policies
    }

    @_lifetime(borrow self)
    func octets(_ range: TextRange) -> Span<UInt8> { text.span.extracting(range.range) }
}

// MARK: - Asking once per tunnel

extension RouteTable {
    /// Where requests to a port of a service are decided.
    ///
    /// - Returns: nil when the service has no such port, or is not served here: refuse the tunnel with 503, flag NR.
    package func scope(service: ServiceIndex, port: UInt16) -> RouteScope? {
        guard service.position < scopesOfService.count else { return nil }
        for position in scopesOfService[service.position].positions where scopes[position].port == port {
            return RouteScope(position)
        }
        return nil
    }

    /// What routes may ask of a client.
    ///
    /// - Parameters:
    ///   - namespace: that of its SPIFFE ID; empty when it has none.
    ///   - workload: that of its address; nil when it is not known.
    package func client(namespace: String, workload: WorkloadIndex?) -> RouteClient {
        RouteClient(namespace: namespaces[namespace] ?? 0, workload: workload)
    }

    /// The service of a scope.
    package func service(of scope: RouteScope) -> ServiceIndex { scopes[scope.position].service }

    /// The service port of a scope.
    package func port(of scope: RouteScope) -> UInt16 { scopes[scope.position].port }

    /// What clients of a scope speak; `undeclared`: look at the first octets.
    package func applicationProtocol(of scope: RouteScope) -> ApplicationProtocol {
        scopes[scope.position].applicationProtocol
    }
}

// MARK: - Asking about a decision

extension RouteTable {
    /// A rule, as numbers.
    package subscript(rule: RuleIndex) -> RuleRecord { rules[rule.position] }

    /// A cluster, as numbers.
    package subscript(cluster: ClusterIndex) -> ClusterRecord { clusters[cluster.position] }

    /// Where a rule comes from; that of `.default` has no object.
    package func origin(of rule: RuleIndex) -> RouteOrigin { origins[rule.position] }

    /// Where a rule of connections comes from.
    package func origin(ofStreamRule rule: UInt32) -> RouteOrigin { streamOrigins[Int(rule)] }

    /// The cluster that a request goes to.
    package func cluster(of decision: RouteDecision) -> ClusterIndex? {
        guard case .forward(let backend) = decision.outcome else { return nil }
        return cluster(of: backend, in: decision.scope)
    }

    func cluster(of backend: BackendIndex, in scope: RouteScope) -> ClusterIndex? {
        // Backend 0 stands for the scope's own service.
        backend.position == 0 ? scopes[scope.position].cluster : backends[backend.position].cluster
    }

    /// The cluster's name as Istio writes it: `inbound-vip|PORT|http|HOST`, or `inbound-vip|PORT|http/SUBSET|HOST`.
    package func name(of cluster: ClusterIndex) -> String {
        let record = clusters[cluster.position]
        let subset = String(decoding: octets(record.subset))
        let word = record.applicationProtocol == .tcp || record.applicationProtocol == .tls ? "tcp" : "http"
        let host = mesh[mesh[record.service].hostname]
        return "inbound-vip|\(record.port)|\(word)\(subset.isEmpty ? "" : "/" + subset)|\(host)"
    }

    /// The subset that a cluster is; empty: all endpoints.
    package func subset(of cluster: ClusterIndex) -> String {
        String(decoding: octets(clusters[cluster.position].subset))
    }

    /// TLS inside the tunnel to a cluster's endpoints; nil: none.
    package func tls(of cluster: ClusterIndex) -> UpstreamTLS? { policies[cluster.position].tls }

    /// The whole policy of a cluster.
    package func policy(of cluster: ClusterIndex) -> TrafficPolicy { policies[cluster.position] }

    /// The endpoints of a cluster, for reports.
    package func candidates(of cluster: ClusterIndex) -> [RouteEndpoint] {
        clusters[cluster.position].endpoints.positions.map { endpoints[$0] }
    }

    /// The next mirror that gets a copy of a request.
    ///
    /// - Parameter position: 0 at first; where to go on afterwards.
    /// - Returns: nil when there is none any more. One endpoint of the cluster gets the copy, `-shadow` goes behind the host of its authority.
    package func nextMirror(of decision: RouteDecision, from position: inout Int) -> ClusterIndex? {
        while position < 32, decision.mirrors >> UInt32(position) != 0 {
            defer { position += 1 }
            guard decision.mirrors >> UInt32(position) & 1 == 1 else { continue }
            let own = rules[decision.rule.position].filters.mirrors
            if position < Int(own.count) { return mirrors[Int(own.start) + position].cluster }
            guard case .forward(let backend) = decision.outcome else { return nil }
            let others = backends[backend.position].filters.mirrors
            return mirrors[Int(others.start) + position - Int(own.count)].cluster
        }
        return nil
    }
}
