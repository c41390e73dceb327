// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import HTTP
import HTTPRouting
import Mesh

/// A mesh with routes, and what its table decides, as text.
struct City {
    var model = MeshModel()

    /// Adds a service of the namespace `default` with ports, in front of pods given as `name` or `name label=value`.
    mutating func serve(_ name: String, ports: [UInt16] = [80], pods: [String] = []) {
        var service = Service(name: name, namespace: "default", hostname: City.host(name))
        service.ports = ports.map { ServicePort(servicePort: $0, targetPort: 8080, applicationProtocol: .http) }
        model.services.append(service)
        for pod in pods {
            let words = pod.split(separator: " ").map(String.init)
            if !model.workloads.contains(where: { $0.uid == words[0] }) { add(words[0], labels: words.dropFirst()) }
            model.endpoints.append(Endpoint(service: service.key, workloadUID: words[0]))
        }
    }

    private mutating func add(_ name: String, labels: some Sequence<String>) {
        let address = IPAddress(v4: 0x0A00_0000 | UInt32(model.workloads.count + 1))
        var workload = Workload(uid: name, name: name, namespace: "default", addresses: [address])
        for label in labels {
            let parts = label.split(separator: "=").map(String.init)
            workload.labels[parts[0]] = parts[1]
        }
        model.workloads.append(workload)
    }

    /// Binds rules to port 80 of a service: each with its matches, in this order.
    mutating func route(_ name: String, _ rules: [(matches: [RequestMatch], rule: RouteRule)]) {
        var binding = RouteBinding(service: City.key(name), port: 80)
        var routes = HTTPRoutes()
        for (matches, rule) in rules {
            for match in matches { routes.entries.append(.init(match: match, rule: routes.rules.count)) }
            routes.rules.append(rule)
        }
        binding.http = routes
        model.routes.bindings.append(binding)
    }

    static func host(_ name: String) -> String { "\(name).default.svc.cluster.local" }
    static func key(_ name: String) -> ServiceKey { ServiceKey(namespace: "default", hostname: host(name)) }
    static func target(_ name: String, subset: String? = nil) -> RouteBackend.Target {
        .service(BackendReference(service: key(name), port: 80, subset: subset))
    }

    /// A rule called `name` that forwards by weight.
    static func rule(_ name: String, to backends: [RouteBackend] = [RouteBackend(target("a"))]) -> RouteRule {
        RouteRule(origin: RouteOrigin(object: "test", name: name), action: .forward(backends))
    }

    var snapshot: MeshSnapshot { MeshSnapshot(model, generation: 1) }

    func table(origin: String? = nil) -> RouteTable {
        var directory = EndpointDirectory()
        return table(origin: origin, &directory, now: MonotonicTime(nanoseconds: 0))
    }

    func table(origin: String? = nil, _ directory: inout EndpointDirectory, now: MonotonicTime) -> RouteTable {
        let index = MeshIndex(model)
        let mesh = index.snapshot(generation: 1)
        var options = RouteTable.Options()
        options.origin = origin.flatMap { mesh.workload(uid: $0) }
        return RouteTable(index, mesh: mesh, options: options, directory: &directory, now: now)
    }
}

/// A request as text: `GET /path?query name: value; name: value`, with `host:` as its authority.
func head(_ text: String) -> RequestHead {
    var head = RequestHead()
    head.setScheme(Array("http".utf8).span)
    head.setAuthority(Array("a.example".utf8).span)
    let words = text.split(separator: " ", maxSplits: 2).map(String.init)
    head.setMethod(Array(words[0].utf8).span)
    head.setTarget(Array(words[1].utf8).span)
    guard words.count == 3 else { return head }
    for field in words[2].components(separatedBy: "; ") {
        let parts = field.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let value = Array(parts[1].drop { $0 == " " }.utf8)
        if parts[0] == "host" {
            head.setAuthority(value.span)
        } else if parts[0] == "scheme" {
            head.setScheme(value.span)
        } else {
            head.fields.append(name: Array(parts[0].utf8).span, value: value.span)
        }
    }
    return head
}

extension String {
    func components(separatedBy separator: String) -> [String] {
        var parts: [String] = []
        var rest = Substring(self)
        while let range = rest.firstRange(of: separator) {
            parts.append(String(rest[..<range.lowerBound]))
            rest = rest[range.upperBound...]
        }
        return parts + [String(rest)]
    }
}

/// Fields of a message as `name: value` lines.
func lines(_ fields: borrowing FieldList) -> [String] {
    (0..<fields.count).map { "\(String(decoding: fields.name($0))): \(String(decoding: fields.value($0)))" }
}

/// The name of the rule that a table picks, or what it answers.
func decide(
    _ table: borrowing RouteTable, _ request: String, at service: String = "a", namespace: String = "",
    client: String? = nil, seed: UInt64 = 1
) -> String {
    guard let index = table.mesh.service(hostname: City.host(service), seenFrom: NameIndex(0)),
        let scope = table.scope(service: index, port: 80)
    else { return "no scope" }
    var random = RandomSource(seed: seed)
    var scratch = RouteScratch()
    let head = head(request)
    let workload = client.flatMap { table.mesh.workload(uid: $0) }
    let decision = table.decide(
        head, in: scope, from: table.client(namespace: namespace, workload: workload), random: &random,
        scratch: &scratch)
    switch decision.outcome {
    case .noRoute: return "404"
    case .invalidBackend: return "500"
    case .forward, .redirect, .respond:
        let name = table.origin(of: decision.rule).name
        return name.isEmpty ? "default" : name
    }
}
