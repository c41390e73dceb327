// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import CNetfilter
internal import Glibc
internal import LinuxIO

/// A netlink socket (netlink(7)), bound to the network namespace it was opened in, whatever thread uses it later.
///
/// The kernel handles requests while they are sent, so every answer is there when sending returns: nothing here waits.
@safe
struct NetlinkSocket: ~Copyable {
    /// What the kernel said to one message.
    struct Answer {
        /// The message's step; nil when the answer is to the end of a batch or to nothing we sent.
        let step: RedirectionError.Step
        /// 0 or why it was refused.
        let errno: CInt
        /// What the kernel added.
        let message: KernelMessage
    }

    /// The most one read returns: netlink's own limit for a part of a dump (NLMSG_GOODSIZE, af_netlink.c: 32 KiB).
    private static var bufferSize: Int { 32768 }

    private let descriptor: OwnedDescriptor
    private let buffer: UnsafeMutableRawBufferPointer

    /// Opens a socket in the calling thread's network namespace.
    ///
    /// - Parameter family: NETLINK_ROUTE or NETLINK_NETFILTER.
    init(family: CInt) throws(RedirectionError) {
        let fd = socket(AF_NETLINK, CInt(SOCK_RAW.rawValue) | CInt(SOCK_CLOEXEC.rawValue), family)
        guard fd >= 0 else { throw .socket(errno: errno) }
        descriptor = OwnedDescriptor(adopting: fd)
        // Both only make answers better; an older kernel works without them.
        var on: CInt = 1
        for option in [NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK] {
            // Safety: the kernel reads four octets of a local during the call.
            _ = unsafe setsockopt(fd, SOL_NETLINK, option, &on, socklen_t(MemoryLayout<CInt>.size))
        }
        unsafe buffer = .allocate(byteCount: Self.bufferSize, alignment: 8)
    }

    deinit { unsafe buffer.deallocate() }

    /// Sends a request and collects the answers to its messages: refusals, and confirmations where asked for.
    func exchange(_ request: borrowing NetlinkRequest) throws(RedirectionError) -> [Answer] {
        try send(request)
        var answers: [Answer] = []
        while let length = try receive(.readBack) {
            try unsafe forEachMessage(length, .readBack) { header in
                guard unsafe Int32(header.pointee.nlmsg_type) == NLMSG_ERROR else { return }
                if let answer = unsafe Self.answer(header, to: request.steps) { answers.append(answer) }
            }
        }
        return answers
    }

    /// Sends a request that reads, and lends each message of the answer.
    ///
    /// - Throws: `.busy` when the answer was cut by a change (NLM_F_DUMP_INTR): read again.
    func read(
        _ request: borrowing NetlinkRequest, _ body: (UnsafePointer<nlmsghdr>) -> Void
    ) throws(RedirectionError) {
        try send(request)
        var interrupted = false
        var refusal: RedirectionError?
        let step = request.steps.first ?? .readBack
        while let length = try receive(step) {
            try unsafe forEachMessage(length, step) { header in
                interrupted = unsafe interrupted || header.pointee.nlmsg_flags & UInt16(NLM_F_DUMP_INTR) != 0
                switch unsafe Int32(header.pointee.nlmsg_type) {
                case NLMSG_NOOP: break
                case NLMSG_DONE:
                    let code = unsafe Self.dumpError(header)
                    if code != 0 { refusal = RedirectionError(step, errno: code, message: KernelMessage()) }
                case NLMSG_ERROR:
                    if let answer = unsafe Self.answer(header, to: request.steps), answer.errno != 0 {
                        refusal = RedirectionError(answer.step, errno: answer.errno, message: answer.message)
                    }
                default: unsafe body(header)
                }
            }
        }
        if let refusal { throw refusal }
        if interrupted { throw .busy(attempts: 1) }
    }

    private func send(_ request: borrowing NetlinkRequest) throws(RedirectionError) {
        let fd = descriptor.rawValue
        let sent = unsafe request.withBytes { bytes in
            // Safety: the request owns the octets; an unconnected netlink socket sends to the kernel.
            unsafe Glibc.send(fd, bytes.baseAddress, bytes.count, 0)
        }
        guard sent >= 0 else {
            let code = errno
            throw RedirectionError(request.steps.first ?? .commit, errno: code, message: KernelMessage())
        }
    }

