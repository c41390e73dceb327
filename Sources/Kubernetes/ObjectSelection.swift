// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Manifest

/// What of the API server's objects is read at all: most of their text is not, and costs no more than to pass over it.
///
/// Of the kinds that every cluster has most of, what is not named here; of all others, who wrote which field and annotations of
/// strangers, which may hold whole manifests.
enum ObjectSelection {
    /// Domains of annotations that somebody in the mesh may read.
    static let annotationDomains = ["istio.io", "ambit.dev", "linkerd.io", "service.kubernetes.io"]
    /// Says in a bookmark that the list is complete.
    static let endOfList = "k8s.io/initial-events-end"

    /// What is read of an object in a list.
    static func item(_ kind: ObjectKind) -> JSONSelection {
        JSONSelection(object(kind))
    }

    /// What is read of an event of a watch.
    static func event(_ kind: ObjectKind) -> JSONSelection {
        JSONSelection(.only(["type": .everything, "object": object(kind)]))
    }

    private static var annotations: JSONSelection.Part { .domains(annotationDomains, and: [endOfList]) }

    private static func object(_ kind: ObjectKind) -> JSONSelection.Part {
        switch kind {
        case .pod: .only(common.merging(["spec": podSpec, "status": podStatus]) { $1 })
        case .namespace, .node: .only(common)
        default: .except(["metadata": .except(["managedFields": .nothing, "annotations": annotations])])
        }
    }

    /// What is read of every object, and of a Status, which may stand in the place of one.
    private static var common: [String: JSONSelection.Part] {
        let metadata = [
            "name", "namespace", "uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "labels",
            "ownerReferences",
        ]
        var result = members(["apiVersion", "kind", "code", "reason", "message"])
        result["metadata"] = .only(members(metadata).merging(["annotations": annotations]) { $1 })
        return result
    }

    private static var podSpec: JSONSelection.Part {
        let container = JSONSelection.Part.only(members(["ports"]))
        return .only(
            members(["nodeName", "serviceAccountName", "hostNetwork"])
                .merging(["containers": container, "initContainers": container]) { $1 })
    }

    private static var podStatus: JSONSelection.Part {
        .only(
            members(["phase", "podIP", "podIPs"]).merging(["conditions": .only(members(["type", "status"]))]) { $1 })
    }

    private static func members(_ names: [String]) -> [String: JSONSelection.Part] {
        Dictionary(uniqueKeysWithValues: names.map { ($0, .everything) })
    }
}
