// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// Tells of changes in directories (inotify(7)).
///
/// The kernel says what happened to which name, not what is in the file; and it may lose events, which it says too. Whoever
/// listens looks at the directory then, and should look once in a while without any event.
package struct DirectoryWatch: ~Copyable, Sendable {
    /// What may happen to an entry of a directory, or to the directory.
    package struct Change: OptionSet, Sendable {
        package let rawValue: UInt32

        package init(rawValue: UInt32) {
            self.rawValue = rawValue
        }

        /// A file that was open for writing was closed.
        package static let written = Change(rawValue: UInt32(IN_CLOSE_WRITE))
        /// A file is being written or cut; `written` will follow.
        package static let modified = Change(rawValue: UInt32(IN_MODIFY))
        /// A name appeared.
        package static let created = Change(rawValue: UInt32(IN_CREATE))
        /// A name was given to a file that had another.
        package static let movedIn = Change(rawValue: UInt32(IN_MOVED_TO))
        /// A name was taken from a file that has another now.
        package static let movedOut = Change(rawValue: UInt32(IN_MOVED_FROM))
        /// A name disappeared.
        package static let removed = Change(rawValue: UInt32(IN_DELETE))
        /// The access rights of a file changed, or the number of its names.
        package static let attributes = Change(rawValue: UInt32(IN_ATTRIB))
        /// The directory itself was removed or got another name.
        package static let selfGone = Change(rawValue: UInt32(IN_DELETE_SELF) | UInt32(IN_MOVE_SELF))
        /// The kernel dropped events, or the watch.
        package static let lost = Change(rawValue: UInt32(IN_Q_OVERFLOW) | UInt32(IN_IGNORED) | UInt32(IN_UNMOUNT))
    }

    /// One change.
    package struct Event: Sendable {
        /// The watch, as `watch` returned it; -1 when the kernel dropped events.
        package let watch: CInt
        /// What happened.
        package let change: Change
        /// Whether it happened to a directory.
        package let isDirectory: Bool
        /// The name in the directory; empty when it happened to the directory itself.
        package let name: String
    }

    private let descriptor: OwnedDescriptor

    /// Watches nothing yet.
    ///
    /// - Throws: EMFILE when the user has too many (fs.inotify.max_user_instances).
    package init() throws(SystemError) {
        let fd = inotify_init1(CInt(IN_NONBLOCK) | CInt(IN_CLOEXEC))
        guard fd >= 0 else { throw .current("inotify_init1") }
        descriptor = OwnedDescriptor(adopting: fd)
    }

    /// The descriptor to poll for reading; valid for as long as this value lives.
    package var rawValue: CInt { descriptor.rawValue }

    /// Watches a directory from now on; one that is watched already gets the new set of changes.
    ///
    /// - Returns: the watch; the same directory always has the same one.
    /// - Throws: ENOENT, ENOTDIR, ENOSPC (fs.inotify.max_user_watches), …
    package func watch(_ directory: String, for changes: Change) throws(SystemError) -> CInt {
        // Safety: the C string lives until the call returns, which does not keep it.
        let watch = unsafe directory.withCString {
            unsafe inotify_add_watch(descriptor.rawValue, $0, changes.rawValue | UInt32(IN_ONLYDIR))
        }
        guard watch >= 0 else { throw .current("inotify_add_watch") }
        return watch
    }

    /// Ends a watch; one that is gone already is no error.
    package func unwatch(_ watch: CInt) {
        _ = inotify_rm_watch(descriptor.rawValue, watch)
    }

    /// Hands out the changes that are there; never waits.
    package func receive(_ body: (Event) -> Void) {
        // inotify(7): the header is 16 octets, and a name has at most NAME_MAX + 1.
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            // Safety: the kernel writes at most the array's length.
            let count = unsafe buffer.withUnsafeMutableBytes { bytes in
                unsafe read(descriptor.rawValue, bytes.baseAddress, bytes.count)
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 16 else { return }
            var offset = 0
            while offset + 16 <= count {
                func word(_ at: Int) -> UInt32 {
                    var value: UInt32 = 0
                    // The kernel writes in the order of the machine; every one that Swift runs on is little-endian.
                    for index in (0..<4).reversed() { value = value << 8 | UInt32(buffer[offset + at + index]) }
                    return value
                }
                let mask = word(4)
                let end = min(count, offset + 16 + Int(word(12)))
                let name = buffer[offset + 16..<end].prefix { $0 != 0 }
                body(
                    Event(
                        watch: CInt(bitPattern: word(0)), change: Change(rawValue: mask & 0xFFFF),
                        isDirectory: mask & UInt32(IN_ISDIR) != 0, name: String(decoding: name, as: UTF8.self)))
                offset = end
            }
        }
    }

    /// Waits until changes can be received.
    ///
    /// - Parameter milliseconds: how long; -1 for ever.
    /// - Returns: whether there are some.
    package func wait(milliseconds: CInt) -> Bool {
        var entry = pollfd(fd: descriptor.rawValue, events: Int16(POLLIN), revents: 0)
        // Safety: `entry` lives on this frame for the whole call, and the count is 1.
        return unsafe poll(&entry, 1, milliseconds) > 0
    }
}
