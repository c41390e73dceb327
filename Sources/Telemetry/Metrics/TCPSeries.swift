// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
internal import Synchronization

/// The `istio_tcp_*` counters of one set of labels, as one worker counts them.
///
/// ## Concurrency model
/// The worker that made it writes (relaxed additions); the thread that renders reads.
package final class TCPSeries: SeriesCell {
    package let use = SeriesUse()
    private let openedCount = Atomic<UInt64>(0)
    private let closedCount = Atomic<UInt64>(0)
    private let failedCount = Atomic<UInt64>(0)
    private let sentBytes = Atomic<UInt64>(0)
    private let receivedBytes = Atomic<UInt64>(0)

    package init() {}

    /// Counts a connection as opened; `closed(now:)` must follow.
    package func opened(now: MonotonicTime) {
        openedCount.wrappingAdd(1, ordering: .relaxed)
        use.touch(now)
    }

    /// Counts a connection as closed.
    package func closed(now: MonotonicTime) {
        use.touch(now)
        closedCount.wrappingAdd(1, ordering: .relaxed)
    }

    /// Counts a connection as failed; the labels say how (`responseFlags`).
    package func failed(now: MonotonicTime) {
        failedCount.wrappingAdd(1, ordering: .relaxed)
        use.touch(now)
    }

    /// Counts bytes from the server to the client.
    package func sent(_ bytes: UInt64) {
        sentBytes.wrappingAdd(bytes, ordering: .relaxed)
    }

    /// Counts bytes from the client to the server.
    package func received(_ bytes: UInt64) {
        receivedBytes.wrappingAdd(bytes, ordering: .relaxed)
    }

    /// Whether a connection is open.
    package var isBusy: Bool { opened != closed }

    /// Connections opened.
    package var opened: UInt64 { openedCount.load(ordering: .relaxed) }
    /// Connections closed.
    package var closed: UInt64 { closedCount.load(ordering: .relaxed) }
    /// Connections failed.
    package var failed: UInt64 { failedCount.load(ordering: .relaxed) }
    /// Bytes from the server to the client.
    package var sent: UInt64 { sentBytes.load(ordering: .relaxed) }
    /// Bytes from the client to the server.
    package var received: UInt64 { receivedBytes.load(ordering: .relaxed) }
}
