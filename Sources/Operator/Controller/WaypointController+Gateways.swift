// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Kubernetes
internal import LinuxIO
internal import Manifest
internal import Mesh
internal import Telemetry

extension WaypointController {
    /// A Gateway that is ours, and what is to be said of it.
    struct OwnGateway {
        let key: ObjectKey
        var status: GatewayStatus
    }

    // MARK: - Whose a Gateway is

    /// The controller that a class names; nil when there is no such class.
    private func controller(ofClass name: String) -> String? {
        let key = ObjectKey(kind: .gatewayClass, namespace: "", name: name)
        guard let facts = source.facts[key] else { return nil }
        return Self.node(facts.detail)?["controllerName"]?.string ?? ""
    }

    /// Whether we are the controller of a class: a class of another's is never taken, whatever its name.
    func isOurs(class name: String) -> Bool {
        guard name == "ambit-waypoint" || name == "istio-waypoint" && configuration.takesIstioClass else {
            return false
        }
        guard let controller = controller(ofClass: name) else { return name == "istio-waypoint" }
        return controller == ControllerConfiguration.controllerName
    }

    static func node(_ octets: [UInt8]) -> YAMLNode? {
        guard !octets.isEmpty else { return nil }
        do throws(ManifestError) {
            return try YAMLDocument.parse(octets).first?.root
        } catch {
            // We wrote it ourselves, from what could be read.
            return nil
        }
    }

    // MARK: - What there is

    /// Pages of a list of what was made, of 250 objects each: 10,000 waypoints have 50,000 objects.
    private static let maximumPages = 400

    /// Lists what has been made for Gateways, by its label.
    func listManaged() throws(Interruption) {
        var found: [ManagedObject.Key: YAMLNode] = [:]
        let (label, value) = ManagedObject.label
        for kind in ManagedObject.Kind.allCases {
            var next = ""
            var pages = 0
            repeat {
                pages += 1
                guard pages <= Self.maximumPages else {
                    note("\(kind.name): the list has no end")
                    throw .stopped
                }
                let token = next.isEmpty ? "" : "&continue=\(APIRequest.escaped(next))"
                let selector = APIRequest.escaped("\(label)=\(value)")
                let answer = try ask(APIRequest(.get, "\(kind.path())?labelSelector=\(selector)&limit=250\(token)"))
                guard answer.isGood, let page = object(answer, kind.name) else {
                    note("\(kind.name): \(answer.problem)")
                    throw .stopped
                }
                for item in page["items"]?.elements.map({ $0 }) ?? [] {
                    guard let metadata = item.metadata, let name = metadata["name"]?.string else { continue }
                    let namespace = metadata["namespace"]?.string ?? ""
                    found[ManagedObject.Key(kind: kind, namespace: namespace, name: name)] = item
                }
                next = page["metadata"]?["continue"]?.string ?? ""
            } while !next.isEmpty
        }
        managed = found
    }

    /// Finds out which image waypoints run: that of the controller's own pod, where none is named.
    private func findImage() throws(Interruption) {
        guard image.isEmpty, !configuration.podName.isEmpty else { return }
        let path = "/api/v1/namespaces/\(configuration.namespace)/pods/\(configuration.podName)"
        let answer = try ask(APIRequest(.get, path))
        guard answer.isGood, let pod = object(answer, "own pod") else {
            return note("Pod \(configuration.namespace)/\(configuration.podName): \(answer.problem)")
        }
        image = pod["spec"]?["containers"]?.elements.first { _ in true }?["image"]?.string ?? ""
    }

    // MARK: - What there has to be

    /// Makes what the Gateways of our classes ask for.
    ///
    /// - Returns: all of ours, with what is to be said of them.
    func reconcileGateways() throws(Interruption) -> [OwnGateway] {
        try findImage()
        let roots = readRoots()
        foreign = []
        var result: [OwnGateway] = []
        var accounts: [GatewaySettings] = []
        var wanted: Set<ManagedObject.Key> = []
        for (key, facts) in source.facts.sorted(by: { $0.key < $1.key }) where key.kind == .gateway {
            let spec = Self.node(facts.detail)
            guard isOurs(class: spec?["gatewayClassName"]?.string ?? ""), !facts.isDeleting else { continue }
            let settings = GatewaySettings(
                key, facts, spec, annotations: source.objects.object(key)?.metadata.annotations ?? [:],
                replicas: configuration.replicas)
            var status = GatewayStatus(
                name: settings.name, spec: spec, generation: facts.generation,
                hostname: "\(key.name).\(key.namespace).svc.\(configuration.clusterDomain)")
            status.refusal = refusal(key)
            do throws(OperatorError) {
                _ = try WaypointName(namespace: key.namespace, name: key.name)
            } catch {
                status.refusal = "\(error)"
            }
            status.unsupported = settings.problem
            status.readyCount = readyCount(settings.name)
            if status.isAccepted {
                accounts.append(settings)
                let workload = WaypointWorkload(
                    settings: settings, configuration: configuration, image: image, roots: roots)
                wanted.formUnion(workload.objects.map(\.key))
                status.trouble =
                    image.isEmpty
                    ? "the image of waypoints is not known; give the controller --image" : try ensure(workload)
            }
            result.append(OwnGateway(key: key, status: status))
        }
        settled = settled.filter { wanted.contains($0.key) }
        yielded = yielded.filter { wanted.contains($0.key) }
        metrics.gateways.set(Int64(result.count))
        try bindRole(accounts)
        return result
    }

