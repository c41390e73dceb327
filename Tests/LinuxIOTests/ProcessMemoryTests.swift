// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import LinuxIO

@Suite("ProcessMemory")
struct ProcessMemoryTests {
    private func entry(_ head: String, anonymous: Int = 0, locked: Int = 0) -> String {
        """
        \(head)
        Size:                 16 kB
        Rss:                  16 kB
        Anonymous:      \(anonymous) kB
        Locked:         \(locked) kB
        THPeligible:           0
        VmFlags: rd ex mr mw me

        """
    }

    @Test(
        "Only mappings of files that cannot be written and have no page of our own are given back",
        arguments: [
            ("1000-5000 r-xp 00000000 08:01 7                  /usr/lib/libc.so.6", 0, 0, true),
            ("1000-5000 r--p 00000000 08:01 7                  /usr/lib/with space.so (deleted)", 0, 0, true),
            // Relocated, patched or locked pages.
            ("1000-5000 r--p 00000000 08:01 7                  /usr/lib/libc.so.6", 4, 0, false),
            ("1000-5000 r-xp 00000000 08:01 7                  /usr/lib/libc.so.6", 0, 4, false),
            // Can be written, shared, or no file.
            ("1000-5000 rw-p 00000000 08:01 7                  /usr/lib/libc.so.6", 0, 0, false),
            ("1000-5000 r--s 00000000 08:01 7                  /tmp/x", 0, 0, false),
            ("1000-5000 r-xp 00000000 00:00 0                  [vdso]", 0, 0, false),
            ("1000-5000 r--p 00000000 00:00 0 ", 0, 0, false),
            ("1000-5000 ---p 00000000 08:01 7                  /usr/lib/libc.so.6", 0, 0, false),
        ])
    func choice(head: String, anonymous: Int, locked: Int, isGivenBack: Bool) {
        let text = entry(head, anonymous: anonymous, locked: locked) + entry("9000-a000 rw-p 00000000 00:00 0 [heap]")
        #expect(ProcessMemory.constantFileMappings(ofMaps: text) == (isGivenBack ? [0x1000..<0x5000] : []))
    }

    @Test("The process goes on as before with less resident memory")
    func giveBack() {
        // Other tests of the process take memory at the same time.
        let isLess = (0..<50).contains { _ in
            let before = ProcessStatus.read().residentBytes
            ProcessMemory.giveBackUnused()
            return ProcessStatus.read().residentBytes < before
        }
        #expect(isLess)
    }
}
