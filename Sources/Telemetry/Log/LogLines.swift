// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

/// A bounded buffer of complete log lines, and the means to write one more.
///
/// A line is begun, given fields and ended; when it does not fit it is taken back as a whole and counted. Nothing is
/// allocated: fields are formatted straight into the buffer. Values may come from peers: control characters, quotes and
/// what would confuse a terminal are escaped, and a value is cut at `maximumValueBytes`.
package struct LogLines: ~Copyable {
    /// The longest value written in full: a SPIFFE ID may have 2,048 bytes (SPIFFE-ID §2.3).
    static var maximumValueBytes: Int { 2_048 }

    var buffer: ByteBuffer
    let format: LogFormat
    private var lineStart = 0
    private var isFirstField = true
    /// Whether all of the current line has found room so far.
    var fits = true
    /// Lines taken back because they did not fit.
    package private(set) var droppedLines: UInt64 = 0

    /// Makes an empty buffer of `capacity` bytes, of which only what is used becomes resident.
    package init(capacity: Int, format: LogFormat) {
        buffer = ByteBuffer(capacity: capacity)
        self.format = format
    }

    /// The complete lines.
    package var bytes: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get { buffer.readable }
    }

    /// Whether there is no line.
    package var isEmpty: Bool { buffer.isEmpty }

    /// Bytes in the buffer, and how many it can hold.
    package var fill: (used: Int, capacity: Int) { (buffer.count, buffer.capacity) }

    /// Forgets all lines and the number of dropped ones.
    package mutating func removeAll() {
        buffer.clear()
        droppedLines = 0
    }

    /// Begins a line.
    package mutating func begin(_ level: LogLevel, _ scope: LogScope, _ message: String, at unixNanoseconds: Int64) {
        lineStart = buffer.count
        isFirstField = true
        fits = true
        switch format {
        case .text:
            put(buffer.append(rfc3339: unixNanoseconds))
            put(buffer.append("\t"))
            put(buffer.append(level.name))
            put(buffer.append("\t"))
            put(buffer.append(scope.name))
            put(buffer.append("\t"))
            escape(message, isQuoted: false)
        case .json:
            put(buffer.append("{\"level\":\""))
            put(buffer.append(level.name))
            put(buffer.append("\",\"time\":\""))
            put(buffer.append(rfc3339: unixNanoseconds))
            put(buffer.append("\",\"scope\":\""))
            put(buffer.append(scope.name))
            put(buffer.append("\",\"message\":\""))
            escape(message, isQuoted: true)
            put(buffer.append("\""))
        }
    }

    /// Begins a line of another format.
    mutating func beginRaw() {
        lineStart = buffer.count
        fits = true
    }

    /// Ends such a line, or takes all of it back when it did not fit.
    mutating func endRaw(_ end: String) {
        put(buffer.append(end))
        guard !fits else { return }
        buffer.truncate(to: lineStart)
        droppedLines += 1
    }

    /// Ends the line, or takes all of it back when it did not fit.
    package mutating func end() {
        put(buffer.append(format == .json ? "}\n" : "\n"))
        guard !fits else { return }
        buffer.truncate(to: lineStart)
        droppedLines += 1
    }

    /// Adds a text.
    package mutating func field(_ name: String, _ value: String) {
        startField(name)
        put(buffer.append("\""))
        escape(value, isQuoted: true)
        put(buffer.append("\""))
    }

    /// Adds a text, unless it is empty.
    package mutating func fieldUnlessEmpty(_ name: String, _ value: String) {
        if !value.isEmpty { field(name, value) }
    }

    /// Adds a text that the caller knows to be free of blanks, quotes and controls: without quotes in text format.
    mutating func fieldUnquoted(_ name: String, _ value: String) {
        startField(name)
        if format == .json { put(buffer.append("\"")) }
        escape(value, isQuoted: true)
        if format == .json { put(buffer.append("\"")) }
    }

    /// Adds a number.
    package mutating func field(_ name: String, _ value: UInt64) {
        startField(name)
        put(buffer.append(decimal: value))
    }

    /// Adds an address and port.
    package mutating func field(_ name: String, _ value: SocketAddress) {
        startField(name)
        if format == .json { put(buffer.append("\"")) }
        put(buffer.append(value))
        if format == .json { put(buffer.append("\"")) }
    }

    /// Adds an address.
    package mutating func field(_ name: String, _ value: IPAddress) {
        startField(name)
        if format == .json { put(buffer.append("\"")) }
        put(buffer.append(value))
        if format == .json { put(buffer.append("\"")) }
    }

    /// Adds a duration in whole milliseconds: `"13ms"`.
    package mutating func field(_ name: String, _ value: Nanoseconds) {
        startField(name)
        put(buffer.append("\""))
        put(buffer.append(decimal: max(0, value.milliseconds)))
        put(buffer.append("ms\""))
    }

    /// Remembers when something found no room.
    mutating func put(_ didFit: Bool) {
        if !didFit { fits = false }
    }

    private mutating func startField(_ name: String) {
        switch format {
        case .text:
            put(buffer.append(isFirstField ? "\t" : " "))
            put(buffer.append(name))
            put(buffer.append("="))
        case .json:
            put(buffer.append(",\""))
            put(buffer.append(name))
            put(buffer.append("\":"))
        }
        isFirstField = false
    }
}
