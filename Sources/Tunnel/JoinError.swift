// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import LinuxIO
internal import Redirection

/// Why a pod could not join the mesh.
enum JoinError: Error, CustomStringConvertible {
    /// Whether nothing is wrong, only not ready yet.
    var isWait: Bool {
        switch self {
        case .certificateAwaited, .addressAwaited: true
        case .noIdentity, .noUID, .noProcess, .network, .listen, .redirection: false
        }
    }

    case noIdentity
    /// The pod's UID is none that a cgroup could have.
    case noUID
    /// The pod has no address yet, so nothing tells whether a namespace is its own.
    case addressAwaited
    /// No process of the pod is in a namespace that has the pod's address.
    case noProcess
    case network(NetworkNamespaceError)
    case certificateAwaited
    case listen(SystemError, port: UInt16)
    case redirection(RedirectionError)

    var description: String {
        switch self {
        case .noIdentity: "the pod's service account makes no SPIFFE ID"
        case .noUID: "the pod's UID names no cgroup; 32 hexadecimal digits do"
        case .addressAwaited: "waits for its address"
        case .noProcess:
            "no process is found in its cgroup and a network namespace with its address; "
                + "the tunnel must see the node's processes (hostPID, or --proc)"
        case .network(let error): "network namespace: \(error)"
        case .certificateAwaited: "waits for its certificate"
        case .listen(let error, let port):
            error.isAddressInUse
                ? "port \(port) is in use; free it, or exclude the pod by istio.io/dataplane-mode: none"
                : "port \(port): \(error)"
        case .redirection(let error): "redirection: \(error)"
        }
    }
}
