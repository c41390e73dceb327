// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HTTPRouting
internal import Mesh

/// What a connection was addressed to, in one state of the routes.
struct Frontend {
    /// The address and port that the client connected to, or that a plain text listener stands for.
    var address: SocketAddress
    /// The service's port; nil for a workload waypoint's pod.
    var scope: RouteScope?
    /// The pod, where it was addressed itself.
    var workload: WorkloadIndex?
    /// What is declared of the port.
    var declared: ApplicationProtocol
    /// The state that these belong to.
    var epoch: RouteEpoch
    /// What routes may ask of the client.
    var client: RouteClient
}