    /// Why an object cannot be used as it is now; nil when it can.
    func refusal(_ key: ObjectKey) -> String? {
        guard source.refused.contains(key) else { return nil }
        let first = findings[key.description]?.first { $0.severity == .error }
        return first.map { $0.field.isEmpty ? $0.text : "\($0.field): \($0.text)" } ?? "cannot be understood"
    }

    private func readRoots() -> String {
        guard !configuration.caRootsFile.isEmpty else { return "" }
        do throws(SystemError) {
            let octets = try FileSystem.contents(of: configuration.caRootsFile, limit: 1 << 20)
            return String(decoding: octets, as: UTF8.self)
        } catch {
            note("--ca-root-cert \(configuration.caRootsFile): \(error)")
            return ""
        }
    }

    /// Pods of a waypoint that take traffic, as EndpointSlices have it.
    private func readyCount(_ name: WaypointName) -> Int {
        let hostname = "\(name.name).\(name.namespace).svc.\(configuration.clusterDomain)"
        return readyCounts[ServiceKey(namespace: name.namespace, hostname: hostname)] ?? 0
    }

    /// Makes the objects of a waypoint what they have to be.
    ///
    /// - Returns: what could not be done; nil when all is well.
    private func ensure(_ workload: WaypointWorkload) throws(Interruption) -> String? {
        var trouble: String?
        for wanted in workload.objects {
            if let problem = try ensure(wanted, uid: workload.settings.uid) { trouble = trouble ?? problem }
        }
        for key in workload.unwanted {
            guard let actual = managed?[key], actual.controllerUID == workload.settings.uid else { continue }
            try delete(key, actual)
        }
        return trouble
    }

    private func ensure(_ wanted: ManagedObject, uid: String) throws(Interruption) -> String? {
        let key = wanted.key
        if managed?[key] == nil {
            // What does not bear our label, or came since the list.
            let answer = try ask(APIRequest(.get, key.path))
            if answer.isGood, let found = object(answer, key.description) {
                managed?[key] = found
            } else if answer.status != 404 {
                note("\(key): \(answer.problem)")
                return "\(key): \(answer.problem)"
            }
        }
        let actual = managed?[key]
        if let actual, actual.controllerUID != uid {
            // One that goes with an earlier Gateway of the name, or somebody else's: looked at again with the next list.
            managed?[key] = nil
            foreign.insert(key)
            let problem = "\(key) is there already and does not belong to this Gateway; rename or remove it"
            note(problem)
            return problem
        }
        var value = wanted.value
        for field in yielded[key] ?? [] { value = value.without(field[...]) ?? value }
        guard !ManagedObject.isCovered(value, by: actual) else { return nil }
        let version = actual?.metadata?["resourceVersion"]?.string ?? ""
        if let before = settled[key], before.wanted == value.json, before.version == version { return nil }
        return try apply(ManagedObject(key: key, value: value), over: actual, isRepeated: false)
    }

    private func apply(
        _ wanted: ManagedObject, over actual: YAMLNode?, isRepeated: Bool
    ) throws(Interruption) -> String? {
        let key = wanted.key
        var value = wanted.value
        // With the UID, an object that took the place of ours in the meantime is not touched.
        if let uid = actual?.metadata?["uid"]?.string {
            value = value.replacing([.key("metadata"), .key("uid")][...], with: .text(uid))
        }
        let query = "?fieldManager=\(ControllerConfiguration.fieldManager)&force=false"
        let answer = try ask(
            APIRequest(.patch, key.path + query, "application/apply-patch+yaml", Array(value.json.utf8)))
        if answer.isGood, let made = object(answer, key.description) {
            managed?[key] = made
            let version = made.metadata?["resourceVersion"]?.string ?? ""
            settled[key] = (wanted.value.json, version)
            lane.log(.info, .config, actual == nil ? "object made" : "object changed") {
                $0.field("object", key.description)
            }
            return nil
        }
        if answer.status == 409, !isRepeated, let fields = Self.conflicts(answer), !fields.isEmpty {
            var rest = wanted.value
            for field in fields {
                guard let less = rest.without(field[...]) else {
                    note("\(key): \(answer.problem)")
                    return "\(key): \(answer.problem)"
                }
                rest = less
                yielded[key, default: []].insert(field)
            }
            lane.log(.warn, .config, "fields of another manager are left as they are") {
                $0.field("object", key.description)
                $0.field("fields", fields.joined(separator: " "))
            }
            guard !ManagedObject.isCovered(rest, by: actual) else { return nil }
            return try apply(ManagedObject(key: key, value: rest), over: actual, isRepeated: true)
        }
        // Another one of the name, or the Gateway's namespace goes: seen anew next time.
        managed?[key] = nil
        note("\(key): \(answer.problem)")
        return "\(key): \(answer.problem)"
    }

