// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
internal import Synchronization

/// All metrics of the process, and their text.
///
/// Metrics of a fixed set (a pool, refusals by reason) are created once and live as long as the process. Metrics whose
/// labels come from the mesh live in a `SeriesTable`, which forgets what is out of use.
///
/// ## Concurrency model
/// Creating a metric and rendering take the mutex; recording never does. A series may be created several times, once per
/// worker: the parts are added up when they are read.
package final class MetricRegistry: Sendable {
    private enum Part {
        case counter(Counter)
        case gauge(Gauge)
        case histogram(Histogram)
    }

    private struct Series {
        let labels: LabelText
        var parts: [Part]
    }

    private struct State {
        var order: [MetricFamily] = []
        var families: [MetricFamily: [Series]] = [:]
        var sources: [@Sendable (inout Exposition, MonotonicTime) -> Void] = []
    }

    private let state = Lock(State())
    /// Length of the last text, so that the next one need not grow by copying.
    private let lastSize = Atomic<Int>(0)

    /// Makes an empty registry.
    package init() {}

    /// A new counter of the series `labels` of `family`.
    package func counter(_ family: MetricFamily, _ labels: LabelText = .none) -> Counter {
        precondition(family.kind == .counter)
        let counter = Counter()
        add(.counter(counter), family, labels)
        return counter
    }

    /// A new gauge of the series `labels` of `family`.
    package func gauge(_ family: MetricFamily, _ labels: LabelText = .none) -> Gauge {
        precondition(family.kind == .gauge)
        let gauge = Gauge()
        add(.gauge(gauge), family, labels)
        return gauge
    }

    /// A new histogram of the series `labels` of `family`; all parts of a family have the same bounds.
    package func histogram(_ family: MetricFamily, _ labels: LabelText = .none, bounds: HistogramBounds) -> Histogram {
        precondition(family.kind == .histogram)
        let histogram = Histogram(bounds: bounds)
        add(.histogram(histogram), family, labels)
        return histogram
    }

    /// Has `source` write families of its own at every scrape: tables of series, and what is computed when asked for.
    ///
    /// It runs on the thread that renders, and must not create metrics.
    package func addSource(_ source: @escaping @Sendable (inout Exposition, MonotonicTime) -> Void) {
        state.withLock { $0.sources.append(source) }
    }

    /// The text of all metrics.
    ///
    /// - Parameter now: the time by which series expire.
    package func render(_ format: Exposition.Format, now: MonotonicTime) -> [UInt8] {
        let expected = lastSize.load(ordering: .relaxed)
        var text = Exposition(format: format, expecting: expected + expected / 16)
        let (order, families, sources) = state.withLock { ($0.order, $0.families, $0.sources) }
        for family in order {
            text.begin(family)
            for series in families[family] ?? [] { Self.write(series, to: &text) }
        }
        for source in sources { source(&text, now) }
        text.finish()
        lastSize.store(text.bytes.count, ordering: .relaxed)
        return text.bytes
    }

    private func add(_ part: Part, _ family: MetricFamily, _ labels: LabelText) {
        state.withLock { state in
            if state.families[family] == nil {
                state.order.append(family)
                state.families[family] = []
            }
            let position = state.families[family]?.firstIndex { $0.labels == labels }
            if let position {
                state.families[family]?[position].parts.append(part)
            } else {
                state.families[family]?.append(Series(labels: labels, parts: [part]))
            }
        }
    }

    private static func write(_ series: Series, to text: inout Exposition) {
        var counted: UInt64 = 0
        var level: Int64 = 0
        var histograms: [Histogram] = []
        for part in series.parts {
            switch part {
            case .counter(let counter): counted &+= counter.value
            case .gauge(let gauge): level &+= gauge.value
            case .histogram(let histogram): histograms.append(histogram)
            }
        }
        switch series.parts.first {
        case .counter: text.sample(series.labels, counted)
        case .gauge: text.sample(series.labels, level)
        case .histogram: text.sample(series.labels, histograms)
        case nil: break
        }
    }
}
