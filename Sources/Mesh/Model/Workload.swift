// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

/// One thing with addresses that connections come from and go to: a pod, a workload entry, or a bare endpoint address.
package struct Workload: Equatable, Sendable {
    /// The key: `cluster/group/kind/namespace/name`, as Istio writes it (`Kubernetes//Pod/default/reviews-v1-0`).
    package var uid: String
    /// The object's name.
    package var name: String
    /// The object's namespace.
    package var namespace: String
    /// The service account its SPIFFE ID names.
    package var serviceAccount: String
    /// The trust domain its SPIFFE ID names.
    package var trustDomain: String
    /// Every address of the workload, the primary one first; a host-network pod has its node's.
    package var addresses: [IPAddress]
    /// The node it runs on; empty when it runs on none.
    package var node: String
    /// Where it runs.
    package var locality: Locality
    /// The network it is in; workloads of one network reach each other by address; empty is a name too.
    package var network: String
    /// The cluster it belongs to.
    package var clusterID: String
    /// How its connections are carried on the last hop.
    package var tunnelProtocol: TunnelProtocol
    /// Whether it is fit to serve (a pod's `Ready` condition); says nothing about a service: see `Endpoint`.
    package var isReady: Bool
    /// Whether it shares its node's address: then it is never found by address.
    package var isHostNetwork: Bool
    /// Whether it is a pod: ranks before other kinds where addresses overlap.
    package var isPod: Bool
    /// Its share of a service's connections relative to other endpoints (`WorkloadEntry` weight); 0 takes none.
    package var capacity: UInt32
    /// Its labels, which selectors of policies are matched with.
    package var labels: [String: String]
    /// The name of the application it belongs to: Istio's canonical service name, also its `app` in telemetry.
    package var canonicalName: String
    /// The revision of that application: Istio's canonical revision, also its `version` in telemetry.
    package var canonicalRevision: String
    /// The kind of the object that made it.
    package var workloadType: WorkloadType
    /// The name of the object that made it (the Deployment, not the ReplicaSet).
    package var workloadName: String
    /// The waypoint its object asks for.
    package var waypoint: WaypointBinding
    /// Of a proxy behind the tunnel: how it is handed connections; nil for all other workloads.
    package var applicationTunnel: ApplicationTunnel?

    /// A ready pod of one address that no service and no waypoint knows yet; the rest is set afterwards.
    package init(uid: String, name: String, namespace: String, addresses: [IPAddress] = []) {
        self.uid = uid
        self.name = name
        self.namespace = namespace
        self.addresses = addresses
        serviceAccount = "default"
        trustDomain = "cluster.local"
        node = ""
        locality = Locality()
        network = ""
        clusterID = "Kubernetes"
        tunnelProtocol = .tcp
        isReady = true
        isHostNetwork = false
        isPod = true
        capacity = 1
        labels = [:]
        canonicalName = name
        canonicalRevision = "latest"
        workloadType = .pod
        workloadName = name
        waypoint = .inherit
        applicationTunnel = nil
    }
}

/// How connections to a workload are carried on the last hop.
package enum TunnelProtocol: Equatable, Sendable {
    /// As they are: the workload is not in the mesh.
    case tcp
    /// By HBONE to port 15008: the workload is captured, or speaks HBONE itself.
    case hbone
}

/// The kind of object a workload comes from, for telemetry (Istio's workload types).
package enum WorkloadType: String, Equatable, Sendable {
    /// A bare pod, and everything that has no better kind.
    case pod
    /// A Deployment, directly or by a ReplicaSet.
    case deployment
    /// A Job.
    case job
    /// A CronJob.
    case cronJob = "cronjob"
    /// A StatefulSet.
    case statefulSet = "statefulset"
    /// A DaemonSet.
    case daemonSet = "daemonset"
}
