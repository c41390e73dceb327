// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
import Identity
import Testing

@Suite struct SPIFFEIDTests {
    @Test(
        "SPIFFE-ID §2: well-formed IDs are taken as they are",
        arguments: [
            "spiffe://cluster.local/ns/default/sa/web", "spiffe://example.org", "spiffe://a", "spiffe://a/b",
            "spiffe://10.0.0.1/workload", "spiffe://trust_domain-1.example/a.b/c_d-e", "spiffe://a/...",
            "spiffe://a/.b",
            "spiffe://a/A/Z",
        ])
    func wellFormed(text: String) throws {
        let id = try SPIFFEID(text)
        #expect(id.description == text)
        #expect(String(id.path) == text.dropFirst("spiffe://".count + id.trustDomain.name.count))
        #expect(id.isTrustDomain == id.path.isEmpty)
    }

    @Test(
        "SPIFFE-ID §2: each broken rule has its own error",
        arguments: [
            ("", .empty),
            ("/ns/a", .scheme), ("spiffe", .scheme), ("spiffe:", .scheme), ("spiffe:/a", .scheme),
            ("SPIFFE://a/b", .scheme), ("http://a/b", .scheme), (" spiffe://a", .scheme), ("xspiffe://a", .scheme),
            ("spiffe://", .trustDomainEmpty), ("spiffe:///b", .trustDomainEmpty),
            ("spiffe://A/b", .trustDomainCharacter),  // upper case
            ("spiffe://a:80/b", .trustDomainCharacter),  // port
            ("spiffe://u@a/b", .trustDomainCharacter),  // user information
            ("spiffe://a%41/b", .trustDomainCharacter),  // percent-encoding
            ("spiffe://a?q", .trustDomainCharacter), ("spiffe://a#f", .trustDomainCharacter),
            ("spiffe://[::1]/b", .trustDomainCharacter),
            ("spiffe://a/b?q=1", .pathCharacter), ("spiffe://a/b#f", .pathCharacter),
            ("spiffe://a/%41", .pathCharacter), ("spiffe://a/b c", .pathCharacter),
            ("spiffe://a/\u{e9}", .pathCharacter),
            ("spiffe://a/b\0", .pathCharacter), ("spiffe://a/b:c", .pathCharacter),
            ("spiffe://a//b", .pathSegmentEmpty), ("spiffe://a/b//c", .pathSegmentEmpty),
            ("spiffe://a/./b", .pathSegmentDots), ("spiffe://a/b/..", .pathSegmentDots),
            ("spiffe://a/..", .pathSegmentDots),
            ("spiffe://a/", .pathTrailingSlash), ("spiffe://a/b/", .pathTrailingSlash),
        ] as [(String, SPIFFEIDError)])
    func broken(text: String, error: SPIFFEIDError) {
        #expect(throws: error) { try SPIFFEID(text) }
    }

    @Test("SPIFFE-ID §2.3: 2048 octets are allowed, 2049 are not; a trust domain has at most 255")
    func lengths() throws {
        let prefix = "spiffe://a/"
        let longest = prefix + String(repeating: "x", count: 2048 - prefix.count)
        #expect(try SPIFFEID(longest).description == longest)
        #expect(throws: SPIFFEIDError.tooLong) { try SPIFFEID(longest + "x") }
        let name = String(repeating: "d", count: 255)
        #expect(try TrustDomain(name).name == name)
        #expect(throws: SPIFFEIDError.trustDomainTooLong) { try TrustDomain(name + "d") }
        #expect(throws: SPIFFEIDError.trustDomainTooLong) { try SPIFFEID("spiffe://\(name)d/x") }
    }

    @Test("SPIFFE-ID §2.1: exactly a-z 0-9 . - _ may stand in a trust domain")
    func trustDomainAlphabet() {
        let allowed = Set("abcdefghijklmnopqrstuvwxyz0123456789.-_".utf8)
        for byte in UInt8(0)...255 {
            let bytes = Array("spiffe://a".utf8) + [byte] + Array("b/c".utf8)
            let isSlash = byte == UInt8(ascii: "/")
            #expect(accepts(bytes) == (allowed.contains(byte) || isSlash), "octet \(byte)")
        }
    }

    @Test("SPIFFE-ID §2.2: exactly a-z A-Z 0-9 . - _ may stand in a path segment")
    func pathAlphabet() {
        let allowed = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_/".utf8)
        for byte in UInt8(0)...255 {
            let bytes = Array("spiffe://a/b".utf8) + [byte] + Array("c".utf8)
            #expect(accepts(bytes) == allowed.contains(byte), "octet \(byte)")
        }
    }

    private func accepts(_ bytes: [UInt8]) -> Bool {
        do throws(SPIFFEIDError) {
            _ = try SPIFFEID(bytes: bytes.span)
            return true
        } catch {
            return false
        }
    }

    @Test("Only the form /ns/<namespace>/sa/<service account> has a namespace and a service account")
    func kubernetesForm() throws {
        let id = try SPIFFEID("spiffe://cluster.local/ns/shop/sa/cart")
        #expect(id.namespace == "shop" && id.serviceAccount == "cart")
        #expect(try SPIFFEID(trustDomain: .clusterLocal, namespace: "shop", serviceAccount: "cart") == id)
        for other in ["/ns/shop", "/ns/shop/sa/cart/x", "/sa/cart/ns/shop", "/NS/shop/sa/cart", ""] {
            #expect(try SPIFFEID("spiffe://cluster.local" + other).namespace == nil)
        }
    }

    @Test(
        "A namespace or account cannot add segments to the path",
        arguments: [("a/b", SPIFFEIDError.pathCharacter), ("", .pathSegmentEmpty), ("..", .pathSegmentDots)])
    func injection(name: String, error: SPIFFEIDError) {
        #expect(throws: error) {
            try SPIFFEID(trustDomain: .clusterLocal, namespace: name, serviceAccount: "x")
        }
        #expect(throws: error) {
            try SPIFFEID(trustDomain: .clusterLocal, namespace: "x", serviceAccount: name)
        }
    }

    @Test("IDs made apart are equal and hash alike; any difference makes them unequal")
    func equality() throws {
        let left = try SPIFFEID("spiffe://a/b")
        let right = try SPIFFEID("spiffe://a/b")
        #expect(left == right && left.hashValue == right.hashValue)
        #expect(try left != SPIFFEID("spiffe://a/B"))
        #expect(try left < SPIFFEID("spiffe://a/c"))
        #expect(MemoryLayout<SPIFFEID>.size == 8)
    }
}
