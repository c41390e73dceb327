// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// A kernel pipe through which bytes move from one socket to another without entering user memory (splice(2)).
///
/// Bytes that were taken from the source and not yet given to the destination are in the pipe, `count` of them.
package struct SplicePipe: ~Copyable {
    private let readEnd: OwnedDescriptor
    private let writeEnd: OwnedDescriptor
    /// Bytes in the pipe.
    package private(set) var count = 0

    /// What the kernel gives a pipe by default: 16 pages (pipe(7)).
    private static let capacity = 65_536

    /// Opens a pipe.
    package init() throws(SystemError) {
        var ends: [CInt] = [-1, -1]
        guard unsafe CLinux_pipe2(&ends, CInt(O_NONBLOCK) | CInt(O_CLOEXEC)) == 0 else { throw .current("pipe2") }
        readEnd = OwnedDescriptor(adopting: ends[0])
        writeEnd = OwnedDescriptor(adopting: ends[1])
    }

    /// Moves what is there from `source` into the pipe.
    ///
    /// - Returns: `.wouldBlock` when the source has nothing now (a pipe with bytes in it may also be full: drain it first).
    package mutating func fill(from source: CInt) -> ReadOutcome {
        let flags = UInt32(CLINUX_SPLICE_F_MOVE | CLINUX_SPLICE_F_NONBLOCK)
        while true {
            let moved = CLinux_splice(source, writeEnd.rawValue, Self.capacity, flags)
            if moved > 0 {
                count += moved
                return .bytes(moved)
            }
            if moved == 0 { return .endOfStream }
            let number = errno
            if number == EAGAIN { return .wouldBlock }
            if number != EINTR { return .failed(number) }
        }
    }

    /// Moves bytes from the pipe to `destination`.
    package mutating func drain(to destination: CInt) -> WriteOutcome {
        let flags = UInt32(CLINUX_SPLICE_F_MOVE | CLINUX_SPLICE_F_NONBLOCK)
        while true {
            let moved = CLinux_splice(readEnd.rawValue, destination, count, flags)
            if moved >= 0 {
                count -= moved
                return .bytes(moved)
            }
            let number = errno
            if number == EAGAIN { return .wouldBlock }
            if number != EINTR { return .failed(number) }
        }
    }
}
