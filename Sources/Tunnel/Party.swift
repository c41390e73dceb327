// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import HBONE
internal import Mesh
internal import Telemetry

/// One end of connections as logs and metrics name it; made once per workload and snapshot, shared by its connections.
final class Party: Sendable {
    let access: AccessPeer
    let labels: PeerLabels
    /// The `baggage` header that tells peers who this is.
    let baggage: String

    init(_ workload: WorkloadIndex, _ snapshot: MeshSnapshot) {
        let record = snapshot.workloads.records[workload.position]
        func name(_ index: NameIndex) -> String { snapshot.names[index.position] }
        access = AccessPeer(
            workload: name(record.name), namespace: name(record.namespace), identity: "",
            cluster: name(record.clusterID))
        var labels = PeerLabels()
        labels.workload = name(record.workloadName)
        labels.canonicalService = name(record.canonicalName)
        labels.canonicalRevision = name(record.canonicalRevision)
        labels.namespace = name(record.namespace)
        labels.app = name(record.canonicalName)
        labels.version = name(record.canonicalRevision)
        labels.cluster = name(record.clusterID)
        labels.region = name(record.region)
        labels.zone = name(record.zone)
        self.labels = labels
        var baggage = Baggage()
        baggage.clusterName = labels.cluster
        baggage.namespace = labels.namespace
        baggage.workloadKind = record.workloadType.rawValue
        baggage.workloadName = labels.workload
        baggage.serviceName = labels.canonicalService
        baggage.serviceVersion = labels.canonicalRevision
        baggage.region = labels.region
        baggage.zone = labels.zone
        self.baggage = baggage.headerValue
    }
}

/// A service as logs and metrics name it.
final class ServiceParty: Sendable {
    let hostname: String
    let namespace: String
    let name: String

    init(_ service: ServiceIndex, _ snapshot: MeshSnapshot) {
        let record = snapshot.services.records[service.position]
        hostname = snapshot.names[record.hostname.position]
        namespace = snapshot.names[record.namespace.position]
        name = snapshot.names[record.name.position]
    }
}
