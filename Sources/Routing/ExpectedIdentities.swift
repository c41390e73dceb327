// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Identity
package import Mesh

/// Who may answer at the other end of an HBONE connection: the chosen workload, or one of the service's alternatives.
package struct ExpectedIdentities: Equatable, Sendable {
    /// The workload's identity.
    package let workload: IdentityIndex
    /// The service whose `subjectAltNames` are accepted too.
    package let service: ServiceIndex?

    /// Puts the two together.
    package init(workload: IdentityIndex, service: ServiceIndex?) {
        self.workload = workload
        self.service = service
    }
}

extension MeshSnapshot {
    /// Whether a peer is one of those expected.
    ///
    /// - Complexity: O(number of the service's alternative names); does not allocate.
    package func accepts(_ peer: SPIFFEID, as expected: ExpectedIdentities) -> Bool {
        if self[expected.workload] == peer { return true }
        guard let service = expected.service else { return false }
        for position in self[service].subjectAltNames.positions where services.subjectAltNames[position] == peer {
            return true
        }
        return false
    }

    /// All identities that may answer, without duplicates, the workload's first: what a connection pool is keyed by.
    package func identities(of expected: ExpectedIdentities) -> [SPIFFEID] {
        var identities = [self[expected.workload]]
        guard let service = expected.service else { return identities }
        for position in self[service].subjectAltNames.positions {
            let name = services.subjectAltNames[position]
            if !identities.contains(name) { identities.append(name) }
        }
        return identities
    }
}
