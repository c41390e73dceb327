// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Kubernetes
internal import Manifest

/// An object that the controller makes for a Gateway.
struct ManagedObject {
    /// What kinds there are.
    enum Kind: CaseIterable {
        case serviceAccount
        case configMap
        case service
        case deployment
        case podDisruptionBudget
        case horizontalPodAutoscaler

        var name: String {
            switch self {
            case .serviceAccount: "ServiceAccount"
            case .configMap: "ConfigMap"
            case .service: "Service"
            case .deployment: "Deployment"
            case .podDisruptionBudget: "PodDisruptionBudget"
            case .horizontalPodAutoscaler: "HorizontalPodAutoscaler"
            }
        }

        var apiVersion: String {
            switch self {
            case .serviceAccount, .configMap, .service: "v1"
            case .deployment: "apps/v1"
            case .podDisruptionBudget: "policy/v1"
            case .horizontalPodAutoscaler: "autoscaling/v2"
            }
        }

        private var plural: String {
            switch self {
            case .serviceAccount: "serviceaccounts"
            case .configMap: "configmaps"
            case .service: "services"
            case .deployment: "deployments"
            case .podDisruptionBudget: "poddisruptionbudgets"
            case .horizontalPodAutoscaler: "horizontalpodautoscalers"
            }
        }

        /// The path of all of them; of one when it is named.
        func path(namespace: String = "", name: String = "") -> String {
            let root = apiVersion == "v1" ? "/api/v1" : "/apis/\(apiVersion)"
            let place = namespace.isEmpty ? "" : "/namespaces/\(namespace)"
            return "\(root)\(place)/\(plural)" + (name.isEmpty ? "" : "/\(name)")
        }
    }

    /// Names one.
    struct Key: Hashable, CustomStringConvertible {
        let kind: Kind
        let namespace: String
        let name: String

        var description: String { "\(kind.name) \(namespace)/\(name)" }
        var path: String { kind.path(namespace: namespace, name: name) }
    }

    /// The label that all of them bear, and by which they are listed.
    static let label = (key: "gateway.istio.io/managed", value: "ambit.dev-waypoint-controller")

    let key: Key
    /// What the controller says of it; what it does not say is others' affair.
    var value: ManifestValue

    /// Whether an object says all that the controller says; the items of lists do not say which kind they are.
    static func isCovered(_ value: ManifestValue, by node: YAMLNode?) -> Bool {
        guard let node, case .mapping(let entries) = value else { return false }
        return entries.allSatisfy { key, value in
            key == "apiVersion" || key == "kind" || value.isCovered(by: node[key])
        }
    }
}

extension YAMLNode {
    /// `metadata.uid` of the owner that is the object's controller; nil without one.
    var controllerUID: String? {
        metadata?["ownerReferences"]?.elements.first { $0["controller"]?.boolean == true }?["uid"]?.string
    }

    var metadata: YAMLNode? { self["metadata"] }
}

extension ManifestValue {
    /// Whether `node` says at least what this says.
    ///
    /// The items of a list are found by their names, as server-side apply does; others have to stand at the same place.
    func isCovered(by node: YAMLNode?) -> Bool {
        guard let node else { return false }
        switch self {
        case .scalar(let text, _): return node.kind == .scalar && node.text == text
        case .mapping(let entries):
            return node.kind == .mapping && entries.allSatisfy { $0.value.isCovered(by: node[$0.key]) }
        case .sequence(let elements):
            let others = Array(node.elements)
            guard node.kind == .sequence, others.count >= elements.count else { return false }
            return elements.enumerated().allSatisfy { index, element in
                guard case .scalar(let name, _)? = element["name"] else { return element.isCovered(by: others[index]) }
                return others.contains { $0["name"]?.string == name && element.isCovered(by: $0) }
            }
        }
    }

    /// The value without a field that another manager has, which a conflict of server-side apply names.
    ///
    /// - Parameter field: as the API server writes it: `.spec.template.spec.containers[name="waypoint"].image`.
    /// - Returns: nil when there is no such field here.
    func without(_ field: Substring) -> ManifestValue? {
        switch self {
        case .scalar: return nil
        case .mapping(var entries):
            guard field.first == "." else { return nil }
            let rest = field.dropFirst()
            // Keys of labels have dots of their own.
            let found = entries.indices.filter { index in
                let key = entries[index].key
                guard rest.hasPrefix(key) else { return false }
                let next = rest.dropFirst(key.count).first
                return next == nil || next == "." || next == "["
            }.max { entries[$0].key.count < entries[$1].key.count }
            guard let found else { return nil }
            let inner = rest.dropFirst(entries[found].key.count)
            if inner.isEmpty {
                entries.remove(at: found)
            } else if let value = entries[found].value.without(inner) {
                entries[found].value = value
            } else {
                // An item of a list that cannot be told: all of the list is the other's.
                guard case .sequence = entries[found].value else { return nil }
                entries.remove(at: found)
            }
            return .mapping(entries)
        case .sequence(var elements):
            let start = "[name=\""
            guard field.hasPrefix(start) else { return nil }
            // Names of containers, ports and volumes have no quotes.
            let rest = field.dropFirst(start.count)
            let name = rest.prefix { $0 != "\"" }
            let inner = rest.dropFirst(name.count + 2)
            guard !inner.isEmpty, let index = elements.firstIndex(where: { $0["name"] == .text(String(name)) }),
                let value = elements[index].without(inner)
            else { return nil }
            elements[index] = value
            return .sequence(elements)
        }
    }
}
