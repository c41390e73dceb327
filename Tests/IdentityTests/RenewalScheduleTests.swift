// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
import Bytes
import Identity
import Testing

@Suite struct RenewalScheduleTests {
    @Test("Renewals fall within a tenth of the life around its half, and are spread", arguments: [10, 3_600, 86_460])
    func spread(life: Int64) {
        var random = RandomSource(seed: 1)
        let start = UnixTime(seconds: 1_000_000)
        var times: Set<UnixTime> = []
        for _ in 0..<1_000 {
            let time = RenewalSchedule.renewal(
                notBefore: start, notAfter: start.advanced(bySeconds: life), random: &random)
            #expect(time >= start.advanced(bySeconds: life * 4 / 10))
            #expect(time <= start.advanced(bySeconds: life * 6 / 10))
            times.insert(time)
        }
        #expect(times.count > min(2, Int(life) / 10))
    }

    @Test("A life of two seconds or more is renewed after its start and before its end")
    func shortLives() {
        var random = RandomSource(seed: 2)
        for life in Int64(2)...20 {
            for _ in 0..<50 {
                let time = RenewalSchedule.renewal(
                    notBefore: UnixTime(seconds: 0), notAfter: UnixTime(seconds: life), random: &random)
                #expect(time.seconds < life && time.seconds >= 0)
            }
        }
    }

    @Test("Failures back off from half a second to 150 seconds, doubling, within 20 percent")
    func backoff() {
        var random = RandomSource(seed: 3)
        for (failures, expected) in [(1, 500.0), (2, 1_000), (5, 8_000), (9, 128_000), (10, 150_000), (1_000, 150_000)]
        {
            for _ in 0..<100 {
                let wait = Double(RenewalSchedule.backoff(failures: failures, random: &random))
                #expect(wait >= expected * 0.8 - 1 && wait <= expected * 1.2)
            }
        }
    }
}

@Suite struct UnixTimeTests {
    @Test(
        "Times print as RFC 3339",
        arguments: [
            (0, "1970-01-01T00:00:00Z"), (951_782_400, "2000-02-29T00:00:00Z"), (1_741_348_800, "2025-03-07T12:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"), (253_402_300_799, "9999-12-31T23:59:59Z"),
        ] as [(Int64, String)])
    func text(seconds: Int64, expected: String) {
        #expect(UnixTime(seconds: seconds).description == expected)
    }
}
