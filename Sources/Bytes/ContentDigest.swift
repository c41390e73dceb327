// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// Tells whether a content is the same as before, or has been damaged by accident (FNV-1a, 64 bits, draft-eastlake-fnv).
///
/// It keeps nobody out who wants to deceive: who may write the content may also write its digest.
package struct ContentDigest: Hashable, Sendable {
    /// The digest of what has been added.
    package private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

    /// The digest of nothing.
    package init() {}

    /// The digest of `octets`.
    package init(_ octets: some Sequence<UInt8>) {
        add(octets)
    }

    /// Goes on with `octets`.
    package mutating func add(_ octets: some Sequence<UInt8>) {
        for octet in octets { value = (value ^ UInt64(octet)) &* 0x100_0000_01B3 }
    }
}
