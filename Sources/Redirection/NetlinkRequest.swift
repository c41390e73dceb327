// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import CNetfilter
internal import Glibc

/// Netlink messages to be sent in one datagram, each with the step it stands for.
///
/// It owns the memory. Its sequence numbers are the positions of the messages, counted from one, so that an answer finds
/// its step.
@safe
struct NetlinkRequest: ~Copyable {
    /// Room kept free for one message: more than six times the longest rule of a plan (7 matches of at most 2
    /// expressions of at most 100 octets, counter and statement).
    private static var messageRoom: Int { 8192 }

    private var memory: UnsafeMutablePointer<CChar>
    private var capacity: Int
    /// Octets written.
    private(set) var count = 0
    /// What each message is for, by sequence number less one.
    private(set) var steps: [RedirectionError.Step] = []

    /// An empty request.
    init() {
        capacity = 4 * Self.messageRoom
        unsafe memory = .allocate(capacity: capacity)
    }

    deinit { unsafe memory.deallocate() }

    /// Adds a message.
    ///
    /// - Parameter build: writes one message, aligned and shorter than `messageRoom`, at the given place with the given
    ///   sequence number, and returns its header.
    mutating func append(
        _ step: RedirectionError.Step,
        _ build: (UnsafeMutablePointer<CChar>, UInt32) -> UnsafeMutablePointer<nlmsghdr>?
    ) throws(RedirectionError) {
        if capacity - count < Self.messageRoom { grow() }
        steps.append(step)
        // Safety: `messageRoom` octets are free at the place given, and the header that comes back lies at that place.
        guard let header = unsafe build(memory + count, UInt32(steps.count)) else { throw .outOfMemory }
        let length = unsafe Int(header.pointee.nlmsg_len)
        precondition(length <= Self.messageRoom)
        count += (length + 3) & ~3
    }

    private mutating func grow() {
        // Safety: both regions are owned here, and the new one is larger.
        let larger = UnsafeMutablePointer<CChar>.allocate(capacity: 2 * capacity)
        unsafe larger.update(from: memory, count: count)
        unsafe memory.deallocate()
        unsafe memory = larger
        capacity *= 2
    }

    /// Lends the octets written.
    func withBytes<Value>(_ body: (UnsafeRawBufferPointer) -> Value) -> Value {
        // Safety: `count` octets are initialised, and nobody writes while they are lent.
        unsafe body(UnsafeRawBufferPointer(start: memory, count: count))
    }
}
