// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
internal import Bytes

/// A SPIFFE ID (SPIFFE-ID §2): `spiffe://<trust domain>[/<path>]`.
///
/// One reference wide. Comparing two IDs compares references first, then a hash made once, then the text, so the
/// common answers cost no walk over the text; hashing feeds that one number.
package struct SPIFFEID: Sendable {
    /// The longest ID in octets (SPIFFE-ID §2.3).
    package static let maximumLength = 2048

    private final class Storage: Sendable {
        let text: String
        let hash: Int
        let trustDomain: TrustDomain
        let pathOffset: Int
        let namespace: String?
        let serviceAccount: String?

        init(text: String, trustDomain: TrustDomain, namespace: String?, serviceAccount: String?) {
            self.text = text
            hash = text.hashValue
            self.trustDomain = trustDomain
            pathOffset = SPIFFEID.prefix.utf8.count + trustDomain.name.utf8.count
            self.namespace = namespace
            self.serviceAccount = serviceAccount
        }
    }

    private static let prefix = "spiffe://"
    private let storage: Storage

    /// Checks and takes the text of a SPIFFE ID.
    ///
    /// - Throws: the first broken rule of SPIFFE-ID §2; every case of `SPIFFEIDError` is possible.
    package init(_ text: String) throws(SPIFFEIDError) {
        try self.init(bytes: text.utf8.span)
    }

    /// Checks and takes the octets of a URI name of a certificate.
    ///
    /// - Throws: as `init(_:)`.
    package init(bytes: Span<UInt8>) throws(SPIFFEIDError) {
        guard !bytes.isEmpty else { throw .empty }
        guard bytes.count <= Self.maximumLength else { throw .tooLong }
        let prefixLength = Self.prefix.utf8.count
        guard bytes.count >= prefixLength, bytes.extracting(first: prefixLength).equals("spiffe://") else {
            throw .scheme
        }
        var slash = prefixLength
        while slash < bytes.count, bytes[slash] != UInt8(ascii: "/") { slash += 1 }
        let name = bytes.extracting(prefixLength..<slash)
        try TrustDomain.check(name)
        let trustDomain = try TrustDomain(String(decoding: name))
        let segments = try Self.segments(bytes.extracting(slash..<bytes.count))
        let kubernetes = segments.count == 4 && segments[0] == "ns" && segments[2] == "sa"
        storage = Storage(
            text: String(decoding: bytes), trustDomain: trustDomain, namespace: kubernetes ? segments[1] : nil,
            serviceAccount: kubernetes ? segments[3] : nil)
    }

    /// The identity of a Kubernetes service account, `spiffe://<trust domain>/ns/<namespace>/sa/<service account>`.
    ///
    /// - Throws: `.pathCharacter`, `.pathSegmentEmpty`, `.pathSegmentDots`, `.pathTrailingSlash` or `.tooLong` when a
    ///   name is no path segment.
    package init(trustDomain: TrustDomain, namespace: String, serviceAccount: String) throws(SPIFFEIDError) {
        for name in [namespace, serviceAccount] {
            guard !name.isEmpty else { throw .pathSegmentEmpty }
            guard !name.utf8.contains(UInt8(ascii: "/")) else { throw .pathCharacter }
        }
        try self.init("\(trustDomain.uri)/ns/\(namespace)/sa/\(serviceAccount)")
    }

    /// The trust domain.
    package var trustDomain: TrustDomain { storage.trustDomain }

    /// The path with its leading slash; empty when there is none.
    package var path: Substring { storage.text.utf8.dropFirst(storage.pathOffset).asSubstring }

    /// Whether there is no path: the ID then names the trust domain itself, never a workload.
    package var isTrustDomain: Bool { storage.pathOffset == storage.text.utf8.count }

    /// The namespace of an ID of exactly the form `/ns/<namespace>/sa/<service account>`, else nil.
    package var namespace: String? { storage.namespace }

    /// The service account of an ID of exactly the form `/ns/<namespace>/sa/<service account>`, else nil.
    package var serviceAccount: String? { storage.serviceAccount }

    private static func segments(_ path: Span<UInt8>) throws(SPIFFEIDError) -> [String] {
        var segments: [String] = []
        var start = 0
        while start < path.count {
            start += 1  // the slash
            var end = start
            while end < path.count, path[end] != UInt8(ascii: "/") {
                guard isPathCharacter(path[end]) else { throw .pathCharacter }
                end += 1
            }
            let segment = path.extracting(start..<end)
            if segment.isEmpty { throw end == path.count ? .pathTrailingSlash : .pathSegmentEmpty }
            if segment.equals(".") || segment.equals("..") { throw .pathSegmentDots }
            segments.append(String(decoding: segment))
            start = end
        }
        return segments
    }

    private static func isPathCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default:
            false
        }
    }
}

extension SPIFFEID: Hashable, Comparable, CustomStringConvertible {
    package static func == (left: SPIFFEID, right: SPIFFEID) -> Bool {
        left.storage === right.storage
            || left.storage.hash == right.storage.hash && left.storage.text == right.storage.text
    }

    package static func < (left: SPIFFEID, right: SPIFFEID) -> Bool { left.storage.text < right.storage.text }

    package func hash(into hasher: inout Hasher) { hasher.combine(storage.hash) }

    package var description: String { storage.text }
}

extension Substring.UTF8View {
    fileprivate var asSubstring: Substring { Substring(self) }
}
