// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import LinuxIO

/// The network namespace of the tunnel itself, to which every thread returns.
final class OwnNetwork: Sendable {
    private let namespace: NetworkNamespace

    init() throws(NetworkNamespaceError) {
        namespace = try NetworkNamespace.own()
    }

    /// Whether `other` is the tunnel's own.
    func isSame(as other: borrowing NetworkNamespace) -> Bool { other.identity == namespace.identity }

    /// Whether one of `addresses` is `other`'s own.
    func hasAny(of addresses: [IPAddress], _ other: borrowing NetworkNamespace) -> Bool {
        do throws(NetworkNamespaceError) {
            return try other.within(returningTo: namespace) { addresses.contains { Socket.isLocal($0) } }
        } catch {
            return false
        }
    }

    /// The addresses of `other` itself.
    func addresses(of other: borrowing NetworkNamespace) -> [IPAddress] {
        do throws(NetworkNamespaceError) {
            return try other.within(returningTo: namespace) { LocalAddresses.reachable() }
        } catch {
            return []
        }
    }

    /// Runs `body` with the thread in the pod's namespace; two system calls, none when it is the tunnel's own.
    func within<Value: ~Copyable>(_ pod: Pod, _ body: () throws(SystemError) -> Value) throws(SystemError) -> Value {
        try pod.network.within(
            returningTo: namespace, orThrow: { SystemError($0.number, "setns to the pod's network namespace") }, body)
    }
}
