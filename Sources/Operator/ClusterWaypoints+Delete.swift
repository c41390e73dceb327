// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Kubernetes
internal import Manifest

extension ClusterWaypoints {
    /// The waypoints of a namespace, of one revision if given.
    package func names(namespace: String, revision: String?) throws(OperatorError) -> [WaypointName] {
        try list(namespace: namespace).filter { revision == nil || $0.revision == revision }.map(\.name)
    }

    /// Removes waypoints; their controller takes away what it made for them.
    package func delete(_ options: WaypointOperator.DeleteOptions) throws(OperatorError) {
        for name in options.names {
            if options.removesLabels { try unlabel(name) }
            guard try find(name) != nil else {
                say("waypoint \(name) not found")
                continue
            }
            let answer = try ask(APIRequest(.delete, Self.path(.gateway, name.namespace, name.name)))
            // Somebody else was faster.
            guard answer.isGood || answer.status == 404 else { throw Self.refusal(answer, "Gateway \(name)") }
            say("waypoint \(name) deleted")
            guard !options.removesLabels else { continue }
            let users = try users(of: name)
            guard !users.isEmpty else { continue }
            warn(
                "still labeled with \"\(WaypointLabel.use): \(name.name)\": "
                    + users.map(\.description).joined(separator: ", ")
                    + "; their traffic goes direct now; --unlabel takes the label off")
        }
    }

    private func unlabel(_ name: WaypointName) throws(OperatorError) {
        for key in try users(of: name) {
            try label(
                key, [(WaypointLabel.use, .scalar("", .null)), (WaypointLabel.useNamespace, .scalar("", .null))])
            say("\(key) unlabeled")
        }
    }

    /// Objects whose labels name a waypoint.
    private func users(of name: WaypointName) throws(OperatorError) -> [ObjectKey] {
        var result: [ObjectKey] = []
        for kind in [ObjectKind.namespace, .service, .pod, .serviceEntry, .workloadEntry] {
            let selector = APIRequest.escaped("\(WaypointLabel.use)=\(name.name)")
            let answer = try ask(APIRequest(.get, Self.path(kind, "", "") + "?labelSelector=\(selector)"))
            // Kinds that a CustomResourceDefinition would bring may not be there.
            if answer.status == 404 { continue }
            guard answer.isGood else { throw Self.refusal(answer, kind.name) }
            for item in try object(answer)["items"]?.elements.map({ $0 }) ?? [] {
                guard let metadata = item["metadata"], let own = metadata["name"]?.string else { continue }
                let place = kind == .namespace ? own : metadata["namespace"]?.string ?? ""
                let label = metadata["labels"]?[WaypointLabel.useNamespace]?.string ?? ""
                guard (label.isEmpty ? place : label) == name.namespace else { continue }
                result.append(ObjectKey(kind: kind, namespace: kind == .namespace ? "" : place, name: own))
            }
        }
        return result
    }
}
