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
        case .name(let name): String(decoding: name, as: UTF8.self)
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

    /// The same handshake message in records of `size` octets.
    private static func split(_ hello: [UInt8], _ size: Int) -> [UInt8] {
        let message = Array(hello[5...])
        return stride(from: 0, to: message.count, by: size).flatMap { start in
            let part = message[start..<min(start + size, message.count)]
            return [22, 3, 1] + big(UInt16(part.count)) + part
        }
    }

    @Test(
        "RFC 8446 §5.1: a ClientHello in several records has its name, and every beginning of it asks for more",
        arguments: [1, 2, 3, 4, 5, 37, 60])
    func records(_ size: Int) {
        let octets = Self.split(Self.hello([(10, [0, 2, 0, 29]), Self.name("a.example")]), size)
        for count in 0..<octets.count { #expect(found(Array(octets[..<count])) == nil, "\(count)") }
        #expect(found(octets) == "a.example")
        #expect(found(octets + [20, 3, 3, 0, 1, 1]) == "a.example")
    }

    @Test("What it asks for never is more than what is missing, so that nobody waits for octets that do not come")
    func missing() {
        for size in [1, 7, 1_000] {
            let octets = Self.split(Self.hello([Self.name("a.example")]), size)
            for count in 0..<octets.count {
                let beginning = Array(octets[..<count])
                guard case .needsMore(let more) = ServerName(beginning.span) else {
                    Issue.record("\(size) \(count)")
                    continue
                }
                #expect(more > 0 && count + more <= octets.count, "\(size) \(count)")
            }
        }
    }

    @Test("What comes between the records of a ClientHello ends it: another type, another version, an empty record")
    func interrupted() {
        let octets = Self.split(Self.hello([Self.name("a.example")]), 30)
        for between in [[23, 3, 3, 0, 1, 0], [21, 3, 3, 0, 2, 1, 0], [22, 2, 1, 0, 1, 0], [22, 3, 1, 0, 0]] as [[UInt8]]
        {
            #expect(found(Array(octets[..<35]) + between + octets[35...]) == "", "\(between)")
        }
    }

    @Test("No more than 16 KiB are looked at: a longer ClientHello has no name, however it comes")
    func limit() {
        let fits = Self.hello([(21, Array(repeating: 0, count: 16_200)), Self.name("a.example")])
        #expect(fits.count < ServerName.limit && found(fits) == "a.example")
        let tooLong = Self.hello([(21, Array(repeating: 0, count: 16_300)), Self.name("a.example")])
        #expect(tooLong.count > ServerName.limit && found(tooLong) == "")
        // Known as soon as its length is, or as soon as its records' headers would not fit.
        #expect(found(Array(tooLong[..<9])) == "")
        #expect(found(Self.split(fits, 100)) == "" && found(Array(Self.split(fits, 1)[..<ServerName.limit])) == "")
        #expect(found([22, 3, 1, 0, 4, 1, 255, 255, 255]) == "" && found([22, 3, 1, 0x40, 1]) == "")
    }

    @Test(
        "What is no ClientHello has no name, and is known at once",
        arguments: [
            Array("GET / HTTP/1.1".utf8), [22, 2], [23], [22, 3, 1, 0, 4, 2], [22, 3, 1, 0, 0],
        ] as [[UInt8]])
    func others(_ octets: [UInt8]) {
        #expect(found(octets) == "")
    }

    @Test("Lengths that lie lead to no name, and never beyond the octets: each octet is changed to each of four values")
    func hostile() {
        let hello = Self.hello([(10, [0, 2, 0, 29]), Self.name("a.example")])
        for whole in [hello, Self.split(hello, 3), Self.split(hello, 50)] {
            var answers = 0
            for index in whole.indices {
                for value in [0, 1, 127, 255] as [UInt8] {
                    var octets = whole
                    octets[index] = value
                    if found(octets)?.count ?? 0 <= 255 { answers += 1 }
                }
            }
            #expect(answers == whole.count * 4)
        }
    }
}
