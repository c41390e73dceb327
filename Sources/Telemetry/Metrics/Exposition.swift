// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// Writes metric families as text, in the format that the scraper asked for.
package struct Exposition {
    /// The text formats that Prometheus reads.
    package enum Format: Sendable {
        /// Prometheus text format 0.0.4.
        case prometheus
        /// OpenMetrics 1.0.0.
        case openMetrics

        /// The format for an `Accept` header: OpenMetrics when it is named and not refused with `q=0`.
        package init(accept: String) {
            let ranges = accept.lowercased().split(separator: ",")
            let wanted = ranges.contains { range in
                let parts = range.split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" } }
                return parts.first == "application/openmetrics-text"
                    && !parts.dropFirst().contains { ["q=0", "q=0.0", "q=0.00", "q=0.000"].contains($0) }
            }
            self = wanted ? .openMetrics : .prometheus
        }

        /// The `Content-Type` of the format.
        package var contentType: String {
            switch self {
            case .prometheus: "text/plain; version=0.0.4; charset=utf-8"
            case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
            }
        }
    }

    /// What has been written.
    package private(set) var bytes: [UInt8] = []
    private let format: Format
    private var family = MetricFamily(.gauge, "", "")

    /// Starts an empty text; `size` is how long it will be, more or less.
    package init(format: Format, expecting size: Int = 0) {
        self.format = format
        bytes.reserveCapacity(size)
    }

    /// Begins a family: the samples that follow belong to it, and no family may be begun twice.
    package mutating func begin(_ family: MetricFamily) {
        self.family = family
        let suffix = family.kind == .counter && format == .prometheus ? "_total" : ""
        let kind =
            switch family.kind {
            case .counter: "counter"
            case .gauge: "gauge"
            case .histogram: "histogram"
            }
        append("# HELP \(family.name)\(suffix) ")
        for byte in family.help.utf8 {
            if byte == UInt8(ascii: "\\") || byte == UInt8(ascii: "\"") && format == .openMetrics {
                bytes.append(UInt8(ascii: "\\"))
            }
            bytes.append(byte)
        }
        append("\n# TYPE \(family.name)\(suffix) \(kind)\n")
        guard format == .openMetrics else { return }
        for unit in ["seconds", "bytes"] where family.name.hasSuffix("_\(unit)") {
            append("# UNIT \(family.name) \(unit)\n")
        }
    }

    /// Writes one sample of a counter.
    package mutating func sample(_ labels: LabelText, _ value: UInt64) {
        start(suffix: family.kind == .counter ? "_total" : "", labels)
        append(value, decimals: family.decimals)
        bytes.append(UInt8(ascii: "\n"))
    }

    /// Writes one sample of a gauge.
    package mutating func sample(_ labels: LabelText, _ value: Int64) {
        start(suffix: "", labels)
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        append(value.magnitude, decimals: family.decimals)
        bytes.append(UInt8(ascii: "\n"))
    }

    /// Writes the samples of a histogram, summed over `parts`, which share their bounds.
    mutating func sample(_ labels: LabelText, _ parts: [Histogram]) {
        guard let bounds = parts.first?.bounds else { return }
        var running: UInt64 = 0
        for index in 0...bounds.count {
            for part in parts { running += part.count(inBucket: index) }
            start(suffix: "_bucket", labels, bound: index < bounds.count ? bounds[index] : .max)
            append(running, decimals: 0)
            bytes.append(UInt8(ascii: "\n"))
        }
        start(suffix: "_sum", labels)
        append(parts.reduce(0) { $0 &+ $1.sumNanoseconds }, decimals: 9)
        bytes.append(UInt8(ascii: "\n"))
        start(suffix: "_count", labels)
        append(running, decimals: 0)
        bytes.append(UInt8(ascii: "\n"))
    }

    /// Writes the samples of a histogram with Istio's bounds.
    ///
    /// - Parameters:
    ///   - decimals: how many digits of `sum` stand behind the point.
    ///   - count: observations in a bucket alone.
    mutating func sample(_ labels: LabelText, decimals: Int, sum: UInt64, _ count: (Int) -> UInt64) {
        var running: UInt64 = 0
        for index in 0..<HTTPSeries.bucketCount {
            running &+= count(index)
            let bounds = HTTPSeries.doubledBounds
            // `start` divides by 10⁹.
            start(suffix: "_bucket", labels, bound: index < bounds.count ? bounds[index] * 500_000_000 : .max)
            append(running, decimals: 0)
            bytes.append(UInt8(ascii: "\n"))
        }
        start(suffix: "_sum", labels)
        append(sum, decimals: decimals)
        bytes.append(UInt8(ascii: "\n"))
        start(suffix: "_count", labels)
        append(running, decimals: 0)
        bytes.append(UInt8(ascii: "\n"))
    }

    /// Ends the text (OpenMetrics wants it said).
    package mutating func finish() {
        if format == .openMetrics { append("# EOF\n") }
    }

    private mutating func start(suffix: StaticString, _ labels: LabelText, bound: UInt64? = nil) {
        append(family.name)
        append(String(describing: suffix))
        if !labels.bytes.isEmpty || bound != nil {
            bytes.append(UInt8(ascii: "{"))
            bytes.append(contentsOf: labels.bytes)
            if let bound {
                append(labels.bytes.isEmpty ? "le=\"" : ",le=\"")
                if bound == .max { append("+Inf") } else { append(bound, decimals: 9, isFloat: format == .openMetrics) }
                bytes.append(UInt8(ascii: "\""))
            }
            bytes.append(UInt8(ascii: "}"))
        }
        bytes.append(UInt8(ascii: " "))
    }

    /// Appends `value` divided by 10 to the power of `decimals`, exactly, without zeros at the end.
    ///
    /// - Parameter isFloat: writes `1.0` and not `1`, as OpenMetrics wants bucket bounds.
    private mutating func append(_ value: UInt64, decimals: Int, isFloat: Bool = false) {
        var digits = Array(String(value).utf8)
        if decimals > 0 {
            if digits.count <= decimals {
                digits.insert(contentsOf: repeatElement(UInt8(ascii: "0"), count: decimals + 1 - digits.count), at: 0)
            }
            digits.insert(UInt8(ascii: "."), at: digits.count - decimals)
            while digits.last == UInt8(ascii: "0") { digits.removeLast() }
            if digits.last == UInt8(ascii: ".") {
                if isFloat { digits.append(UInt8(ascii: "0")) } else { digits.removeLast() }
            }
        }
        bytes.append(contentsOf: digits)
    }

    private mutating func append(_ text: String) {
        bytes.append(contentsOf: text.utf8)
    }
}
