// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// A workload as decisions see it: numbers only, so that reading one neither allocates nor counts references.
package struct WorkloadRecord: Sendable {
    /// The key.
    package let uid: NameIndex
    /// The object's name.
    package let name: NameIndex
    /// The object's namespace.
    package let namespace: NameIndex
    /// The service account.
    package let serviceAccount: NameIndex
    /// The node.
    package let node: NameIndex
    /// The region.
    package let region: NameIndex
    /// The zone.
    package let zone: NameIndex
    /// The part of the zone.
    package let subzone: NameIndex
    /// The network.
    package let network: NameIndex
    /// The cluster.
    package let clusterID: NameIndex
    /// The application's name.
    package let canonicalName: NameIndex
    /// The application's revision.
    package let canonicalRevision: NameIndex
    /// The name of the object that made it.
    package let workloadName: NameIndex
    /// The kind of the object that made it.
    package let workloadType: WorkloadType
    /// How the last hop to it is carried.
    package let tunnelProtocol: TunnelProtocol
    /// Whether nothing is here (any more): no look-up leads to it.
    package internal(set) var isVacant = false
    /// Whether it is fit to serve.
    package let isReady: Bool
    /// Whether it shares its node's address.
    package let isHostNetwork: Bool
    /// Whether it is a pod.
    package let isPod: Bool
    /// Why it has the waypoint it has.
    package internal(set) var waypointStatus = WaypointStatus.unbound
    /// Its weight.
    package let capacity: UInt32
    /// Its SPIFFE ID; nil when its names make none, and then nobody can talk to it by HBONE.
    package let identity: IdentityIndex?
    /// Its addresses, in `WorkloadTable.addresses`.
    package internal(set) var addresses: IndexRange
    /// The waypoint that traffic addressed to it goes through.
    package internal(set) var waypoint: WaypointIndex?
    /// Of a proxy behind the tunnel: how it is handed connections; nil for all other workloads.
    package let applicationTunnel: ApplicationTunnel?
    /// The rules of its namespace; nil when there are none.
    package internal(set) var namespaceRules: RuleSetIndex?
    /// The rules of policies that select it; nil when there are none.
    package internal(set) var selectorRules: RuleSetIndex?
    /// Its mutual TLS modes, in `PolicyTable.mutualTLSModes`.
    package internal(set) var mutualTLSModes: UInt32 = 0
    /// A digest of everything that decides who may connect to it: equal digests, equal rules.
    package internal(set) var inboundFingerprint: UInt64 = 0
}

/// Why an object has a waypoint or has none (Istio's status condition `WaypointBound`).
package enum WaypointStatus: UInt8, Sendable {
    /// It asks for none.
    case unbound
    /// It is a waypoint itself, or the service of one.
    case isWaypoint
    /// It has one.
    case bound
    /// The one it asks for does not exist or has no address: traffic goes direct, as in Istio.
    case notReady
    /// The one it asks for does not admit its namespace: traffic goes direct, as in Istio.
    case attachmentDenied
    /// The one it asks for is not for this kind of traffic: traffic goes direct, as in Istio.
    case unsupportedTrafficType
}
