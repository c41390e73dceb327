// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import LinuxIO
import Testing

@Suite("NetworkNamespace")
struct NetworkNamespaceTests {
    private struct NeedsRoot: Error {}

    /// A namespace without a name, gone with its handle.
    private static func make(returningTo own: borrowing NetworkNamespace) throws -> NetworkNamespace {
        guard CLinux_unshare(CLINUX_CLONE_NEWNET) == 0 else { throw NeedsRoot() }
        defer { if CLinux_setns(own.rawValue, CLINUX_CLONE_NEWNET) != 0 { abort() } }
        return try NetworkNamespace.own()
    }

    private static func current() throws -> NetworkNamespace.Identity { try NetworkNamespace.own().identity }

    @Test("the namespace of a thread is the one its path names")
    func own() throws {
        let own = try NetworkNamespace.own()
        let byPath = try NetworkNamespace(path: "/proc/\(getpid())/ns/net")
        #expect(own.identity == byPath.identity)
    }

    @Test("within enters for the length of the closure, and comes back also when it throws")
    func within() throws {
        let own = try NetworkNamespace.own()
        let other = try Self.make(returningTo: own)
        #expect(other.identity != own.identity)
        let inside = try other.within(returningTo: own, orThrow: { $0 as any Error }) { try Self.current() }
        #expect(inside == other.identity)
        #expect(try Self.current() == own.identity)
        #expect(throws: NeedsRoot.self) {
            try other.within(returningTo: own, orThrow: { $0 as any Error }) { throw NeedsRoot() }
        }
        #expect(try Self.current() == own.identity)
    }

    @Test("within a namespace one may go on into another, and comes back to each")
    func nested() throws {
        let own = try NetworkNamespace.own()
        let first = try Self.make(returningTo: own)
        let second = try Self.make(returningTo: own)
        try first.within(returningTo: own, orThrow: { $0 as any Error }) {
            try second.within(returningTo: first, orThrow: { $0 as any Error }) {
                let identity = try Self.current()
                #expect(identity == second.identity)
            }
            let identity = try Self.current()
            #expect(identity == first.identity)
        }
        #expect(try Self.current() == own.identity)
    }

    @Test("a handle keeps the namespace alive and can be handed over as a descriptor")
    func adopting() throws {
        let own = try NetworkNamespace.own()
        let other = try Self.make(returningTo: own)
        let copy = dup(other.rawValue)
        let adopted = try NetworkNamespace(adopting: OwnedDescriptor(adopting: copy))
        #expect(adopted.identity == other.identity)
        #expect(try adopted.within(returningTo: own) { getpid() } == getpid())
    }

    @Test(
        "what is not a network namespace is refused",
        arguments: [
            ("/run/netns/absent", .open(errno: ENOENT)),  // the pod has ended
            ("/proc/self/ns/mnt", .notANetworkNamespace),  // a namespace of another kind
            ("/dev/null", .notANetworkNamespace),  // a file, as /run/netns/NAME is before its mount
            ("/proc/self", .notANetworkNamespace),  // a directory
        ] as [(String, NetworkNamespaceError)])
    func refused(path: String, error: NetworkNamespaceError) {
        #expect(throws: error) { _ = try NetworkNamespace(path: path) }
    }

    @Test("without CAP_SYS_ADMIN entering fails, and the error names the capability")
    func notPermitted() throws {
        let own = try NetworkNamespace.own()
        let other = try Self.make(returningTo: own)
        var header: (version: UInt32, pid: CInt) = (0x2008_0522, 0)
        var sets: (UInt32, UInt32, UInt32, UInt32, UInt32, UInt32) = (0, 0, 0, 0, 0, 0)
        #expect(unsafe CLinux_capget(&header, &sets) == 0)
        var reduced = sets
        reduced.0 &= ~(1 << 21)
        #expect(unsafe CLinux_capset(&header, &reduced) == 0)
        defer { if unsafe CLinux_capset(&header, &sets) != 0 { abort() } }
        #expect(throws: NetworkNamespaceError.enter(errno: EPERM)) { try other.within(returningTo: own) {} }
        #expect(try own.within(returningTo: own) { true })
        #expect(NetworkNamespaceError.enter(errno: EPERM).description.contains("CAP_SYS_ADMIN"))
    }
}
