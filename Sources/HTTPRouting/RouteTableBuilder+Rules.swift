// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HTTP
internal import Mesh

extension RouteTableBuilder {
    /// Adds a rule.
    mutating func add(_ rule: RouteRule) -> RuleIndex {
        let filters = record(of: rule.filters)
        let action: RuleRecord.Action
        switch rule.action {
        case .forward(let backends):
            let (range, total) = addBackends(backends)
            action = .forward(range, totalWeight: total)
        case .redirect(let redirect):
            redirects.append(
                RedirectRecord(
                    scheme: redirect.scheme.map { text.intern($0) }, host: redirect.host.map { text.intern($0) },
                    port: redirect.port, path: redirect.path.flatMap { record(of: $0) }, status: redirect.status))
            action = .redirect(UInt32(redirects.count - 1))
        case .respond(let response):
            responses.append(response)
            action = .respond(UInt32(responses.count - 1))
        case .fail: action = .fail
        }
        rules.append(record(of: rule, action: action, filters: filters))
        origins.append(rule.origin)
        return RuleIndex(rules.count - 1)
    }

    mutating func record(of rule: RouteRule, action: RuleRecord.Action, filters: FilterRecord) -> RuleRecord {
        let codes = IndexRange(start: statuses.count, count: rule.retry?.statusCodes.count ?? 0)
        statuses += rule.retry?.statusCodes ?? []
        let failures = IndexRange(start: failureRanges.count, count: rule.failureStatuses.count)
        failureRanges += rule.failureStatuses
        return RuleRecord(
            requestTimeout: rule.requestTimeout, tryTimeout: rule.tryTimeout, retryAttempts: rule.retry?.attempts ?? 0,
            retryConditions: rule.retry?.conditions ?? [],
            avoidsPreviousEndpoints: rule.retry?.avoidsPreviousEndpoints ?? true,
            backoff: rule.retry?.backoff ?? Nanoseconds(0),
            maximumBackoff: rule.retry?.maximumBackoff ?? Nanoseconds(0),
            isBackoffMinimum: rule.retry?.isBackoffMinimum ?? false, fault: rule.fault, retryStatuses: codes,
            failureRanges: failures, action: action, filters: filters)
    }

    /// Adds backends one behind the other.
    mutating func addBackends(_ backends: [RouteBackend]) -> (range: IndexRange, totalWeight: UInt64) {
        var records: [BackendRecord] = []
        var total: UInt64 = 0
        for backend in backends where backend.weight > 0 {
            total += UInt64(backend.weight)
            var index: ClusterIndex?
            if case .service(let reference) = backend.target { index = cluster(reference) }
            records.append(
                BackendRecord(cluster: index, cumulativeWeight: total, filters: record(of: backend.filters)))
        }
        defer { self.backends += records }
        return (IndexRange(start: self.backends.count, count: records.count), total)
    }

    // MARK: - Filters

    private mutating func record(of filters: RouteFilters) -> FilterRecord {
        var record = FilterRecord()
        record.request = add(filters.request)
        record.response = add(filters.response)
        let copies = filters.mirrors.map {
            MirrorRecord(cluster: cluster($0.target), partsPerMillion: $0.partsPerMillion)
        }
        record.mirrors = IndexRange(start: mirrors.count, count: copies.count)
        mirrors += copies
        if let policy = filters.cors {
            corsPolicies.append(self.record(of: policy))
            record.cors = UInt32(corsPolicies.count - 1)
        }
        record.host = filters.rewrite?.host.map { text.intern($0) }
        record.path = filters.rewrite?.path.flatMap { self.record(of: $0) }
        return record
    }

    private mutating func add(_ operations: HeaderOperations) -> IndexRange {
        let start = headerOperations.count
        for name in operations.remove {
            headerOperations.append(HeaderOperation(kind: .remove, name: text.intern(name), value: .empty))
        }
        for field in operations.set {
            let isAuthority = field.name == "host" || field.name == ":authority"
            headerOperations.append(
                HeaderOperation(
                    kind: isAuthority ? .setAuthority : .set, name: text.intern(field.name),
                    value: text.intern(field.value)))
        }
        for field in operations.add {
            headerOperations.append(
                HeaderOperation(kind: .add, name: text.intern(field.name), value: text.intern(field.value)))
        }
        return IndexRange(start: start, count: headerOperations.count - start)
    }

