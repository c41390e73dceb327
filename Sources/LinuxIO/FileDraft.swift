// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// A file's new content while it is written, beside the old one; nothing has changed before `put`.
///
/// It is a hidden file in the same directory, so that it is on the same file system, and no manifest. The caller keeps others of
/// its kind out by `FileReplacement.lock`: a draft that lies there is what a process that was killed has left.
package struct FileDraft: ~Copyable {
    private let path: String
    private let name: String
    private let descriptor: OwnedDescriptor

    /// Begins a new content of the file at `path`.
    package init(_ path: String, mode: UInt32 = 0o600) throws(SystemError) {
        let name = FileReplacement.draftName(path)
        FileReplacement.remove(name)
        // Safety: the C string lives until the call returns.
        let fd = unsafe name.withCString {
            unsafe open($0, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        }
        guard fd >= 0 else { throw .current("open") }
        let descriptor = OwnedDescriptor(adopting: fd)
        guard fchmod(fd, mode) == 0 else {
            let failure = SystemError.current("fchmod")
            FileReplacement.remove(name)
            throw failure
        }
        self.path = path
        self.name = name
        self.descriptor = descriptor
    }

    deinit { FileReplacement.remove(name) }

    /// Writes what comes next.
    package func append(_ octets: Span<UInt8>) throws(SystemError) {
        try FileReplacement.write(octets, to: descriptor.rawValue)
    }

    /// Puts the content in the place of the old one in one step.
    ///
    /// - Returns: the status of the file as it is now.
    package consuming func put() throws(SystemError) -> FileSystem.Status {
        guard fsync(descriptor.rawValue) == 0 else { throw .current("fsync") }
        try FileReplacement.rename(name, path)
        return try FileSystem.statusOfLink(path)
    }
}
