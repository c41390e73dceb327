// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Mesh
internal import Routing

/// Where an outbound connection goes by HBONE: which pool carries it and what its CONNECT asks for.
struct NextHop {
    let poolKey: PoolKey
    let authority: SocketAddress
    /// The workload at the next hop, to leave out when connecting to it fails.
    let workload: WorkloadIndex
}
