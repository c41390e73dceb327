// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// Empty pipes that wait for use; bytes in flight are few, so a handful of pipes serves thousands of connections.
package struct PipePool: ~Copyable {
    private var pipes: Slab<SplicePipe>
    private var spare: [Slab<SplicePipe>.Key] = []

    /// Makes an empty pool.
    ///
    /// - Parameter keep: how many pipes it holds on to.
    package init(keep: Int = 8) {
        pipes = Slab(limit: keep)
        spare.reserveCapacity(keep)
    }

    /// An empty pipe.
    ///
    /// - Throws: what opening a new one says (EMFILE).
    package mutating func take() throws(SystemError) -> SplicePipe {
        if let key = spare.popLast(), let pipe = pipes.remove(key) { return pipe }
        return try SplicePipe()
    }

    /// Takes an empty pipe back; one that the pool has no room for is closed.
    package mutating func giveBack(_ pipe: consuming SplicePipe) {
        precondition(pipe.count == 0, "bytes were left in a pipe")
        if let key = pipes.insert(pipe) { spare.append(key) }
    }
}
