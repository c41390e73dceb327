// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import HTTP
import Testing

@testable import Waypoint

@Suite("grpc-timeout")
struct GRPCTimeoutTests {
    @Test(
        "gRPC over HTTP/2: at most eight digits and a unit; 0 and what is malformed set no limit",
        arguments: [
            ("5S", .seconds(5)), ("100m", .milliseconds(100)), ("20u", .microseconds(20)), ("7n", Nanoseconds(7)),
            ("2M", .seconds(120)), ("1H", .seconds(3600)), ("99999999H", .seconds(31_536_000 / 3600 * 3600)),
            ("0S", nil),
            ("", nil), ("S", nil), ("5", nil), ("5s", nil), ("-5S", nil), ("123456789S", nil), ("5 S", nil),
        ] as [(String, Nanoseconds?)])
    func values(_ text: String, _ expected: Nanoseconds?) {
        var fields = FieldList()
        fields.append(name: "grpc-timeout", value: text.utf8.span)
        let timeout = fields.grpcTimeout
        #expect(timeout == expected)
    }
}
