// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Kubernetes
internal import Manifest

/// What a Gateway says of the proxies that are to be run for it.
struct GatewaySettings {
    /// Annotation: pods, and with the second one the most that an autoscaler may make of them.
    private static let replicasAnnotation = "ambit.dev/replicas"
    private static let maximumAnnotation = "ambit.dev/max-replicas"

    let name: WaypointName
    let uid: String
    let className: String
    var replicas: Int
    /// The most pods; nil without an autoscaler.
    var maximumReplicas: Int?
    /// `spec.infrastructure`: goes onto everything that is made.
    var labels: [(key: String, value: String)] = []
    var annotations: [(key: String, value: String)] = []
    /// What in it nobody can do.
    var problem: String?

    /// The usual pods.
    init(name: WaypointName, uid: String, className: String, replicas: Int) {
        self.name = name
        self.uid = uid
        self.className = className
        self.replicas = replicas
    }

    init(
        _ key: ObjectKey, _ facts: ObjectFacts, _ spec: YAMLNode?, annotations given: [String: String],
        replicas usual: Int
    ) {
        self.init(
            name: WaypointName(key), uid: facts.uid, className: spec?["gatewayClassName"]?.string ?? "",
            replicas: usual)
        let infrastructure = spec?["infrastructure"]
        for (key, value) in infrastructure?["labels"]?.entries.map({ $0 }) ?? [] {
            labels.append((key.text, value.text))
        }
        for (key, value) in infrastructure?["annotations"]?.entries.map({ $0 }) ?? [] {
            annotations.append((key.text, value.text))
        }
        if infrastructure?["parametersRef"].map({ !$0.isNull }) == true {
            problem = "spec.infrastructure.parametersRef is not supported; edit the Deployment, its changes stay"
        }
        replicas = number(Self.replicasAnnotation, given) ?? usual
        maximumReplicas = number(Self.maximumAnnotation, given)
        if let maximumReplicas, maximumReplicas < self.replicas {
            problem = "\(Self.maximumAnnotation) is less than the \(self.replicas) replicas that there are at least"
        }
    }

    private mutating func number(_ annotation: String, _ given: [String: String]) -> Int? {
        guard let text = given[annotation] else { return nil }
        guard let number = Int(text), (1...1_000).contains(number) else {
            problem = "annotation \(annotation) must be a number from 1 to 1000"
            return nil
        }
        return number
    }
}