    private mutating func record(of rewrite: PathRewrite) -> PathRewriteRecord? {
        switch rewrite {
        case .full(let path): return .full(text.intern(path))
        case .elements(let path): return .elements(text.intern(path))
        case .matched(let path): return .matched(text.intern(path))
        case .regex(let pattern, let substitution):
            guard let index = expression(pattern) else { return nil }
            return .regex(index, substitution: text.intern(substitution))
        }
    }

    private mutating func record(of policy: CORSPolicy) -> CORSRecord {
        let origins = policy.allowOrigins.map { condition(.authority, $0) }
        let start = conditions.count
        conditions += origins
        return CORSRecord(
            origins: IndexRange(start: start, count: origins.count),
            methods: text.intern(policy.allowMethods.joined(separator: ",")),
            headers: text.intern(policy.allowHeaders.joined(separator: ",")),
            exposed: text.intern(policy.exposeHeaders.joined(separator: ",")),
            allowsAllMethods: policy.allowMethods.contains("*"), allowsAllHeaders: policy.allowHeaders.contains("*"),
            exposesAll: policy.exposeHeaders.contains("*"),
            maxAge: text.intern(policy.maxAge.map { "\($0)" } ?? ""), allowsCredentials: policy.allowCredentials,
            forwardsUnmatchedPreflights: policy.forwardsUnmatchedPreflights)
    }

    // MARK: - Conditions

    mutating func condition(_ subject: Condition.Subject, _ match: TextMatch) -> Condition {
        var condition = Condition(subject: subject, test: .presence)
        switch match {
        case .exact(let value):
            condition.test = .exact
            condition.value = text.intern(value)
        case .prefix(let value):
            condition.test = .prefix
            condition.value = text.intern(value)
        case .suffix(let value):
            condition.test = .suffix
            condition.value = text.intern(value)
        case .regex(let pattern): setExpression(pattern, &condition)
        case .presence: break
        }
        return condition
    }

    private mutating func setExpression(_ pattern: String, _ condition: inout Condition) {
        if let index = expression(pattern) {
            condition.test = .regex
            condition.number = index
        } else {
            condition.test = .never
        }
    }

    /// The condition on the path; nil: every path will do.
    private mutating func pathCondition(_ match: RequestMatch) -> Condition? {
        var condition = Condition(subject: .path, test: .exact)
        let isFolded = match.ignoresPathCase
        func value(_ path: String) -> String { isFolded ? path.asciiLowercased : path }
        switch match.path {
        case .any: return nil
        case .exact(let path):
            condition.test = isFolded ? .exactFolded : .exact
            condition.value = text.intern(value(path))
        case .elements(let path):
            condition.test = isFolded ? .elementsFolded : .elements
            condition.value = text.intern(value(path))
        case .prefix(let path):
            condition.test = isFolded ? .prefixFolded : .prefix
            condition.value = text.intern(value(path))
        case .regex(let pattern): setExpression(pattern, &condition)
        }
        return condition
    }

    /// The conditions of a match, the cheap and decisive ones first.
    mutating func conditions(of match: RequestMatch) -> [Condition] {
        var result: [Condition] = []
        if let path = pathCondition(match) { result.append(path) }
        if let namespace = match.sourceNamespace {
            var condition = Condition(subject: .namespace, test: .exact)
            condition.number = self.namespace(namespace)
            result.append(condition)
        }
        if !match.sourceLabels.isEmpty {
            var condition = Condition(subject: .labels, test: .exact)
            condition.number = labelSet(match.sourceLabels)
            result.append(condition)
        }
        if let method = match.method { result.append(condition(.method, method)) }
        if let authority = match.authority { result.append(condition(.authority, authority)) }
        if let scheme = match.scheme { result.append(condition(.scheme, scheme)) }
        for header in match.headers {
            let isAuthority = header.name == "host" || header.name == ":authority"
            var condition = condition(isAuthority ? .authority : .header, header.value)
            condition.isInverted = header.isInverted
            condition.isCookie = header.name == "cookie"
            condition.name = text.intern(header.name)
            condition.nameHash = FieldList.hash(of: Array(header.name.utf8).span)
            result.append(condition)
        }
        for query in match.query {
            var condition = condition(.query, query.value)
            condition.name = text.intern(query.name)
            result.append(condition)
        }
        return result
    }
}
