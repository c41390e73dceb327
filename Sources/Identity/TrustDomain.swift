// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// The name of a SPIFFE trust domain (SPIFFE-ID §2.1): lower-case letters, digits, dots, dashes and underscores.
package struct TrustDomain: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The longest name in octets (SPIFFE-ID §2.3).
    package static let maximumLength = 255

    /// The name, without scheme.
    package let name: String

    /// Kubernetes' and Istio's default, `cluster.local`.
    package static let clusterLocal = TrustDomain(unchecked: "cluster.local")

    /// Checks a trust domain name.
    ///
    /// - Throws: `.trustDomainEmpty`, `.trustDomainTooLong`, `.trustDomainCharacter`.
    package init(_ name: String) throws(SPIFFEIDError) {
        try Self.check(name.utf8.span)
        self.name = name
    }

    private init(unchecked name: String) {
        self.name = name
    }

    package static func < (left: TrustDomain, right: TrustDomain) -> Bool { left.name < right.name }

    package var description: String { name }

    /// The SPIFFE ID of the trust domain itself, which names its signing authority (SPIFFE-ID §2.2: no path).
    package var uri: String { "spiffe://" + name }

    static func check(_ name: Span<UInt8>) throws(SPIFFEIDError) {
        guard !name.isEmpty else { throw .trustDomainEmpty }
        guard name.count <= maximumLength else { throw .trustDomainTooLong }
        for index in 0..<name.count {
            switch name[index] {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."),
                UInt8(ascii: "-"), UInt8(ascii: "_"):
                continue
            default:
                throw .trustDomainCharacter
            }
        }
    }
}
