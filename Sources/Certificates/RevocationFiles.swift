// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
package import Identity
package import LinuxIO
package import TLS

/// CRL files, followed through changes; used by one thread.
///
/// A file that cannot be read is tried again for `grace` with the last good lists, because who replaces a file in place
/// makes it unreadable for a moment; then the setting for unreadable files decides.
package final class RevocationFiles {
    /// How long the last good lists serve when a file cannot be read.
    package static let grace = Nanoseconds.seconds(2)

    /// What a look at the files came to.
    package enum Outcome: Sendable {
        case unchanged
        /// Other lists than before.
        case changed
        /// One cannot be read; the text says which and why.
        case failed(String)
    }

    /// The lists that were read last; empty when none could be.
    package private(set) var lists: RevocationSet
    /// When to look again; `distantFuture` when only a change is waited for.
    package private(set) var deadline = MonotonicTime(nanoseconds: 0)
    private let paths: [String]
    private let settings: CertificateSettings
    private let watch: DirectoryWatch
    private var failingSince: MonotonicTime?
    private var isUnreadable = true
    private var statuses: [FileSystem.Status?] = []

    /// Watches the directories of the files; nothing is read before the first `refresh`.
    ///
    /// - Throws: when a directory cannot be watched.
    package init(_ settings: CertificateSettings) throws(SystemError) {
        self.settings = settings
        paths = settings.revocationFiles
        lists = RevocationSet()
        watch = try DirectoryWatch()
        for directory in Set(paths.map(Self.directory)) {
            _ = try watch.watch(directory, for: [.written, .movedIn, .movedOut, .removed, .attributes, .selfGone])
        }
    }

    /// Readable when a directory has changed.
    package var descriptor: CInt { watch.rawValue }

    /// What contexts are to do now.
    package var policy: RevocationPolicy {
        if isUnreadable { return settings.whenUnreadable == .refuse ? .unavailable : .unchecked }
        return .lists(lists, acceptsExpired: settings.whenExpired == .accept, requiresStatus: false)
    }

    /// The first list to go out of date, for a warning.
    package var expiry: UnixTime? { isUnreadable ? nil : lists.expiry }

    /// Takes what the watch has to say; the look comes a tenth of a second later, so that one change is one look.
    package func receiveEvents(now: MonotonicTime) {
        var isChanged = false
        watch.receive { _ in isChanged = true }
        if isChanged { deadline = min(deadline, now + .milliseconds(100)) }
    }

    /// Reads the files again if it is time to.
    package func refresh(now: MonotonicTime) -> Outcome {
        guard deadline <= now else { return .unchanged }
        let new = paths.map(Self.status)
        if failingSince == nil, !isUnreadable, new == statuses {
            deadline = .distantFuture
            return .unchanged
        }
        var read: [RevocationSet] = []
        for path in paths {
            do throws(IdentityError) {
                read.append(try RevocationSet(path: path))
            } catch {
                return fail("\(path): \(error)", now: now)
            }
        }
        statuses = new
        lists = RevocationSet(joining: read)
        deadline = .distantFuture
        failingSince = nil
        isUnreadable = false
        return .changed
    }

    private func fail(_ text: String, now: MonotonicTime) -> Outcome {
        let since = failingSince ?? now
        let isFirst = failingSince == nil
        failingSince = since
        deadline = now + .milliseconds(500)
        guard !isUnreadable else {
            // Nothing was readable before either: said once, and then tried in silence.
            deadline = now + .seconds(5)
            return isFirst ? .failed(text) : .unchanged
        }
        guard now - since >= Self.grace else { return .unchanged }
        isUnreadable = true
        return .failed(text)
    }

    private static func status(of path: String) -> FileSystem.Status? {
        do throws(SystemError) { return try FileSystem.status(of: path) } catch { return nil }
    }

    private static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}
