// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// Tells whether a content is the same as before, or has been damaged by accident (FNV-1a, 64 bits, draft-eastlake-fnv).
///
/// It keeps nobody out who wants to deceive: who may write the content may also write its digest.
package struct ContentDigest: Hashable, Sendable {
    /// The digest's number.
    package private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

    /// The digest of `octets`.
    package init(_ octets: [UInt8]) {
        add(octets[...])
    }

    /// Makes it the digest of what it was of before, with `octets` behind.
    package mutating func add(_ octets: ArraySlice<UInt8>) {
        // Not of any sequence: other modules would call that unspecialised, with an allocation for each octet.
        for octet in octets { value = (value ^ UInt64(octet)) &* 0x100_0000_01B3 }
    }
}
