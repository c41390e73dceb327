// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// Memory of this process that it does not need for now.
package enum ProcessMemory {
    /// Gives free heap back to the system, and unmaps the pages of code and constants that have been used so far: those that
    /// are needed come back from the page cache with the next access, those that only a start or a new configuration
    /// needs stay out (measured: docs/performance.md#idle-node-tunnel).
    ///
    /// Only mappings of files are touched that cannot be written and hold no page of our own: their content is the
    /// file's, whenever it is looked at. Costs a millisecond, and the other threads some page faults.
    package static func giveBackUnused() {
        unmapConstants()
        // Last, for what the lines above have needed. Safety: it only returns free pages.
        _ = malloc_trim(0)
    }

    private static func unmapConstants() {
        guard let text = SmallFile.read("/proc/self/smaps", limit: 4 << 20) else { return }
        for range in constantFileMappings(ofMaps: text) {
            // Safety: the pages are clean copies of a file (checked above); the kernel reads them again on the next access.
            let start = unsafe UnsafeMutableRawPointer(bitPattern: range.lowerBound)
            _ = unsafe madvise(start, Int(range.count), MADV_DONTNEED)
        }
    }

    /// Address ranges of the mappings in a text like /proc/PID/smaps (proc(5)) whose content is their file's alone.
    static func constantFileMappings(ofMaps text: String) -> [Range<UInt>] {
        var result: [Range<UInt>] = []
        var candidate: Range<UInt>?
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ", omittingEmptySubsequences: true)
            guard let first = words.first else { continue }
            if !first.hasSuffix(":") {
                candidate = nil
                // 7f0000000000-7f0000001000 r-xp 00000000 08:01 4242  /usr/lib/libc.so.6
                guard words.count >= 6, words[5].hasPrefix("/"), words[1].hasPrefix("r-"), words[1].hasSuffix("p")
                else { continue }
                let ends = first.split(separator: "-").compactMap { UInt($0, radix: 16) }
                if ends.count == 2, ends[0] < ends[1] { candidate = ends[0]..<ends[1] }
            } else if first == "Anonymous:" || first == "Locked:" {
                if words.count < 2 || words[1] != "0" { candidate = nil }
            } else if first == "VmFlags:", let range = candidate {
                result.append(range)
                candidate = nil
            }
        }
        return result
    }
}
