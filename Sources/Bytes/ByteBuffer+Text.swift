// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// A buffer is moved between threads, never shared.
///
/// ## Concurrency model
/// It is noncopyable and the only owner of its memory; no pointer to it leaves a call. Whoever holds the value holds the
/// bytes, so handing it to another thread (through a `Lock`, for instance) hands over everything.
extension ByteBuffer: @unchecked Sendable {}

/// Numbers, addresses and times as text, written without a `String` in between: what log lines and metrics are made of.
///
/// Each appends all of its text or nothing, and returns whether it did.
extension ByteBuffer {
    /// Appends `value` in decimal.
    @discardableResult
    package mutating func append(decimal value: UInt64) -> Bool {
        append(decimal: value, paddedTo: 1)
    }

    /// Appends `value` in decimal, with a minus sign when it is negative.
    @discardableResult
    package mutating func append(decimal value: Int64) -> Bool {
        guard value < 0 else { return append(decimal: UInt64(value), paddedTo: 1) }
        let mark = count
        if append(UInt8(ascii: "-")), append(decimal: value.magnitude, paddedTo: 1) { return true }
        truncate(to: mark)
        return false
    }

    /// Appends `value` in decimal with zeros in front, so that it has at least `width` digits.
    @discardableResult
    package mutating func append(decimal value: UInt64, paddedTo width: Int) -> Bool {
        var digits = InlineArray<20, UInt8>(repeating: UInt8(ascii: "0"))  // UInt64.max has 20 digits
        var first = 20
        var rest = value
        repeat {
            first -= 1
            digits[first] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        } while rest != 0
        first = min(first, max(0, 20 - width))
        return append(copying: digits.span.extracting(first..<20))
    }

    /// Appends `value` in lower-case hexadecimal without leading zeros.
    @discardableResult
    package mutating func append(hexadecimal value: UInt64) -> Bool {
        var digits = InlineArray<16, UInt8>(repeating: 0)
        var first = 16
        var rest = value
        repeat {
            first -= 1
            let nibble = UInt8(truncatingIfNeeded: rest & 15)
            digits[first] = nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10
            rest >>= 4
        } while rest != 0
        return append(copying: digits.span.extracting(first..<16))
    }

    /// Appends dotted-quad IPv4 or RFC 5952 IPv6 text: the same as the address's `description`.
    @discardableResult
    package mutating func append(_ address: IPAddress) -> Bool {
        let mark = count
        if address.isIPv4 ? appendIPv4(address.v4) : appendIPv6(address) { return true }
        truncate(to: mark)
        return false
    }

    /// Appends `1.2.3.4:80` or `[2001:db8::1]:80`.
    @discardableResult
    package mutating func append(_ address: SocketAddress) -> Bool {
        let mark = count
        let isBracketed = !address.ip.isIPv4
        if !isBracketed || append(UInt8(ascii: "[")), append(address.ip), !isBracketed || append(UInt8(ascii: "]")),
            append(UInt8(ascii: ":")), append(decimal: UInt64(address.port))
        {
            return true
        }
        truncate(to: mark)
        return false
    }

    private mutating func appendIPv4(_ bits: UInt32) -> Bool {
        append(decimal: UInt64(bits >> 24)) && append(UInt8(ascii: ".")) && append(decimal: UInt64(bits >> 16 & 255))
            && append(UInt8(ascii: ".")) && append(decimal: UInt64(bits >> 8 & 255)) && append(UInt8(ascii: "."))
            && append(decimal: UInt64(bits & 255))
    }

    /// RFC 5952 §4: lower case, no leading zeros, the first longest run of two or more zero groups as `::`.
    private mutating func appendIPv6(_ address: IPAddress) -> Bool {
        func group(_ index: Int) -> UInt64 {
            (index < 4 ? address.high >> UInt64(48 - 16 * index) : address.low >> UInt64(112 - 16 * index)) & 0xFFFF
        }
        var longest = 0..<0
        var start = 0
        while start < 8 {
            var end = start
            while end < 8, group(end) == 0 { end += 1 }
            if end - start > 1, end - start > longest.count { longest = start..<end }
            start = max(end, start + 1)
        }
        var index = 0
        while index < 8 {
            if !longest.isEmpty, index == longest.lowerBound {
                guard append("::") else { return false }
                index = longest.upperBound
                continue
            }
            if index > 0, index != longest.upperBound || longest.isEmpty {
                guard append(UInt8(ascii: ":")) else { return false }
            }
            guard append(hexadecimal: group(index)) else { return false }
            index += 1
        }
        return true
    }

    /// Appends an RFC 3339 time in UTC with microseconds: `2024-04-11T15:38:42.182974Z`.
    ///
    /// - Parameter unixNanoseconds: nanoseconds since 1970-01-01T00:00:00Z; years 0 to 9999 are in range.
    @discardableResult
    package mutating func append(rfc3339 unixNanoseconds: Int64) -> Bool {
        let mark = count
        let civil = CivilTime(unixNanoseconds: unixNanoseconds)
        if append(decimal: civil.year, paddedTo: 4), append(UInt8(ascii: "-")),
            append(decimal: civil.month, paddedTo: 2), append(UInt8(ascii: "-")),
            append(decimal: civil.day, paddedTo: 2), append(UInt8(ascii: "T")),
            append(decimal: civil.secondOfDay / 3_600, paddedTo: 2), append(UInt8(ascii: ":")),
            append(decimal: civil.secondOfDay / 60 % 60, paddedTo: 2), append(UInt8(ascii: ":")),
            append(decimal: civil.secondOfDay % 60, paddedTo: 2), append(UInt8(ascii: ".")),
            append(decimal: civil.microsecond, paddedTo: 6), append(UInt8(ascii: "Z"))
        {
            return true
        }
        truncate(to: mark)
        return false
    }
}

/// A point in time taken apart in the Gregorian calendar, UTC.
///
/// Years before 0 are shown as 0: a clock that is so wrong need not be shown right.
private struct CivilTime {
    let year: UInt64
    let month: UInt64
    let day: UInt64
    let secondOfDay: UInt64
    let microsecond: UInt64

    /// Days to a date by Howard Hinnant's `civil_from_days`: eras of 400 years, years that begin in March.
    init(unixNanoseconds: Int64) {
        var seconds = unixNanoseconds / 1_000_000_000
        var nanosecond = unixNanoseconds % 1_000_000_000
        if nanosecond < 0 {
            nanosecond += 1_000_000_000
            seconds -= 1
        }
        var days = seconds / 86_400
        var second = seconds % 86_400
        if second < 0 {
            second += 86_400
            days -= 1
        }
        let shifted = days + 719_468  // days from 0000-03-01 to 1970-01-01
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let civilMonth = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        day = UInt64(dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
        month = UInt64(civilMonth)
        year = UInt64(max(0, yearOfEra + era * 400 + (civilMonth <= 2 ? 1 : 0)))
        secondOfDay = UInt64(second)
        microsecond = UInt64(nanosecond / 1_000)
    }
}
