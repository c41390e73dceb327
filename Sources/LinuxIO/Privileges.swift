// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// The capabilities that the process has now (capabilities(7), `CapEff` of /proc/self/status).
package struct Privileges: Sendable {
    private let effective: UInt64

    /// Reads them; none when they cannot be read.
    package init() {
        let line = SmallFile.read("/proc/self/status")?.split(separator: "\n").first { $0.hasPrefix("CapEff:") }
        effective = line.flatMap { UInt64($0.dropFirst(7).filter(\.isHexDigit), radix: 16) } ?? 0
    }

    /// CAP_SYS_ADMIN, to enter network namespaces (linux/capability.h: 21).
    package var canEnterNamespaces: Bool { effective >> 21 & 1 == 1 }

    /// CAP_NET_ADMIN, to mark packets and to change rules (linux/capability.h: 12).
    package var canChangeNetwork: Bool { effective >> 12 & 1 == 1 }
}
