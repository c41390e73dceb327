// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// Reads configuration files and folders, with a bound on everything; symbolic links are followed.
package enum FileSystem {
    /// What tells whether a file is still the same (stat(2)).
    package struct Status: Hashable, Sendable {
        /// What kind of file it is.
        package enum Kind: Hashable, Sendable {
            case regular
            case directory
            case other
        }

        /// What kind of file it is.
        package let kind: Kind
        /// The device.
        package let device: UInt64
        /// The number on that device.
        package let inode: UInt64
        /// Octets.
        package let size: Int64
        /// Names the file has.
        package let links: UInt64
        /// Who owns it.
        package let owner: UInt32
        /// What who may do with it (chmod(2)).
        package let permissions: UInt32
        /// When its content changed, in nanoseconds since 1970.
        package let modified: Int64
        /// When its content or status changed, in nanoseconds since 1970; nobody can set it.
        package let changed: Int64

        /// Whether only the process's user, or root, can have written it.
        package var isOurs: Bool { permissions & 0o022 == 0 && (owner == 0 || owner == geteuid()) }

        fileprivate init(_ status: stat) {
            switch status.st_mode & S_IFMT {
            case S_IFREG: kind = .regular
            case S_IFDIR: kind = .directory
            default: kind = .other
            }
            device = UInt64(status.st_dev)
            inode = UInt64(status.st_ino)
            size = Int64(status.st_size)
            links = UInt64(status.st_nlink)
            owner = status.st_uid
            permissions = status.st_mode & 0o7777
            modified = Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec)
            changed = Int64(status.st_ctim.tv_sec) * 1_000_000_000 + Int64(status.st_ctim.tv_nsec)
        }
    }

    /// The status of the file that a path leads to.
    package static func status(of path: String) throws(SystemError) -> Status {
        var status = stat()
        // Safety: the C string and `status` live for the whole call, which keeps neither.
        guard unsafe path.withCString({ unsafe stat($0, &status) }) == 0 else { throw .current("stat") }
        return Status(status)
    }

    /// The status of what a path names itself: of a symbolic link, `.other`.
    package static func statusOfLink(_ path: String) throws(SystemError) -> Status {
        var status = stat()
        // Safety: the C string and `status` live for the whole call, which keeps neither.
        guard unsafe path.withCString({ unsafe lstat($0, &status) }) == 0 else { throw .current("lstat") }
        return Status(status)
    }

    /// Makes a directory for ourselves alone, unless there is one.
    package static func makeDirectory(_ path: String) throws(SystemError) {
        // Safety: the C string lives until the call returns.
        guard unsafe path.withCString({ unsafe mkdir($0, 0o700) }) == 0 || errno == EEXIST else {
            throw .current("mkdir")
        }
    }

    /// Removes a directory that is empty.
    package static func removeDirectory(_ path: String) throws(SystemError) {
        // Safety: the C string lives until the call returns.
        guard unsafe path.withCString({ unsafe rmdir($0) }) == 0 else { throw .current("rmdir") }
    }

    /// The content of a regular file.
    ///
    /// - Parameter limit: octets read at most; one more than a caller accepts tells it that the file is too large.
    /// - Throws: EINVAL when it is no regular file (a FIFO, for example, which would block).
    package static func contents(of path: String, limit: Int) throws(SystemError) -> [UInt8] {
        // Safety: the C string lives until the call returns. O_NONBLOCK: opening a FIFO must not wait for a writer.
        let fd = unsafe path.withCString { unsafe open($0, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) }
        guard fd >= 0 else { throw .current("open") }
        let descriptor = OwnedDescriptor(adopting: fd)
        var status = stat()
        // Safety: `status` lives on this frame for the whole call.
        guard unsafe fstat(descriptor.rawValue, &status) == 0 else { throw .current("fstat") }
        guard status.st_mode & S_IFMT == S_IFREG else { throw SystemError(EINVAL, "open") }
        // One octet more than the size, so that the end of the file shows without another round.
        var octets = [UInt8](repeating: 0, count: min(limit, Int(status.st_size) + 1))
        var count = 0
        while count < limit {
            if count == octets.count {
                octets.append(contentsOf: repeatElement(0, count: min(limit - count, max(4096, count))))
            }
            // Safety: the kernel writes at most the octets behind `count`, which the array owns and nobody else sees.
            let result = unsafe octets.withUnsafeMutableBytes { buffer in
                unsafe read(descriptor.rawValue, buffer.baseAddress.map { unsafe $0 + count }, buffer.count - count)
            }
            if result == 0 { break }
            guard result > 0 else {
                if errno == EINTR { continue }
                throw .current("read")
            }
            count += result
        }
        octets.removeLast(octets.count - count)
        return octets
    }

    /// The names in a directory, sorted by their octets, without `.` and `..`.
    ///
    /// - Parameter limit: names read at most.
    package static func names(in directory: String, limit: Int) throws(SystemError) -> [String] {
        // Safety: the C string lives until the call returns.
        guard let stream = unsafe directory.withCString({ unsafe opendir($0) }) else { throw .current("opendir") }
        // Safety: `stream` is ours alone and closed once, here.
        defer { _ = unsafe closedir(stream) }
        var names: [String] = []
        while names.count < limit {
            errno = 0
            // Safety: the entry is valid until the next readdir(3) on this stream; its name ends in NUL.
            guard let entry = unsafe readdir(stream) else {
                if errno != 0 { throw .current("readdir") }
                break
            }
            let capacity = unsafe MemoryLayout.size(ofValue: entry.pointee.d_name)
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { tuple in
                unsafe tuple.withMemoryRebound(to: CChar.self, capacity: capacity) { unsafe String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }
}
