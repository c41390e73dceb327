// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import HTTPRouting
internal import Mesh
internal import Telemetry

/// What tells series of requests apart within one epoch: numbers only, so that the labels are made once.
struct RequestKey: Hashable {
    let source: Int
    let scope: RouteScope?
    let cluster: ClusterIndex?
    let workload: WorkloadIndex?
    let status: UInt16
    let grpcStatus: UInt8
    let isGRPC: Bool
    let flags: RequestFlags
}
