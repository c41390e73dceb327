// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
internal import CLinux
internal import Glibc

/// What an event is about: a kind of the owner's and the slab key of the object, packed into epoll's 64 bits.
///
/// A stale event finds its key stale and misses, so nothing has to be searched when a descriptor is closed.
package struct EventToken: Hashable, Sendable {
    /// Kind in the top four bits, generation in 28, index in 32.
    package let bits: UInt64

    /// Takes a token apart that came back from the kernel.
    @inlinable
    package init(bits: UInt64) {
        self.bits = bits
    }

    /// Names slot `index` of `generation` (28 bits) as an object of `kind` (0 ..< 16).
    @inlinable
    package init(kind: UInt8, index: UInt32, generation: UInt32) {
        bits = UInt64(kind) << 60 | UInt64(generation & 0x0FFF_FFFF) << 32 | UInt64(index)
    }

    /// The owner's kind.
    @inlinable
    package var kind: UInt8 { UInt8(truncatingIfNeeded: bits >> 60) }
    /// The slot.
    @inlinable
    package var index: UInt32 { UInt32(truncatingIfNeeded: bits) }
    /// The slot's generation.
    @inlinable
    package var generation: UInt32 { UInt32(truncatingIfNeeded: bits >> 32) & 0x0FFF_FFFF }
}

/// What became possible on a descriptor (epoll's bits).
package struct Readiness: OptionSet, Sendable {
    package let rawValue: UInt32

    @inlinable
    package init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    // The numbers of linux/eventpoll.h stand here because inlinable code cannot name an internal import's.

    /// Bytes, a connection, or the end of the peer's stream can be read (EPOLLIN).
    @inlinable
    package static var readable: Readiness { Readiness(rawValue: 0x001) }
    /// The socket takes bytes, or a connect has its outcome (EPOLLOUT).
    @inlinable
    package static var writable: Readiness { Readiness(rawValue: 0x004) }
    /// The peer has finished sending (EPOLLRDHUP).
    @inlinable
    package static var peerFinished: Readiness { Readiness(rawValue: 0x2000) }
    /// An error is pending, RST for instance (EPOLLERR).
    @inlinable
    package static var failed: Readiness { Readiness(rawValue: 0x008) }
    /// Both directions are over (EPOLLHUP).
    @inlinable
    package static var hungUp: Readiness { Readiness(rawValue: 0x010) }

    /// Reading may bring something: bytes, or the end.
    @inlinable
    package static var input: Readiness { Readiness(rawValue: 0x2011) }
    /// The peer sends no more.
    @inlinable
    package static var end: Readiness { Readiness(rawValue: 0x2010) }

    /// Whether one of `others` is there; on the byte path instead of a set literal, which is built at run time.
    @inlinable
    package func hasAny(of others: Readiness) -> Bool { rawValue & others.rawValue != 0 }
}

/// One epoll instance; owned by one worker.
@safe
package struct Poller: ~Copyable {
    private let epoll: OwnedDescriptor
    private let capacity: Int
    private let events: UnsafeMutableBufferPointer<epoll_event>

    /// Opens an epoll instance that reports up to `capacity` events at once.
    package init(capacity: Int = 256) throws(SystemError) {
        let fd = epoll_create1(CInt(EPOLL_CLOEXEC))
        guard fd >= 0 else { throw .current("epoll_create1") }
        epoll = OwnedDescriptor(adopting: fd)
        self.capacity = capacity
        unsafe events = .allocate(capacity: capacity)
    }

    deinit {
        unsafe events.deallocate()
    }

    /// Watches `fd` in both directions, edge-triggered and once for its life: the owner remembers what is possible, and
    /// no further system call is needed while it pauses and resumes.
    package func addEdgeTriggered(_ fd: CInt, token: EventToken) throws(SystemError) {
        try control(
            EPOLL_CTL_ADD, fd, EPOLLIN.rawValue | EPOLLOUT.rawValue | EPOLLRDHUP.rawValue | EPOLLET.rawValue, token)
    }

    /// Watches `fd` for reading, level-triggered (listeners, mailboxes).
    package func addReadable(_ fd: CInt, token: EventToken) throws(SystemError) {
        try control(EPOLL_CTL_ADD, fd, EPOLLIN.rawValue, token)
    }

    /// Stops or resumes watching a level-triggered descriptor.
    package func setReadable(_ fd: CInt, isEnabled: Bool, token: EventToken) throws(SystemError) {
        try control(EPOLL_CTL_MOD, fd, isEnabled ? EPOLLIN.rawValue : 0, token)
    }

    /// Forgets `fd`; closing it does the same unless the descriptor was duplicated.
    package func remove(_ fd: CInt) {
        var event = unsafe epoll_event()
        _ = unsafe epoll_ctl(epoll.rawValue, EPOLL_CTL_DEL, fd, &event)
    }

    /// Waits for events.
    ///
    /// - Parameter timeout: nil waits without end; zero only looks. Rounded up to milliseconds, so no timer fires early.
    /// - Returns: how many events `event(at:)` can be asked for.
    @inline(never)
    package func wait(timeout: Nanoseconds?) -> Int {
        var milliseconds: CInt = -1
        if let timeout {
            milliseconds = CInt(clamping: max(0, (timeout.count + 999_999) / 1_000_000))
        }
        let count = unsafe epoll_wait(epoll.rawValue, events.baseAddress, CInt(capacity), milliseconds)
        return max(0, Int(count))
    }

    /// Event `index` of the last wait.
    package func event(at index: Int) -> (token: EventToken, readiness: Readiness) {
        precondition(index >= 0 && index < capacity)
        let event = unsafe events[index]
        return unsafe (EventToken(bits: event.data.u64), Readiness(rawValue: event.events))
    }

    private func control(_ operation: CInt, _ fd: CInt, _ mask: UInt32, _ token: EventToken) throws(SystemError) {
        var event = unsafe epoll_event()
        unsafe event.events = mask
        unsafe event.data.u64 = token.bits
        guard unsafe epoll_ctl(epoll.rawValue, operation, fd, &event) == 0 else { throw .current("epoll_ctl") }
    }
}
