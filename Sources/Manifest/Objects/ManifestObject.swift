// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Mesh

/// One object that has been read and understood.
package struct ManifestObject: Sendable {
    /// What the object says, as far as the mesh wants to know; only pods are many enough to have it in place.
    package enum Body: Sendable {
        /// Nothing but its metadata: Namespace, Node, ServiceAccount, Secret, ConfigMap, and what only waypoints read.
        case metadataOnly
        case pod(PodObject)
        indirect case service(ServiceObject)
        indirect case endpointSlice(EndpointSliceObject)
        indirect case gateway(GatewayObject)
        indirect case authorizationPolicy(AuthorizationPolicyObject)
        indirect case peerAuthentication(PeerAuthentication)
        indirect case serviceEntry(ServiceEntryObject)
        indirect case workloadEntry(WorkloadEntryObject)
        indirect case route(RouteObject)
        indirect case destinationRule(DestinationRuleObject)
        indirect case trafficSplit(TrafficSplitObject)
        indirect case serviceProfile(ServiceProfileObject)
    }

    /// Its name.
    package var key: ObjectKey
    /// The line it starts on; 0 for an object from the API server.
    package var line: UInt32
    /// Labels, annotations and the like.
    package var metadata: ObjectMetadata
    /// The rest.
    package var body: Body
    /// The object as it was written, if `ManifestReader.keepsWaypointObjects` and a waypoint may read more of it.
    package var source: YAMLNode?
}
