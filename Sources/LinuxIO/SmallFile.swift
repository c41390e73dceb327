// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// Files that are read in one go, such as those of /proc and /sys.
package enum SmallFile {
    /// The text of the file at `path`; nil when it cannot be opened, read, or is longer than `limit` bytes.
    package static func read(_ path: String, limit: Int = 65_536) -> String? {
        // Safety: the C string lives until the call returns, and open(2) does not keep it.
        let fd = unsafe path.withCString { unsafe open($0, O_RDONLY | O_CLOEXEC) }
        guard fd >= 0 else { return nil }
        let descriptor = OwnedDescriptor(adopting: fd)
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4_096)
        while true {
            let count = unsafe Glibc.read(descriptor.rawValue, &chunk, chunk.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { return nil }
            if count == 0 { return String(decoding: bytes, as: UTF8.self) }
            bytes.append(contentsOf: chunk[..<count])
            guard bytes.count <= limit else { return nil }
        }
    }

    /// What may be done with `path` (access(2)); 0, or the errno that says why not.
    package static func access(_ path: String, write isForWriting: Bool, search isDirectory: Bool) -> CInt {
        let mode = R_OK | (isForWriting ? W_OK : 0) | (isDirectory ? X_OK : 0)
        // Safety: the C string lives until the call returns, and access(2) does not keep it.
        let result = unsafe path.withCString { unsafe Glibc.access($0, mode) }
        return result == 0 ? 0 : errno
    }
}
