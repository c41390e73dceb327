// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import LinuxIO

/// What the log's thread remembers from one batch to the next; owned by that thread.
struct LogWriterState {
    /// At most one line about lost lines is written in this time.
    static var noticeMilliseconds: CInt { 1_000 }

    /// Lines lost that have not been told of.
    var lost: UInt64 = 0
    /// Whether the last write failed; nobody is woken then only to say what was lost.
    private(set) var isFailing = false
    private let descriptor: CInt
    private var isInsideLine = false
    private var lastNotice: MonotonicTime?

    init(descriptor: CInt) {
        self.descriptor = descriptor
    }

    /// Writes complete lines, waiting for an output that is slow.
    ///
    /// - Returns: how many of them were lost because the output failed.
    mutating func write(_ lines: Span<UInt8>) -> UInt64 {
        if isInsideLine, !lines.isEmpty {
            // The output failed in the middle of a line: end it, so that the next one can be read.
            let end: InlineArray<1, UInt8> = [UInt8(ascii: "\n")]
            if case .bytes(1) = FileOutput.write(descriptor, end.span) { isInsideLine = false }
        }
        var offset = 0
        while offset < lines.count {
            switch FileOutput.write(descriptor, lines.extracting(offset..<lines.count)) {
            case .bytes(let count):
                offset += count
                isFailing = false
            case .wouldBlock: _ = FileOutput.waitUntilWritable(descriptor, milliseconds: -1)
            case .failed:
                if offset > 0 { isInsideLine = lines[offset - 1] != UInt8(ascii: "\n") }
                isFailing = true
                return countLines(lines.extracting(offset..<lines.count))
            }
        }
        return 0
    }

    /// How many lost lines to tell of now, if any.
    mutating func takeNotice(now: MonotonicTime, isUrgent: Bool) -> UInt64? {
        guard lost > 0 else { return nil }
        if let lastNotice, !isUrgent, now - lastNotice < .milliseconds(Int64(Self.noticeMilliseconds)) { return nil }
        lastNotice = now
        defer { lost = 0 }
        return lost
    }

    private func countLines(_ bytes: Span<UInt8>) -> UInt64 {
        var count: UInt64 = 0
        for index in 0..<bytes.count where bytes[index] == UInt8(ascii: "\n") { count += 1 }
        return count
    }
}
