// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Testing

@testable import GRPC

@Suite("gRPC's notations")
struct TextTests {
    @Test(
        "grpc-timeout: up to eight digits and a unit",
        arguments: [
            ("1H", 3_600_000_000_000), ("2M", 120_000_000_000), ("3S", 3_000_000_000), ("4m", 4_000_000),
            ("5u", 5_000), ("6n", 6), ("99999999S", 99_999_999_000_000_000), ("99999999H", Int64.max),
        ] as [(String, Int64)])
    func timeout(_ text: String, _ nanoseconds: Int64) {
        let read = GRPCText.timeout(Array(text.utf8).span)
        #expect(read == Nanoseconds(nanoseconds))
    }

    @Test("A malformed grpc-timeout is none", arguments: ["", "S", "1", "123456789S", "-1S", "1.5S", "1 S", "1h"])
    func malformed(_ text: String) {
        let read = GRPCText.timeout(Array(text.utf8).span)
        #expect(read == nil)
    }

    @Test("grpc-message: what is encoded is decoded", arguments: ["", "plain", " a b ", "100%", "Grüße 🙂", "a\r\nb\0"])
    func percent(_ text: String) {
        let encoded = GRPCText.percentEncoded(text)
        #expect(encoded.allSatisfy { $0 >= 0x20 && $0 < 0x7F })
        #expect(encoded.first != 0x20 && encoded.last != 0x20)
        #expect(GRPCText.percentDecoded(encoded.span) == text)
    }

    @Test("grpc-message: what is not valid stays as it is")
    func invalidPercent() {
        #expect(GRPCText.percentDecoded(Array("%4 %zz %41%".utf8).span) == "%4 %zz A%")
    }
}
