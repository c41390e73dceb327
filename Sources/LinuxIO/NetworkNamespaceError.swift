// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Why a network namespace could not be used.
package enum NetworkNamespaceError: Error, Hashable, Sendable {
    /// The file could not be opened or examined.
    case open(errno: CInt)
    /// The file is not a network namespace.
    case notANetworkNamespace
    /// setns(2) failed.
    case enter(errno: CInt)
}

extension NetworkNamespaceError: CustomStringConvertible {
    /// The errno behind it; EINVAL for a file that is no network namespace.
    package var number: CInt {
        switch self {
        case .open(let errno), .enter(let errno): errno
        case .notANetworkNamespace: EINVAL
        }
    }

    /// One line for an operator; the caller adds which pod or path.
    package var description: String {
        switch self {
        case .open(errno: ENOENT), .open(errno: ESRCH), .open(errno: ENXIO):
            "the network namespace does not exist (any more); the pod may have ended"
        case .open(errno: EACCES), .open(errno: EPERM):
            "no permission to open the network namespace; CAP_SYS_PTRACE or the host's PID namespace may be missing"
        case .open(errno: EMFILE), .open(errno: ENFILE):
            "no file descriptor left to open the network namespace; raise RLIMIT_NOFILE"
        case .open(let errno):
            "cannot open the network namespace: errno \(errno)"
        case .notANetworkNamespace:
            "the file is not a network namespace (expected one like /run/netns/NAME or /proc/PID/ns/net)"
        case .enter(errno: EPERM):
            "no permission to enter the network namespace; CAP_SYS_ADMIN is missing"
        case .enter(let errno):
            "cannot enter the network namespace: errno \(errno)"
        }
    }
}
