// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
package import Identity
internal import LinuxIO

/// The CA in a directory, followed through rotations of its root; used by one thread.
package final class AuthorityDirectory {
    /// What a look at the directory came to.
    package enum Outcome {
        case unchanged
        /// The signer or the bundle is another one.
        case changed
        /// It cannot be read now; the last good one goes on to serve, and the next look follows soon.
        case failed(IdentityError)
    }

    /// The authority as it was read last.
    package private(set) var current: CertificateAuthority
    /// When to look again; `distantFuture` when only a change is waited for.
    package private(set) var deadline = MonotonicTime.distantFuture
    private let path: String
    private let trustDomain: TrustDomain
    private let watch: DirectoryWatch

    /// Opens the CA, and makes it first when there is none (when `create`).
    ///
    /// - Throws: what `CertificateAuthority.open` throws; `.file(.directory, .open, …)` when it cannot be watched.
    package init(
        path: String, trustDomain: TrustDomain, create: Bool, now: UnixTime
    ) throws(IdentityError) {
        self.path = path
        self.trustDomain = trustDomain
        current = try CertificateAuthority.open(directory: path, trustDomain: trustDomain, create: create, now: now)
        do throws(SystemError) {
            watch = try DirectoryWatch()
            _ = try watch.watch(path, for: [.movedIn, .removed, .selfGone])
        } catch {
            throw .file(.directory, .open, errno: error.number)
        }
        // What changed between the reading and the watch is seen by one more look.
        deadline = MonotonicTime(nanoseconds: 0)
    }

    /// Readable when the directory has changed.
    package var descriptor: CInt { watch.rawValue }

    /// Takes what the watch has to say; the look comes a tenth of a second later, so that one rotation is one look.
    package func receiveEvents(now: MonotonicTime) {
        var isChanged = false
        watch.receive { _ in isChanged = true }
        if isChanged { deadline = min(deadline, now + .milliseconds(100)) }
    }

    /// Reads the directory again if it is time to.
    package func refresh(now: MonotonicTime, unixTime: UnixTime) -> Outcome {
        guard deadline <= now else { return .unchanged }
        do throws(IdentityError) {
            let new = try CertificateAuthority.open(
                directory: path, trustDomain: trustDomain, create: false, now: unixTime)
            deadline = .distantFuture
            guard new.certificates != current.certificates || new.bundle != current.bundle else { return .unchanged }
            current = new
            return .changed
        } catch {
            deadline = now + .seconds(1)
            return .failed(error)
        }
    }
}
