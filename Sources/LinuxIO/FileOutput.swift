// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// Writing to descriptors that need not be sockets: pipes, files, terminals.
package enum FileOutput {
    /// Standard output's descriptor.
    package static var standardOutput: CInt { 1 }
    /// Standard error's descriptor.
    package static var standardError: CInt { 2 }

    /// Writes `bytes`, or as many of them as the file takes; waits as the descriptor's mode says.
    ///
    /// SIGPIPE must be blocked or ignored in the calling thread (`WorkerThread` blocks it).
    @inline(never)
    package static func write(_ fd: CInt, _ bytes: Span<UInt8>) -> WriteOutcome {
        // Safety: the span is borrowed for the call.
        unsafe bytes.withUnsafeBufferPointer { region in
            while true {
                let result = unsafe Glibc.write(fd, region.baseAddress, region.count)
                if result >= 0 { return .bytes(result) }
                let number = errno
                if number == EAGAIN { return .wouldBlock }
                if number != EINTR { return .failed(number) }
            }
        }
    }

    /// Waits until `fd` takes bytes, at most `timeout`.
    ///
    /// - Returns: false when the time is over.
    package static func waitUntilWritable(_ fd: CInt, milliseconds timeout: CInt) -> Bool {
        var entry = pollfd(fd: fd, events: Int16(POLLOUT), revents: 0)
        return unsafe poll(&entry, 1, timeout) > 0
    }

    /// Opens `path` to append to it, and creates it with mode 0640.
    package static func openForAppending(_ path: String) throws(SystemError) -> OwnedDescriptor {
        // Safety: the C string lives until the call returns, and open(2) does not keep it.
        let fd = unsafe path.withCString { unsafe open($0, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o640) }
        guard fd >= 0 else { throw .current("open") }
        return OwnedDescriptor(adopting: fd)
    }
}
