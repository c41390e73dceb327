// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// A regular file that is read from its beginning to its end, piece by piece.
///
/// Owned by one thread.
package final class FileInput {
    private let descriptor: OwnedDescriptor

    /// Opens a file.
    ///
    /// - Throws: ELOOP when the path is a link; EINVAL when it is no regular file.
    package init(_ path: String) throws(SystemError) {
        // Safety: the C string lives until the call returns. O_NONBLOCK: opening a FIFO must not wait for a writer.
        let fd = unsafe path.withCString {
            unsafe open($0, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW)
        }
        guard fd >= 0 else { throw .current("open") }
        descriptor = OwnedDescriptor(adopting: fd)
        var status = stat()
        // Safety: `status` lives on this frame for the whole call.
        guard unsafe fstat(fd, &status) == 0 else { throw .current("fstat") }
        guard status.st_mode & S_IFMT == S_IFREG else { throw SystemError(EINVAL, "open") }
    }

    /// Appends what comes next to `octets`: at most `limit` octets, none at the end of the file.
    package func read(_ limit: Int, into octets: inout [UInt8]) throws(SystemError) {
        let count = octets.count
        octets.append(contentsOf: repeatElement(0, count: limit))
        while true {
            // Safety: the kernel writes at most the octets behind `count`, which the array owns and nobody else sees.
            let result = unsafe octets.withUnsafeMutableBytes { buffer in
                unsafe Glibc.read(descriptor.rawValue, buffer.baseAddress.map { unsafe $0 + count }, limit)
            }
            if result >= 0 {
                octets.removeLast(limit - result)
                return
            }
            guard errno == EINTR else {
                let failure = SystemError.current("read")
                octets.removeLast(limit)
                throw failure
            }
        }
    }
}
