// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

/// What a controller of waypoints is told.
package struct ControllerConfiguration: Sendable {
    /// `spec.controllerName` of the GatewayClasses that are ours.
    package static var controllerName: String { "ambit.dev/waypoint-controller" }
    /// The name under which the fields that it writes are known (server-side apply).
    static var fieldManager: String { "ambit-waypoint-controller" }

    /// Who it is; no two replicas may have the same name.
    package var identity = ""
    /// The namespace of the Lease, and of the controller's own pod.
    package var namespace = "ambit-system"
    /// The Lease that says which replica writes.
    package var leaseName = "ambit-waypoint-controller"
    /// After what time without renewal another replica takes over.
    package var leaseDuration = Nanoseconds.seconds(15)
    /// The controller's own pod, whose image waypoints run where none is named.
    package var podName = ""
    /// The image that waypoints run.
    package var image = ""
    /// Whether Gateways of the class `istio-waypoint` are taken too, unless their class names another controller.
    package var takesIstioClass = false
    /// Pods of a waypoint whose Gateway does not say how many.
    package var replicas = 2
    /// The trust domain of all identities.
    package var trustDomain = "cluster.local"
    /// DNS suffix of services' hostnames.
    package var clusterDomain = "cluster.local"
    /// The CA service (`HOST:PORT`) that waypoints take certificates from; empty: they are told of none.
    package var caAddress = ""
    /// File with the CA service's roots, which goes into a ConfigMap beside each waypoint.
    package var caRootsFile = ""
    /// The ClusterRoleBinding whose subjects are the waypoints' service accounts; empty: somebody else binds them.
    package var roleBinding = ""
    /// How often what was made for Gateways is compared with what there is.
    package var resyncPeriod = Nanoseconds.seconds(60)

    /// The usual values.
    package init() {}
}
