// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Console
import Testing

@Suite("Quantity")
struct QuantityTests {
    @Test(
        "Durations are read as they are written",
        arguments: [
            ("0", 0), ("1ns", 1), ("250ms", 250_000_000), ("10s", 10_000_000_000), ("1h30m", 5_400_000_000_000),
            ("2d", 172_800_000_000_000), ("0s", 0),
        ] as [(String, Int64)])
    func durations(text: String, nanoseconds: Int64) {
        #expect(Quantity.duration(text) == Nanoseconds(nanoseconds))
    }

    @Test(
        "What is not a duration is refused",
        arguments: ["", "5", "s", "-1s", "1.5s", "1 s", "10S", "1s2", "١s", "99999999999999999999s", "200000d", "1h1"])
    func notDurations(text: String) {
        #expect(Quantity.duration(text) == nil)
    }

    @Test(
        "A duration that is written can be read again", arguments: [1, 1_000_000, 90_000_000_000, 86_400_000_000_000])
    func roundTrip(nanoseconds: Int64) {
        let text = Quantity.text(Nanoseconds(nanoseconds))
        #expect(Quantity.duration(text) == Nanoseconds(nanoseconds), "\(text)")
    }

    @Test(
        "Sizes are read in binary and decimal units",
        arguments: [
            ("0", 0), ("1048576", 1_048_576), ("64Mi", 64 << 20), ("64MiB", 64 << 20), ("1G", 1_000_000_000),
            ("5k", 5_000), ("7B", 7),
        ])
    func sizes(text: String, bytes: Int) {
        #expect(Quantity.bytes(text) == bytes)
    }

    @Test("What is not a size is refused", arguments: ["", "Mi", "-1", "1.5Gi", "1 Mi", "9999999999Ti", "1mi", "1BB"])
    func notSizes(text: String) {
        #expect(Quantity.bytes(text) == nil)
    }

    @Test("A size is written in the largest binary unit that fits", arguments: [(64 << 20, "64Mi"), (1_500, "1500")])
    func sizeText(bytes: Int, text: String) {
        #expect(Quantity.text(bytes: bytes) == text)
    }
}
