// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// What the kernel says about this process (proc(5), getrlimit(2)).
package struct ProcessStatus: Sendable {
    /// CPU time in user and kernel mode, in nanoseconds.
    package var cpuNanoseconds: UInt64 = 0
    /// Resident memory in bytes.
    package var residentBytes: UInt64 = 0
    /// Address space in bytes.
    package var virtualBytes: UInt64 = 0
    /// When the process started, in milliseconds since 1970.
    package var startUnixMilliseconds: UInt64 = 0
    /// Threads.
    package var threads: UInt64 = 0
    /// Open file descriptors.
    package var openDescriptors: UInt64 = 0
    /// The soft limit of file descriptors.
    package var maximumDescriptors: UInt64 = 0

    /// Reads the status; what cannot be read stays 0.
    package static func read() -> ProcessStatus {
        var status = ProcessStatus()
        var limit = rlimit()
        if unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            status.maximumDescriptors = UInt64(limit.rlim_cur)
        }
        status.openDescriptors = countDescriptors()
        guard let text = SmallFile.read("/proc/self/stat") else { return status }
        // The command name may hold anything, also parentheses: fields are counted behind the last one (proc(5)).
        let fields = text[(text.lastIndex(of: ")") ?? text.startIndex)...].split(separator: " ")
        func field(_ number: Int) -> UInt64 {
            let index = number - 2  // the first piece is the ")" that ends field 2
            return index < fields.count ? UInt64(fields[index]) ?? 0 : 0
        }
        let ticksPerSecond = UInt64(max(1, sysconf(CInt(_SC_CLK_TCK))))
        status.cpuNanoseconds = (field(14) + field(15)) * (1_000_000_000 / ticksPerSecond)
        status.threads = field(20)
        status.virtualBytes = field(23)
        status.residentBytes = field(24) * UInt64(max(1, sysconf(CInt(_SC_PAGESIZE))))
        if let boot = bootUnixSeconds() {
            status.startUnixMilliseconds = boot * 1_000 + field(22) * 1_000 / ticksPerSecond
        }
        return status
    }

    /// Line `btime` of /proc/stat, which is not at its beginning.
    private static func bootUnixSeconds() -> UInt64? {
        guard let text = SmallFile.read("/proc/stat", limit: 1 << 20) else { return nil }
        for line in text.split(separator: "\n") where line.hasPrefix("btime ") { return UInt64(line.dropFirst(6)) }
        return nil
    }

    /// Processors that are online (sysconf(3)).
    package static var processors: Int { max(1, sysconf(CInt(_SC_NPROCESSORS_ONLN))) }

    /// What the soft limit of file descriptors may be raised to (getrlimit(2)).
    package static var hardDescriptorLimit: UInt64 {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 0 }
        return UInt64(limit.rlim_max)
    }

    private static func countDescriptors() -> UInt64 {
        guard let directory = unsafe opendir("/proc/self/fd") else { return 0 }
        defer { unsafe closedir(directory) }
        var count: UInt64 = 0
        while unsafe readdir(directory) != nil { count += 1 }
        return count >= 3 ? count - 3 : 0  // ".", ".." and the descriptor of the directory itself
    }
}
