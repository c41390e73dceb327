// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// The UID of a pod (`metadata.uid`), after which the node names the pod's cgroup.
package struct PodUID: Hashable, Sendable, CustomStringConvertible {
    private let high: UInt64
    private let low: UInt64

    /// Reads 32 hexadecimal digits: with dashes as the API server writes them (RFC 9562 §4), with underscores as systemd's
    /// slices have them, or without anything between, as the kubelet names pods that are files of the node.
    ///
    /// - Returns: nil for anything else; separators must stand behind 8, 12, 16 and 20 digits, and be of one sort.
    package init?(_ text: some StringProtocol) {
        var words: (UInt64, UInt64) = (0, 0)
        var digits = 0
        var separator: UInt8?
        var separators = 0
        for octet in text.utf8 {
            let digit: UInt8
            switch octet {
            case 0x30...0x39: digit = octet - 0x30
            case 0x61...0x66: digit = octet - 0x61 + 10
            case 0x41...0x46: digit = octet - 0x41 + 10
            case UInt8(ascii: "-"), UInt8(ascii: "_"):
                guard octet == separator ?? octet, [8, 12, 16, 20].contains(digits), separators == digits / 4 - 2 else {
                    return nil
                }
                separator = octet
                separators += 1
                continue
            default: return nil
            }
            guard digits < 32 else { return nil }
            if digits < 16 { words.0 = words.0 << 4 | UInt64(digit) } else { words.1 = words.1 << 4 | UInt64(digit) }
            digits += 1
        }
        guard digits == 32, separators == 0 || separators == 4 else { return nil }
        (high, low) = words
    }

    /// With dashes, as the API server writes it.
    package var description: String {
        let digits = [high, low].map { word in
            let text = String(word, radix: 16)
            return String(repeating: "0", count: 16 - text.utf8.count) + text
        }.joined()
        var result = ""
        for (index, digit) in digits.enumerated() {
            if [8, 12, 16, 20].contains(index) { result.append("-") }
            result.append(digit)
        }
        return result
    }
}
