// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// A point of civil time in whole seconds since 1970-01-01T00:00:00Z: what certificates are valid between.
package struct UnixTime: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// Seconds since the epoch, leap seconds not counted.
    package var seconds: Int64

    /// Wraps a number of seconds.
    package init(seconds: Int64) {
        self.seconds = seconds
    }

    /// A time that nothing reaches.
    package static let distantFuture = UnixTime(seconds: .max)

    /// The system's clock.
    ///
    /// For the edge of the program: everything below takes the time as a parameter.
    package static func now() -> UnixTime {
        UnixTime(seconds: Int64(time(nil)))
    }

    /// Reads RFC 3339 text in UTC and whole seconds, as `description` writes it: `2026-03-01T12:00:00Z`.
    ///
    /// - Returns: nil when it is anything else; days that a month has not are carried over.
    package init?(rfc3339 text: String) {
        let octets = Array(text.utf8)
        guard octets.count == 20, octets[4] == 0x2D, octets[7] == 0x2D, octets[10] | 0x20 == 0x74, octets[13] == 0x3A,
            octets[16] == 0x3A, octets[19] | 0x20 == 0x7A
        else { return nil }
        func number(_ range: Range<Int>, _ allowed: ClosedRange<Int64>) -> Int64? {
            guard octets[range].allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { return nil }
            let value = octets[range].reduce(Int64(0)) { $0 * 10 + Int64($1 - 0x30) }
            return allowed.contains(value) ? value : nil
        }
        guard let year = number(0..<4, 0...9_999), let month = number(5..<7, 1...12), let day = number(8..<10, 1...31),
            let hour = number(11..<13, 0...23), let minute = number(14..<16, 0...59),
            let second = number(17..<19, 0...60)
        else { return nil }
        // Civil date to days by Howard Hinnant's algorithm: years that begin in March.
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = (shiftedYear >= 0 ? shiftedYear : shiftedYear - 399) / 400
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        seconds = (era * 146_097 + dayOfEra - 719_468) * 86_400 + hour * 3_600 + minute * 60 + second
    }

    package static func < (left: UnixTime, right: UnixTime) -> Bool { left.seconds < right.seconds }

    /// The time `seconds` later; saturates.
    package func advanced(bySeconds seconds: Int64) -> UnixTime {
        let (sum, overflow) = self.seconds.addingReportingOverflow(seconds)
        return UnixTime(seconds: overflow ? (seconds < 0 ? .min : .max) : sum)
    }

    /// RFC 3339 text, for instance `2026-03-01T12:00:00Z`.
    package var description: String {
        // Days to civil date by Howard Hinnant's algorithm; era of 400 years = 146,097 days.
        var days = seconds / 86_400
        var rest = seconds % 86_400
        if rest < 0 {
            rest += 86_400
            days -= 1
        }
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * month + 2) / 5 + 1
        let civilMonth = month < 10 ? month + 3 : month - 9
        let year = yearOfEra + era * 400 + (civilMonth <= 2 ? 1 : 0)
        func padded(_ value: Int64, _ width: Int) -> String {
            let text = String(value)
            return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
        }
        return "\(padded(year, 4))-\(padded(civilMonth, 2))-\(padded(day, 2))"
            + "T\(padded(rest / 3_600, 2)):\(padded(rest / 60 % 60, 2)):\(padded(rest % 60, 2))Z"
    }
}
