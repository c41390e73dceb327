// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Mesh
internal import Telemetry

extension PeerLabels {
    /// What metrics say of a workload, its identity left out.
    init(_ workload: WorkloadIndex, _ mesh: MeshSnapshot) {
        self.init()
        let record = mesh[workload]
        self.workload = mesh[record.workloadName]
        canonicalService = mesh[record.canonicalName]
        canonicalRevision = mesh[record.canonicalRevision]
        namespace = mesh[record.namespace]
        app = canonicalService
        version = canonicalRevision
        cluster = mesh[record.clusterID]
    }
}
