// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import LinuxIO

/// A pipe with a reader that the test controls.
final class TestPipe {
    private(set) var readEnd: CInt
    private(set) var writeEnd: CInt

    init() {
        var ends: [CInt] = [-1, -1]
        unsafe precondition(pipe(&ends) == 0)
        readEnd = ends[0]
        writeEnd = ends[1]
    }

    deinit {
        closeReader()
        closeWriter()
    }

    func closeReader() {
        if readEnd >= 0 { close(readEnd) }
        readEnd = -1
    }

    func closeWriter() {
        if writeEnd >= 0 { close(writeEnd) }
        writeEnd = -1
    }

    /// Everything that can be read without waiting.
    func drain() -> String {
        var text: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            var entry = pollfd(fd: readEnd, events: Int16(POLLIN), revents: 0)
            guard unsafe poll(&entry, 1, 0) > 0 else { break }
            let count = unsafe read(readEnd, &chunk, chunk.count)
            guard count > 0 else { break }
            text += chunk[..<count]
        }
        return String(decoding: text, as: UTF8.self)
    }
}
