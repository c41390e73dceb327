// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Waypoint

@Suite("ServerName")
struct ServerNameTests {
    /// A ClientHello with these extensions, each as type and content; nil: without extensions at all.
    private static func hello(_ extensions: [(UInt16, [UInt8])]?, session: Int = 32) -> [UInt8] {
        var body: [UInt8] = [3, 3] + Array(repeating: 7, count: 32)
        body += [UInt8(session)] + Array(repeating: 9, count: session)
        body += [0, 2, 0x13, 0x01, 1, 0]
        if let extensions {
            var list: [UInt8] = []
            for (type, content) in extensions { list += big(type) + big(UInt16(content.count)) + content }
            body += big(UInt16(list.count)) + list
        }
        let message = [1, 0] + big(UInt16(body.count)) + body
        return [22, 3, 1] + big(UInt16(message.count)) + message
    }

    private static func big(_ value: UInt16) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 255)] }

    private static func name(_ text: String) -> (UInt16, [UInt8]) {
        let octets = Array(text.utf8)
        return (0, big(UInt16(octets.count + 3)) + [0] + big(UInt16(octets.count)) + octets)
    }

    private func found(_ octets: [UInt8]) -> String? {
        switch ServerName(octets.span) {
        case .name(let range): String(decoding: octets[range], as: UTF8.self)
        case .absent: ""
        case .needsMore: nil
        }
    }

    @Test("RFC 6066 §3: the host name of a ClientHello, wherever its extension stands")
    func names() {
        let other: (UInt16, [UInt8]) = (43, [2, 3, 4])
        #expect(found(Self.hello([Self.name("a.example")])) == "a.example")
        #expect(found(Self.hello([other, Self.name("A.example"), other], session: 0)) == "A.example")
        #expect(found(Self.hello([other])) == "" && found(Self.hello([])) == "" && found(Self.hello(nil)) == "")
    }

    @Test("Every beginning of a ClientHello asks for more; what follows it does not matter")
    func beginnings() {
        let hello = Self.hello([(10, [0, 2, 0, 29]), Self.name("a.example")])
        for count in 0..<hello.count { #expect(found(Array(hello[..<count])) == nil, "\(count)") }
        #expect(found(hello + [23, 3, 3, 0, 1, 0]) == "a.example")
    }

    @Test(
        "What is no ClientHello has no name, and is known at once",
        arguments: [
            Array("GET / HTTP/1.1".utf8), [22, 2], [23], [22, 3, 1, 0, 4, 2], [22, 3, 1, 0, 8, 1, 0, 1, 0],
        ] as [[UInt8]])
    func others(_ octets: [UInt8]) {
        #expect(found(octets) == "")
    }

    @Test("Lengths that lie lead to no name, and never beyond the octets: each octet is changed to each of four values")
    func hostile() {
        let hello = Self.hello([(10, [0, 2, 0, 29]), Self.name("a.example")])
        var answers = 0
        for index in hello.indices {
            for value in [0, 1, 127, 255] as [UInt8] {
                var octets = hello
                octets[index] = value
                if found(octets)?.count ?? 0 <= 255 { answers += 1 }
            }
        }
        #expect(answers == hello.count * 4)
    }
}
