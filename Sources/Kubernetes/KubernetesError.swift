// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import HBONE
internal import LinuxIO

/// Why the Kubernetes API could not be asked, or what is wrong with the credentials for it.
package enum KubernetesError: Error, Sendable, CustomStringConvertible {
    /// What of the credentials is wrong.
    package enum Credential: Sendable {
        case unreadable
        case malformed
        case noContext
        case noCluster
        case noUser
        case server
        case authority
        case insecure
        case unsupported
        case certificate
        case token
        case none
    }

    /// What is wrong with the snapshot of the known objects.
    package enum Snapshot: Sendable {
        /// There is none yet.
        case none
        /// It cannot be read; the errno.
        case unreadable(errno: CInt)
        /// It cannot be written; the errno.
        case unwritable(errno: CInt)
        /// Somebody else may have written it.
        case notOurs
        case tooLarge
        case damaged
        case otherVersion
        case otherCluster
        case otherKinds
    }

    /// The snapshot cannot be used.
    case snapshot(Snapshot)
    /// The credentials cannot be used; the caller adds the file.
    case credentials(Credential)
    /// The host name of the API server does not resolve; the errno or `EAI` of the resolver.
    case unresolved
    /// The connection could not be made, or broke.
    case connection(HBONEError)
    /// An answer did not come in time.
    case timedOut
    /// An object or answer is larger than we take.
    case tooLarge
    /// An answer is no JSON, or no object of the API.
    case malformed
    /// The server reset the stream of an answer.
    case reset

    package var description: String {
        switch self {
        case .credentials(let problem): problem.text
        case .snapshot(let problem): "the snapshot of what was last known \(problem.text)"
        case .unresolved: "the API server's host name cannot be resolved"
        case .connection(let error): "API server: \(error)"
        case .timedOut: "the API server did not answer in time"
        case .tooLarge: "the API server's answer is larger than we take"
        case .malformed: "the API server's answer is no JSON object of the API"
        case .reset: "the API server broke its answer off"
        }
    }
}

extension KubernetesError.Credential {
    fileprivate var text: String {
        switch self {
        case .unreadable: "cannot be read"
        case .malformed: "is no kubeconfig (apiVersion: v1, kind: Config)"
        case .noContext: "has no such context; set current-context, or name one that is there"
        case .noCluster: "has no cluster of the name that the context says"
        case .noUser: "has no user of the name that the context says"
        case .server: "server must be https://HOST[:PORT]; plain HTTP is not spoken"
        case .authority:
            "needs certificate-authority or certificate-authority-data with the API server's CA certificates in PEM"
        case .insecure: "insecure-skip-tls-verify is refused; give the CA in certificate-authority-data"
        case .unsupported: "exec, auth-provider and passwords are not supported; use a token or a client certificate"
        case .certificate: "client certificate and key cannot be read, or do not fit each other"
        case .token: "the token cannot be read"
        case .none:
            "no credentials: neither in a pod (no service account token) nor a kubeconfig; give --kubeconfig FILE"
        }
    }
}

extension KubernetesError.Snapshot {
    fileprivate var text: String {
        switch self {
        case .none: "has not been made yet"
        case .unreadable(let number): "cannot be read: \(SystemError(number, "open"))"
        case .unwritable(let number): "cannot be written: \(SystemError(number, "write"))"
        case .notOurs: "is not used: its folder or file can be written by others; chmod go-w"
        case .tooLarge: "is larger than we take"
        case .damaged: "is damaged and not used"
        case .otherVersion: "was made by another version and is not used"
        case .otherCluster: "is that of another cluster and is not used"
        case .otherKinds: "lacks kinds of objects that are needed, and is not used"
        }
    }
}
