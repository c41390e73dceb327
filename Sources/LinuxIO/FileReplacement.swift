// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// Changes files in one step, so that who follows them never sees half a file, and nobody's change is lost.
///
/// A change is made to the version that was read: when the file is another one by now, nothing happens and the caller reads again.
/// Between the last look and the rename(2) another program can still slip in; our own commands keep each other out by
/// `lock`.
package enum FileReplacement {
    /// How a change ended.
    package enum Outcome: Equatable, Sendable {
        case done
        /// The file is not the one that was read: read it again.
        case changedMeanwhile
    }

    /// Where a path leads: all symbolic links followed.
    package static func resolved(_ path: String) throws(SystemError) -> String {
        // Safety: the C string lives until the call returns; what it returns is ours to free, and copied before.
        guard let text = unsafe path.withCString({ unsafe realpath($0, nil) }) else { throw .current("realpath") }
        defer { unsafe free(text) }
        return unsafe String(cString: text)
    }

    /// Keeps other commands of ours out of a directory until the descriptor is closed; waits for them.
    package static func lock(directory: String) throws(SystemError) -> OwnedDescriptor {
        // Safety: the C string lives until the call returns.
        let fd = unsafe directory.withCString { unsafe open($0, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        guard fd >= 0 else { throw .current("open") }
        let descriptor = OwnedDescriptor(adopting: fd)
        while flock(descriptor.rawValue, LOCK_EX) != 0 {
            guard errno == EINTR else { throw .current("flock") }
        }
        return descriptor
    }

    /// Puts a new content in the place of a file's old one, by rename(2); owner, group and mode stay.
    ///
    /// - Parameters:
    ///   - path: a file that is no link (`resolved`).
    ///   - version: the status of the file that the content was made from.
    /// - Throws: EMLINK when the file has several names, which would come apart; EPERM when its owner cannot be kept.
    package static func replace(
        _ path: String, version: FileSystem.Status, with content: [UInt8]
    ) throws(SystemError) -> Outcome {
        guard version.links == 1 else { throw SystemError(EMLINK, "rename") }
        var old = stat()
        // Safety: the C string and `old` live for the whole call, which keeps neither.
        guard unsafe path.withCString({ unsafe lstat($0, &old) }) == 0 else {
            if errno == ENOENT { return .changedMeanwhile }
            throw .current("lstat")
        }
        let draft = try write(content, beside: path, mode: old.st_mode & 0o7777, owner: (old.st_uid, old.st_gid))
        do throws(SystemError) {
            guard try FileSystem.statusOfLink(path) == version else {
                remove(draft)
                return .changedMeanwhile
            }
            try rename(draft, path)
        } catch {
            remove(draft)
            throw error
        }
        return .done
    }

    /// Puts a content at a path in one step, whatever was there before.
    ///
    /// The caller keeps others of its kind out by `lock`: a draft that lies there is what a process that was killed has left.
    ///
    /// - Returns: the status of the file as it is now.
    package static func put(
        _ path: String, _ content: [UInt8], mode: UInt32 = 0o600
    ) throws(SystemError) -> FileSystem.Status {
        let draft = try FileDraft(path, mode: mode)
        try draft.append(content.span)
        return try draft.put()
    }

    /// Makes a file that is not there yet, with mode 0644 less the umask.
    package static func create(_ path: String, with content: [UInt8]) throws(SystemError) -> Outcome {
        let mask = umask(0)
        _ = umask(mask)
        let draft = try write(content, beside: path, mode: 0o644 & ~mask, owner: nil)
        // Safety: both C strings live until the call returns.
        let result = unsafe draft.withCString { old in
            unsafe path.withCString { unsafe CLinux_rename_to_new(old, $0) }
        }
        if result == 0 { return .done }
        let failure = SystemError.current("renameat2")
        remove(draft)
        if failure.number == EEXIST { return .changedMeanwhile }
        throw failure
    }

    /// Removes a file, if it is still the one that was read.
    package static func remove(_ path: String, version: FileSystem.Status) throws(SystemError) -> Outcome {
        guard try FileSystem.statusOfLink(path) == version else { return .changedMeanwhile }
        // Safety: the C string lives until the call returns.
        guard unsafe path.withCString({ unsafe unlink($0) }) == 0 else { throw .current("unlink") }
        return .done
    }

    /// Puts a symbolic link at a path in one step, whatever was there before; others of its kind are kept out as by `put`.
    package static func putLink(_ path: String, to target: String) throws(SystemError) {
        let draft = draftName(path)
        remove(draft)
        // Safety: both C strings live until the call returns.
        let result = unsafe target.withCString { target in
            unsafe draft.withCString { unsafe symlink(target, $0) }
        }
        guard result == 0 else { throw .current("symlink") }
        do throws(SystemError) { try rename(draft, path) } catch {
            remove(draft)
            throw error
        }
    }

    /// Removes a file or a link, unless there is none.
    package static func removeIfThere(_ path: String) throws(SystemError) {
        // Safety: the C string lives until the call returns.
        guard unsafe path.withCString({ unsafe unlink($0) }) == 0 || errno == ENOENT else { throw .current("unlink") }
    }

    static func draftName(_ path: String) -> String {
        let slash = path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex
        return "\(path[..<slash]).\(path[slash...]).\(getpid())~"
    }

    /// Writes a hidden file beside `path`, so that it is on the same file system, and no manifest.
    private static func write(
        _ content: [UInt8], beside path: String, mode: mode_t, owner: (user: uid_t, group: gid_t)?
    ) throws(SystemError) -> String {
        let draft = draftName(path)
        // Safety: the C string lives until the call returns.
        let fd = unsafe draft.withCString {
            unsafe open($0, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        }
        guard fd >= 0 else { throw .current("open") }
        let descriptor = OwnedDescriptor(adopting: fd)
        do throws(SystemError) {
            if let owner { try own(descriptor.rawValue, owner.user, owner.group) }
            guard fchmod(descriptor.rawValue, mode) == 0 else { throw SystemError.current("fchmod") }
            try write(content.span, to: descriptor.rawValue)
            guard fsync(descriptor.rawValue) == 0 else { throw SystemError.current("fsync") }
        } catch {
            remove(draft)
            throw error
        }
        return draft
    }

    /// Writes all of a content.
    static func write(_ content: Span<UInt8>, to fd: CInt) throws(SystemError) {
        var offset = 0
        while offset < content.count {
            switch FileOutput.write(fd, content.extracting(offset..<content.count)) {
            case .bytes(let count): offset += count
            case .wouldBlock: _ = FileOutput.waitUntilWritable(fd, milliseconds: -1)
            case .failed(let number): throw SystemError(number, "write")
            }
        }
    }

    private static func own(_ fd: CInt, _ user: uid_t, _ group: gid_t) throws(SystemError) {
        var status = stat()
        // Safety: `status` lives on this frame for the whole call.
        guard unsafe fstat(fd, &status) == 0 else { throw .current("fstat") }
        if status.st_uid == user, status.st_gid == group { return }
        guard fchown(fd, user, group) == 0 else { throw .current("fchown") }
    }

    static func rename(_ old: String, _ new: String) throws(SystemError) {
        // Safety: both C strings live until the call returns.
        let result = unsafe old.withCString { old in unsafe new.withCString { unsafe Glibc.rename(old, $0) } }
        guard result == 0 else { throw .current("rename") }
    }

    /// Removes a draft of ours; that it is gone already is no matter.
    static func remove(_ draft: String) {
        // Safety: the C string lives until the call returns.
        _ = unsafe draft.withCString { unsafe unlink($0) }
    }
}