    /// One datagram into `buffer`: its length, or nil when there is none.
    private func receive(_ step: RedirectionError.Step) throws(RedirectionError) -> Int? {
        // Safety: the kernel writes at most `buffer.count` octets into memory owned here.
        let length = unsafe recv(descriptor.rawValue, buffer.baseAddress, buffer.count, CInt(MSG_DONTWAIT))
        guard length >= 0 else {
            let code = errno
            if code == EAGAIN { return nil }
            throw RedirectionError(step, errno: code, message: KernelMessage())
        }
        return length
    }

    private func forEachMessage(
        _ length: Int, _ step: RedirectionError.Step, _ body: (UnsafePointer<nlmsghdr>) -> Void
    ) throws(RedirectionError) {
        var rest = CInt(length)
        guard var header = unsafe UnsafePointer(buffer.baseAddress?.assumingMemoryBound(to: nlmsghdr.self)) else {
            return
        }
        // Safety: mnl_nlmsg_ok checks that header and payload lie in the `rest` octets before either is used.
        while unsafe mnl_nlmsg_ok(header, rest) {
            unsafe body(header)
            guard let next = unsafe mnl_nlmsg_next(header, &rest) else { break }
            unsafe header = UnsafePointer(next)
        }
        guard rest == 0 else { throw .unexpectedAnswer(step) }
    }

    /// Why a dump ended early; 0 when it is complete.
    private static func dumpError(_ header: UnsafePointer<nlmsghdr>) -> CInt {
        // Safety: the length is checked before the number is read.
        guard unsafe mnl_nlmsg_get_payload_len(header) >= MemoryLayout<CInt>.size,
            let payload = unsafe mnl_nlmsg_get_payload(header)
        else { return 0 }
        return unsafe -payload.load(as: CInt.self)
    }

    private static func answer(_ header: UnsafePointer<nlmsghdr>, to steps: [RedirectionError.Step]) -> Answer? {
        // Safety: the length is checked before the payload is read; mnl_attr_ok bounds every attribute.
        guard unsafe mnl_nlmsg_get_payload_len(header) >= MemoryLayout<nlmsgerr>.size,
            let payload = unsafe mnl_nlmsg_get_payload(header)
        else { return nil }
        let error = unsafe payload.load(as: nlmsgerr.self)
        var text = KernelMessage()
        if unsafe header.pointee.nlmsg_flags & UInt16(NLM_F_ACK_TLVS) != 0 {
            // With NETLINK_CAP_ACK a refused message is quoted by its header alone.
            let offset = MemoryLayout<nlmsgerr>.size
            unsafe forEachAttribute(of: header, after: offset) { type, value in
                guard type == UInt16(NLMSGERR_ATTR_MSG.rawValue) else { return }
                let octets = unsafe value.prefix { $0 != 0 }
                text = unsafe KernelMessage(Array(octets).span)
            }
        }
        let index = Int(error.msg.nlmsg_seq) - 1
        let step = steps.indices.contains(index) ? steps[index] : .commit
        return Answer(step: step, errno: -error.error, message: text)
    }

    /// Lends each attribute of a message whose family header takes `offset` octets.
    static func forEachAttribute(
        of header: UnsafePointer<nlmsghdr>, after offset: Int, _ body: (UInt16, UnsafeRawBufferPointer) -> Void
    ) {
        // Safety: the caller got the message from `read` or `exchange`, so its length is true.
        let skipped = (offset + 3) & ~3
        let length = unsafe mnl_nlmsg_get_payload_len(header)
        guard length >= skipped, let start = unsafe mnl_nlmsg_get_payload_offset(header, offset) else { return }
        unsafe forEachAttribute(in: UnsafeRawBufferPointer(start: start, count: length - skipped), body)
    }

    /// Lends each attribute of a region.
    static func forEachAttribute(
        in region: UnsafeRawBufferPointer, _ body: (UInt16, UnsafeRawBufferPointer) -> Void
    ) {
        guard var attribute = unsafe UnsafePointer(region.baseAddress?.assumingMemoryBound(to: nlattr.self)) else {
            return
        }
        var rest = CInt(region.count)
        // Safety: mnl_attr_ok checks that the attribute lies in the `rest` octets before it is used.
        while unsafe mnl_attr_ok(attribute, rest) {
            let length = unsafe Int(mnl_attr_get_payload_len(attribute))
            unsafe body(
                mnl_attr_get_type(attribute),
                UnsafeRawBufferPointer(start: mnl_attr_get_payload(attribute), count: length))
            rest -= unsafe CInt((Int(attribute.pointee.nla_len) + 3) & ~3)
            unsafe attribute = UnsafePointer(mnl_attr_next(attribute))
        }
    }
}
