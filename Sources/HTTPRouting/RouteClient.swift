// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Mesh

/// What routes may ask of a client; found once per tunnel and table with `RouteTable.client(namespace:workload:)`.
package struct RouteClient: Equatable, Sendable {
    /// The namespace in its SPIFFE ID, as the table counts those that its routes name; 0: none of them.
    let namespace: UInt32
    /// Its workload, by its address; nil when it is not known.
    package let workload: WorkloadIndex?
}
