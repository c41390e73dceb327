// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Bytes

@Suite("Plain text in a Span")
struct SpanTextTests {
    @Test("The first octet that is not plain is found at any place, whatever stands around it")
    func everyOctet() {
        for octet in UInt8.min...UInt8.max {
            let isPlain = octet >= 0x20 && octet < 0x80 && octet != 0x22 && octet != 0x5C
            for (place, neighbour) in [(0, 0x21), (3, 0x5D), (7, 0x7F), (8, 0x20), (11, 0x23), (16, 0x5B)]
                as [(Int, UInt8)]
            {
                var octets = [UInt8](repeating: neighbour, count: 18)
                octets[place] = octet
                let end = octets.span.endOfPlainText(from: 0)
                #expect(end == (isPlain ? 18 : place))
                // What is found first comes first, whatever follows directly.
                for follower in [0x00, 0x22, 0x5C, 0x80, 0x1F, 0x23] as [UInt8] {
                    octets[place + 1] = follower
                    let end = octets.span.endOfPlainText(from: 0)
                    #expect(end == (!isPlain ? place : follower == 0x23 ? 18 : place + 1))
                }
            }
        }
    }

    @Test("Nothing before the start counts, and there may be nothing behind it")
    func start() {
        let octets = Array(#""abcdefghijk"#.utf8)
        for start in 1...octets.count {
            let end = octets.span.endOfPlainText(from: start)
            #expect(end == octets.count)
        }
    }
}
