// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import LinuxIO

/// What commands print.
package enum Terminal {
    /// Writes to standard output; false when it takes no more (a pager that was left, a full disk).
    @discardableResult
    package static func print(_ text: String) -> Bool {
        write(text, to: FileOutput.standardOutput)
    }

    /// Writes one line to standard error.
    package static func complain(_ program: String, _ problem: String) {
        let line = problem.split(whereSeparator: \.isNewline).joined(separator: " ")
        write("\(program): \(line)\n", to: FileOutput.standardError)
    }

    @discardableResult
    private static func write(_ text: String, to descriptor: CInt) -> Bool {
        let bytes = Array(text.utf8)
        var offset = 0
        while offset < bytes.count {
            switch FileOutput.write(descriptor, bytes.span.extracting(offset..<bytes.count)) {
            case .bytes(let count): offset += count
            case .wouldBlock: _ = FileOutput.waitUntilWritable(descriptor, milliseconds: -1)
            case .failed: return false
            }
        }
        return true
    }
}
