// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

/// Durations, sizes and numbers as they are written on a command line.
package enum Quantity {
    /// Reads `10s`, `250ms`, `1h30m`, `2d` or `0`; nil for everything else, and for more than 292 years.
    package static func duration(_ text: String) -> Nanoseconds? {
        if text == "0" { return Nanoseconds(0) }
        var total: Int64 = 0
        var rest = text[...]
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            guard let count = Int64(digits) else { return nil }
            rest = rest.dropFirst(digits.count)
            let unit = rest.prefix { !($0.isASCII && $0.isNumber) }
            rest = rest.dropFirst(unit.count)
            guard let factor = units.first(where: { $0.name == unit })?.nanoseconds else { return nil }
            let (part, overflow) = count.multipliedReportingOverflow(by: factor)
            let (sum, carry) = total.addingReportingOverflow(part)
            guard !overflow, !carry else { return nil }
            total = sum
        }
        return Nanoseconds(total)
    }

    /// Writes a duration as `duration` reads it: `25s`, `1h30m`.
    package static func text(_ duration: Nanoseconds) -> String {
        guard duration.count > 0 else { return "0" }
        var rest = duration.count
        var text = ""
        for (name, nanoseconds) in units where rest >= nanoseconds && name != "d" {
            text += "\(rest / nanoseconds)\(name)"
            rest %= nanoseconds
        }
        return text
    }

    private static var units: [(name: String, nanoseconds: Int64)] {
        [
            ("d", 86_400_000_000_000), ("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000),
            ("ms", 1_000_000), ("us", 1_000), ("ns", 1),
        ]
    }

    /// Reads `64Mi`, `64MiB`, `1G`, `500k` or `1048576`: Kubernetes' quantities of bytes; nil for everything else.
    package static func bytes(_ text: String) -> Int? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let count = Int(digits) else { return nil }
        var unit = text.dropFirst(digits.count)
        if unit.hasSuffix("B") { unit = unit.dropLast() }
        guard let factor = sizes.first(where: { $0.name == unit })?.bytes else { return nil }
        let (product, overflow) = count.multipliedReportingOverflow(by: factor)
        return overflow ? nil : product
    }

    /// Writes a number of bytes as `bytes` reads it: `64Mi`.
    package static func text(bytes: Int) -> String {
        for (name, size) in sizes where name.hasSuffix("i") && bytes >= size && bytes % size == 0 {
            return "\(bytes / size)\(name)"
        }
        return String(bytes)
    }

    private static var sizes: [(name: String, bytes: Int)] {
        [
            ("Ti", 1 << 40), ("Gi", 1 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10), ("T", 1_000_000_000_000),
            ("G", 1_000_000_000), ("M", 1_000_000), ("k", 1_000), ("K", 1_000), ("", 1),
        ]
    }
}
