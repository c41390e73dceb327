// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Mesh

extension MeshTranslator {
    /// Makes a workload of every pod that runs, and an enrollment of every one on our node.
    mutating func translatePods() {
        for entry in entries(.pod) {
            let parts = parts(ofPod: entry)
            if let workload = parts.workload { model.workloads.append(workload) }
            if let enrollment = parts.enrollment { model.enrollments.append(enrollment) }
        }
    }

    func uid(ofPod key: ObjectKey) -> String { "\(options.clusterID)//Pod/\(key.namespace)/\(key.name)" }

    /// A pod that runs; nil when there is none of that name.
    func pod(_ key: ObjectKey) -> PodWorkload? {
        guard let object = store.object(key), case .pod(let pod) = object.body, !pod.isFinished else { return nil }
        return PodWorkload(uid: uid(ofPod: key), pod: pod, metadata: object.metadata)
    }

    /// What a pod is in the mesh; notes what is wrong with it.
    mutating func parts(ofPod entry: ObjectStore.Entry) -> (workload: Workload?, enrollment: Enrollment?) {
        guard case .pod(let pod) = entry.object.body, !pod.isFinished else { return (nil, nil) }
        let key = entry.object.key
        let metadata = entry.object.metadata
        let uid = uid(ofPod: key)
        let isEnrolled = isEnrolled(pod, metadata, namespace: key.namespace)
        var workload = Workload(uid: uid, name: key.name, namespace: key.namespace, addresses: pod.addresses)
        workload.serviceAccount = pod.serviceAccountName
        workload.trustDomain = options.trustDomain
        workload.node = pod.nodeName
        workload.locality = nodeLocalities[pod.nodeName] ?? Locality()
        workload.network = options.network
        workload.clusterID = options.clusterID
        workload.tunnelProtocol = isEnrolled || speaksHBONE(metadata) ? .hbone : .tcp
        workload.isReady = pod.isReady
        workload.isHostNetwork = pod.isHostNetwork
        workload.labels = metadata.labels
        (workload.workloadType, workload.workloadName) = origin(key.name, metadata)
        setCanonicalName(&workload)
        workload.waypoint = binding(metadata.labels, namespace: key.namespace)
        workload.applicationTunnel = applicationTunnel(of: workload)
        guard options.node == nil || options.node == pod.nodeName else { return (workload, nil) }
        return (workload, enrollment(entry, pod, uid: uid, isEnrolled: isEnrolled))
    }

    /// Label `istio.io/dataplane-mode`, of the pod before that of its namespace; never on the host's network, nor beside a sidecar.
    private func isEnrolled(_ pod: PodObject, _ metadata: ObjectMetadata, namespace: String) -> Bool {
        guard !pod.isHostNetwork, metadata.annotations["sidecar.istio.io/status"] == nil else { return false }
        let label = Self.enrollmentLabel
        return (metadata.labels[label] ?? namespaceLabels[namespace]?[label]) == "ambient"
    }

    static var enrollmentLabel: String { "istio.io/dataplane-mode" }

    /// Whether a workload takes HBONE although we do not capture it: captured by ztunnel, or native (a waypoint).
    ///
    /// What our own tunnels say of a pod decides nothing: when its label goes, no peer may wait for the annotation to go too.
    private func speaksHBONE(_ metadata: ObjectMetadata) -> Bool {
        (metadata.annotations["ambient.istio.io/redirection"] == "enabled"
            && metadata.annotations["ambit.dev/redirection"] == nil)
            || metadata.labels["networking.istio.io/tunnel"] == "http"
    }

    /// Istio's canonical service and revision (label, then the labels that applications carry anyway).
    func setCanonicalName(_ workload: inout Workload) {
        let labels = workload.labels
        func first(_ keys: [String]) -> String? {
            keys.lazy.compactMap { labels[$0] }.first { !$0.isEmpty }
        }
        workload.canonicalName =
            first(["service.istio.io/canonical-name", "app.kubernetes.io/name", "app"]) ?? workload.workloadName
        workload.canonicalRevision =
            first(["service.istio.io/canonical-revision", "app.kubernetes.io/version", "version"]) ?? "latest"
    }

