// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Mesh

/// One object that has been read and understood.
package struct ManifestObject: Sendable {
    /// What the object says, as far as the mesh wants to know.
    package enum Body: Sendable {
        /// Nothing but its metadata: Namespace, Node, ServiceAccount, Secret, ConfigMap, and what only waypoints read.
        case metadataOnly
        case pod(PodObject)
        case service(ServiceObject)
        case endpointSlice(EndpointSliceObject)
        case gateway(GatewayObject)
        case authorizationPolicy(AuthorizationPolicyObject)
        case peerAuthentication(PeerAuthentication)
        case serviceEntry(ServiceEntryObject)
        case workloadEntry(WorkloadEntryObject)
        case route(RouteObject)
        case destinationRule(DestinationRuleObject)
        case trafficSplit(TrafficSplitObject)
        case serviceProfile(ServiceProfileObject)
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
