// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// The text the kernel adds to a refusal (NETLINK_EXT_ACK), cut to what fits a trivial value.
package struct KernelMessage: Hashable, Sendable {
    private var octets = InlineArray<80, UInt8>(repeating: 0)
    private var count = 0

    /// No text.
    package init() {}

    /// The first 80 octets of `text`.
    init(_ text: Span<UInt8>) {
        count = min(text.count, 80)
        for index in 0..<count { octets[index] = text[index] }
    }

    /// Whether the kernel said nothing.
    package var isEmpty: Bool { count == 0 }

    package static func == (left: KernelMessage, right: KernelMessage) -> Bool {
        left.count == right.count && (0..<left.count).allSatisfy { left.octets[$0] == right.octets[$0] }
    }

    package func hash(into hasher: inout Hasher) {
        for index in 0..<count { hasher.combine(octets[index]) }
    }
}

extension KernelMessage: CustomStringConvertible {
    /// The text; what is not UTF-8 is replaced.
    package var description: String { String(decoding: (0..<count).map { octets[$0] }, as: UTF8.self) }
}