    /// The object that stands behind a pod: a ReplicaSet is its Deployment's, a Job may be a CronJob's.
    private func origin(_ name: String, _ metadata: ObjectMetadata) -> (WorkloadType, String) {
        guard let owner = metadata.controller else { return (.pod, name) }
        switch owner.kind {
        case "ReplicaSet":
            guard let hash = metadata.labels["pod-template-hash"], owner.name.hasSuffix("-" + hash) else {
                return (.deployment, owner.name)
            }
            return (.deployment, String(owner.name.dropLast(hash.count + 1)))
        case "Deployment": return (.deployment, owner.name)
        case "StatefulSet": return (.statefulSet, owner.name)
        case "DaemonSet": return (.daemonSet, owner.name)
        case "CronJob": return (.cronJob, owner.name)
        case "Job":
            // A CronJob's Jobs end in the minute they were due (8 to 10 digits).
            let parts = owner.name.split(separator: "-")
            if let last = parts.last, parts.count > 1, (8...10).contains(last.utf8.count),
                last.utf8.allSatisfy({ (0x30...0x39).contains($0) })
            {
                return (.cronJob, String(owner.name.dropLast(last.count + 1)))
            }
            return (.job, owner.name)
        default: return (.pod, name)
        }
    }

    // MARK: - Enrollment

    private mutating func enrollment(
        _ entry: ObjectStore.Entry, _ pod: PodObject, uid: String, isEnrolled: Bool
    ) -> Enrollment {
        let annotations = entry.object.metadata.annotations
        var result = Enrollment(workloadUID: uid, isEnrolled: isEnrolled, networkNamespacePath: nil)
        result.podUID = entry.object.metadata.uid
        result.addresses = pod.addresses
        guard !annotations.isEmpty else { return result }
        if let path = annotations["ambit.dev/netns"] {
            if !options.readsNamespacePaths {
                let text = "has no effect in a cluster: the namespace is that of the pod's processes"
                findings.pods[entry.object.key, default: []].append(
                    entry.finding(.warning, field: "metadata.annotations[\"ambit.dev/netns\"]", text))
            } else if path.hasPrefix("/"), !path.utf8.contains(0), path.utf8.count < 4096 {
                result.networkNamespacePath = path
            } else {
                report(entry, "ambit.dev/netns", "must be an absolute path; the pod is not captured")
                result.isEnrolled = false
            }
        }
        let ports = { (translator: inout MeshTranslator, key: String) in
            translator.items(entry, key, "ports or ranges of ports") { Self.portRange($0) }
        }
        let blocks = { (translator: inout MeshTranslator, key: String) in
            translator.items(entry, key, "IP addresses or CIDR blocks") { CIDR($0) }
        }
        result.excludedInboundPorts =
            ports(&self, "ambit.dev/exclude-inbound-ports")
            + ports(&self, "traffic.sidecar.istio.io/excludeInboundPorts")
        result.excludedOutboundPorts =
            ports(&self, "ambit.dev/exclude-outbound-ports")
            + ports(&self, "traffic.sidecar.istio.io/excludeOutboundPorts")
        result.excludedInboundCIDRs = blocks(&self, "ambit.dev/exclude-inbound-cidrs")
        result.excludedOutboundCIDRs =
            blocks(&self, "ambit.dev/exclude-outbound-cidrs")
            + blocks(&self, "traffic.sidecar.istio.io/excludeOutboundIPRanges")
        if annotations["ambient.istio.io/bypass-inbound-capture"] == "true" {
            result.excludedInboundPorts = [1...UInt16.max]
        }
        return result
    }

    private mutating func report(_ entry: ObjectStore.Entry, _ annotation: String, _ text: String) {
        findings.pods[entry.object.key, default: []].append(
            entry.finding(.error, field: "metadata.annotations[\"\(annotation)\"]", text))
    }

    /// The items of an annotation's comma-separated list; what is wrong is left out, so that it is captured.
    private mutating func items<Value>(
        _ entry: ObjectStore.Entry, _ key: String, _ expected: String, _ parse: (String) -> Value?
    ) -> [Value] {
        guard let text = entry.object.metadata.annotations[key] else { return [] }
        var result: [Value] = []
        for item in text.split(separator: ",") {
            let trimmed = String(item.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
            if trimmed.isEmpty { continue }
            if let value = parse(trimmed) {
                result.append(value)
            } else {
                report(entry, key, "must be a list of \(expected): \"\(printable(trimmed))\" is ignored")
            }
        }
        return result
    }

    /// `80`, `8000-8100`, or `*` for all.
    private static func portRange(_ text: String) -> ClosedRange<UInt16>? {
        if text == "*" { return 1...UInt16.max }
        let ends = text.split(separator: "-", omittingEmptySubsequences: false)
        guard let first = ObjectDecoder.port(String(ends[0])) else { return nil }
        if ends.count == 1 { return first...first }
        guard ends.count == 2, let last = ObjectDecoder.port(String(ends[1])), first <= last else { return nil }
        return first...last
    }
}
