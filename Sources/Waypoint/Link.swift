// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// The owner of a pipe.
enum Link {
    case downstream(Downstream.Key)
    case upstream(Upstream.Key)
}

extension Slab.Key where Element: ~Copyable {
    /// The key as 64 bits, for HTTP/2 streams to carry.
    var context: UInt64 { UInt64(generation) << 32 | UInt64(index) }

    /// Restores a key from a stream's context.
    init(context: UInt64) {
        self.init(
            index: UInt32(truncatingIfNeeded: context), generation: UInt32(truncatingIfNeeded: context >> 32))
    }
}
