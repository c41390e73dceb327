// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import LinuxIO

/// An `ObjectSnapshot` on its way into its file, of which a portion is in memory; nothing has changed before `put`.
struct SnapshotOutput: ~Copyable {
    private let draft: FileDraft
    private var text: SnapshotText

    /// Begins a new content of the file at `path`.
    ///
    /// - Throws: `.snapshot` with `.unwritable`, as all of it.
    init(_ path: String, _ text: SnapshotText) throws(KubernetesError) {
        do throws(SystemError) { draft = try FileDraft(path) } catch {
            throw .snapshot(.unwritable(errno: error.number))
        }
        self.text = text
    }

    /// Octets so far.
    var count: Int { text.count }

    /// Writes an object.
    mutating func append(_ record: ObjectSnapshot.Record) throws(KubernetesError) {
        text.append(record)
        if text.octets.count >= ObjectSnapshot.portion { try flush() }
    }

    /// Puts the file in its place.
    ///
    /// - Returns: its status.
    consuming func put() throws(KubernetesError) -> FileSystem.Status {
        text.end()
        try flush()
        do throws(SystemError) { return try draft.put() } catch {
            throw .snapshot(.unwritable(errno: error.number))
        }
    }

    private mutating func flush() throws(KubernetesError) {
        do throws(SystemError) { try draft.append(text.octets.span) } catch {
            throw .snapshot(.unwritable(errno: error.number))
        }
        text.taken()
    }
}
