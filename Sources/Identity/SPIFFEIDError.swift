// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// The rule of the SPIFFE ID specification that a text breaks (SPIFFE-ID §2).
package enum SPIFFEIDError: Error, Hashable, Sendable, CaseIterable, CustomStringConvertible {
    /// The text is empty.
    case empty
    /// It does not start with `spiffe://`.
    case scheme
    /// It is longer than 2048 octets (§2.3).
    case tooLong
    /// The trust domain is missing (§2.1).
    case trustDomainEmpty
    /// The trust domain is longer than 255 octets (§2.3).
    case trustDomainTooLong
    /// The trust domain holds something else than `a-z 0-9 . - _`: upper case, a port, user information, `%`.
    case trustDomainCharacter
    /// A path segment holds something else than `a-z A-Z 0-9 . - _`: a query, a fragment, `%` (§2.2).
    case pathCharacter
    /// Two slashes follow one another in the path.
    case pathSegmentEmpty
    /// A path segment is `.` or `..`.
    case pathSegmentDots
    /// The path ends with a slash.
    case pathTrailingSlash

    package var description: String {
        switch self {
        case .empty: "SPIFFE ID is empty"
        case .scheme: "SPIFFE ID does not start with spiffe://"
        case .tooLong: "SPIFFE ID is longer than \(SPIFFEID.maximumLength) octets"
        case .trustDomainEmpty: "trust domain is missing"
        case .trustDomainTooLong: "trust domain is longer than \(TrustDomain.maximumLength) octets"
        case .trustDomainCharacter: "trust domain may only hold lower-case letters, digits, dots, dashes, underscores"
        case .pathCharacter: "path of the SPIFFE ID may only hold letters, digits, dots, dashes, underscores"
        case .pathSegmentEmpty: "path of the SPIFFE ID holds an empty segment"
        case .pathSegmentDots: "path of the SPIFFE ID holds a '.' or '..' segment"
        case .pathTrailingSlash: "path of the SPIFFE ID ends with a slash"
        }
    }
}
