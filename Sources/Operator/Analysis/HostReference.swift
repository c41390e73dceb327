// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// A host that an object names, and what for.
struct HostReference {
    /// What the object wants of the host.
    enum Purpose {
        /// Its requests are routed by the object: without such a service, the object does nothing.
        case routed
        /// Requests are sent there.
        case destination
        /// Requests are copied there.
        case mirror
        /// It says how requests reach the host's endpoints.
        case policy
    }

    /// Where it stands.
    let field: Field
    /// The full host name, or the one that is written when it is none of the cluster's.
    let host: String
    /// What for.
    let purpose: Purpose
    /// The subset that is named beside it.
    let subset: Field?

    init(_ field: Field, host: String, _ purpose: Purpose, subset: Field? = nil) {
        self.field = field
        self.host = host
        self.purpose = purpose
        self.subset = subset
    }
}