    /// The fields that another manager has; nil when the answer is about something else.
    private static func conflicts(_ answer: ClusterSession.Answer) -> [String]? {
        let causes = node(answer.body)?["details"]?["causes"]?.elements.map { $0 } ?? []
        let fields = causes.filter { $0["reason"]?.string == "FieldManagerConflict" }.compactMap { $0["field"]?.string }
        return fields.isEmpty ? nil : fields
    }

    /// Removes an object of ours that nobody asks for any more; no other one that took its name meanwhile.
    private func delete(_ key: ManagedObject.Key, _ actual: YAMLNode) throws(Interruption) {
        let conditions: [(key: String, value: ManifestValue)] = [
            ("uid", .text(actual.metadata?["uid"]?.string ?? "")),
            ("resourceVersion", .text(actual.metadata?["resourceVersion"]?.string ?? "")),
        ]
        let body = ManifestValue.mapping([
            ("apiVersion", .text("v1")), ("kind", .text("DeleteOptions")), ("preconditions", .mapping(conditions)),
        ])
        let answer = try ask(APIRequest(.delete, key.path, "application/json", Array(body.json.utf8)))
        managed?[key] = nil
        guard !answer.isGood, answer.status != 404 else {
            return lane.log(.info, .config, "object removed") { $0.field("object", key.description) }
        }
        note("\(key): \(answer.problem)")
    }

    // MARK: - The rights of waypoints

    /// Gives waypoints' service accounts the right to follow objects.
    ///
    /// Only to accounts that were made for their Gateways: an account of somebody else that has the name, `default` say, gets
    /// nothing. One of which nothing is known for the moment stays as it is.
    private func bindRole(_ gateways: [GatewaySettings]) throws(Interruption) {
        guard !configuration.roleBinding.isEmpty else { return }
        let name = configuration.roleBinding
        let path = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/\(name)"
        if boundAccounts == nil {
            let answer = try ask(APIRequest(.get, path))
            guard answer.isGood, let binding = object(answer, "ClusterRoleBinding \(name)") else {
                return note("ClusterRoleBinding \(name): \(answer.problem)")
            }
            boundAccounts = Self.accounts(of: binding)
        }
        let subjects = ManifestValue.sequence(gateways.compactMap(subject))
        guard boundAccounts != subjects else { return }
        let role: [(key: String, value: ManifestValue)] = [
            ("apiGroup", .text("rbac.authorization.k8s.io")), ("kind", .text("ClusterRole")), ("name", .text(name)),
        ]
        let binding = ManifestValue.mapping([
            ("apiVersion", .text("rbac.authorization.k8s.io/v1")), ("kind", .text("ClusterRoleBinding")),
            ("metadata", .mapping([("name", .text(name))])), ("roleRef", .mapping(role)), ("subjects", subjects),
        ])
        let query = "?fieldManager=\(ControllerConfiguration.fieldManager)&force=false"
        let answer = try ask(
            APIRequest(.patch, path + query, "application/apply-patch+yaml", Array(binding.json.utf8)))
        guard answer.isGood else { return note("ClusterRoleBinding \(name): \(answer.problem)") }
        boundAccounts = subjects
    }

    /// The service account of a Gateway's pods; nil when it is to have no rights.
    private func subject(_ gateway: GatewaySettings) -> ManifestValue? {
        let name = gateway.name
        let key = ManagedObject.Key(kind: .serviceAccount, namespace: name.namespace, name: name.name)
        let subject = ManifestValue.mapping([
            ("kind", .text("ServiceAccount")), ("name", .text(name.name)), ("namespace", .text(name.namespace)),
        ])
        if let actual = managed?[key] { return actual.controllerUID == gateway.uid ? subject : nil }
        guard !foreign.contains(key), case .sequence(let bound)? = boundAccounts, bound.contains(subject) else {
            return nil
        }
        return subject
    }

    private static func accounts(of binding: YAMLNode) -> ManifestValue {
        .sequence(
            binding["subjects"]?.elements.map { subject in
                .mapping(["kind", "name", "namespace"].map { ($0, .text(subject[$0]?.string ?? "")) })
            } ?? [])
    }
}
