// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// Reads and writes the few small files that identities live in; every failure is named by file and operation.
package enum FileAccess {
    /// ENOENT.
    package static let noSuchFile = ENOENT
    /// EEXIST.
    package static let fileExists = EEXIST

    /// Overwrites `bytes`, which held a secret, and empties the array.
    package static func wipe(_ bytes: inout [UInt8]) {
        Identity.wipe(&bytes)
    }

    /// Reads a whole file.
    ///
    /// - Parameter isSecret: the file must belong to root or this process's user and be closed to all others.
    /// - Returns: nil when there is no such file.
    /// - Throws: `.file`, `.fileMode`, `.fileOwner`, `.fileTooLarge`.
    package static func read(
        _ path: String, as file: IdentityError.File, limit: Int, isSecret: Bool
    ) throws(IdentityError) -> [UInt8]? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw .file(file, .open, errno: errno)
        }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { throw .file(file, .read, errno: errno) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .file(file, .read, errno: EINVAL) }
        if isSecret {
            guard status.st_uid == 0 || status.st_uid == geteuid() else { throw .fileOwner(file) }
            guard status.st_mode & 0o077 == 0 else { throw .fileMode(file, mode: status.st_mode & 0o7777) }
        }
        guard status.st_size <= limit else { throw .fileTooLarge(file) }
        return try contents(of: descriptor, as: file, limit: limit)
    }

    private static func contents(
        of descriptor: CInt, as file: IdentityError.File, limit: Int
    ) throws(IdentityError) -> [UInt8] {
        // One octet more than allowed, so that a file that grows meanwhile is noticed; read in place, so that a
        // secret has no second copy.
        var failure: CInt = 0
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: limit + 1) { region, count in
            count = 0
            while count <= limit {
                guard let base = region.baseAddress else { return }
                // Safety: at most the free rest of region is written.
                let got = unsafe Glibc.read(descriptor, base + count, limit + 1 - count)
                if got == 0 { return }
                if got < 0 {
                    if errno == EINTR { continue }
                    failure = errno
                    return
                }
                count += got
            }
        }
        guard failure == 0 else { throw .file(file, .read, errno: failure) }
        guard bytes.count <= limit else { throw .fileTooLarge(file) }
        return bytes
    }

    /// Writes a new file and makes it durable; a file of that name is replaced when `replacing`, else an error.
    ///
    /// - Throws: `.file`.
    static func write(
        _ bytes: Span<UInt8>, to path: String, as file: IdentityError.File, mode: mode_t
    ) throws(IdentityError) {
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode)
        guard descriptor >= 0 else { throw .file(file, .create, errno: errno) }
        defer { close(descriptor) }
        // The umask may have taken bits away from the mode; a secret's mode has none to lose.
        guard fchmod(descriptor, mode) == 0 else { throw .file(file, .create, errno: errno) }
        var offset = 0
        while offset < bytes.count {
            let rest = bytes.extracting(offset..<bytes.count)
            let written = unsafe rest.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if written < 0 {
                if errno == EINTR { continue }
                throw .file(file, .write, errno: errno)
            }
            offset += written
        }
        guard fsync(descriptor) == 0 else { throw .file(file, .write, errno: errno) }
    }

    /// Writes a file beside `path` and renames it over it, so that readers see the old or the new one, never a part.
    ///
    /// - Throws: `.file`.
    static func replace(
        _ path: String, with bytes: Span<UInt8>, as file: IdentityError.File, mode: mode_t
    ) throws(IdentityError) {
        let temporary = path + ".new"
        unsafe unlink(temporary)
        do throws(IdentityError) {
            try write(bytes, to: temporary, as: file, mode: mode)
        } catch {
            unsafe unlink(temporary)
            throw error
        }
        guard unsafe rename(temporary, path) == 0 else { throw .file(file, .rename, errno: errno) }
    }

    /// Makes renames in a directory durable; a file system that cannot is not an error.
    static func synchronise(directory: String) {
        let descriptor = unsafe open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }
}
