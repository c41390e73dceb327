// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// The name of a ClusterTrustBundle that belongs to a signer: `DOMAIN:PATH:NAME` for the signer `DOMAIN/PATH`.
///
/// The API server refuses any other name for a bundle with a signer (Kubernetes, "Cluster trust bundles": signer-linked).
package struct TrustBundleName: Sendable, Hashable {
    /// The signer, for instance `ambit.dev/identity`.
    package let signer: String
    /// The whole name of the object, for instance `ambit.dev:identity:roots`.
    package let text: String

    /// Reads `DOMAIN:PATH:NAME`; nil for anything else.
    package init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0].contains("."),
            parts.allSatisfy({ part in
                part.utf8.allSatisfy(Self.isOfName) && Self.isAlphanumeric(part.utf8.first)
                    && Self.isAlphanumeric(part.utf8.last)
            }), text.utf8.count <= 253
        else { return nil }
        signer = "\(parts[0])/\(parts[1])"
        self.text = text
    }

    /// Whether an octet may stand in a name of DNS labels, as Kubernetes has them.
    static func isOfName(_ octet: UInt8) -> Bool {
        isAlphanumeric(octet) || octet == UInt8(ascii: "-") || octet == UInt8(ascii: ".")
    }

    private static func isAlphanumeric(_ octet: UInt8?) -> Bool {
        switch octet {
        case .some(UInt8(ascii: "a")...UInt8(ascii: "z")), .some(UInt8(ascii: "0")...UInt8(ascii: "9")): true
        default: false
        }
    }
}
