// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HTTP2
internal import LinuxIO

/// An ordered stream of bytes each way with an end each way: a socket of its own, or one CONNECT stream of a carrier.
///
/// It owns what waits to be written, and the HTTP/2 machine where the bytes are HTTP/2 frames. What is above it appends and
/// marks; the pump at the end of a turn writes. See docs/waypoint.md for the two directions of back-pressure.
struct Pipe: ~Copyable {
    struct Flags: OptionSet {
        let rawValue: UInt16

        /// The socket may have bytes for us.
        static let readable = Flags(rawValue: 1 << 0)
        /// The socket takes bytes, as far as we know.
        static let writable = Flags(rawValue: 1 << 1)
        /// FIN has arrived at the socket, perhaps behind bytes.
        static let peerFinished = Flags(rawValue: 1 << 2)
        /// Nothing is to be read now: whoever takes the bytes is slow.
        static let paused = Flags(rawValue: 1 << 3)
        /// The end of what comes has been taken.
        static let readClosed = Flags(rawValue: 1 << 4)
        /// Ends when everything is written.
        static let finishing = Flags(rawValue: 1 << 5)
        /// Our end is written.
        static let finished = Flags(rawValue: 1 << 6)
        /// In the worker's list of pipes to write.
        static let isDirty = Flags(rawValue: 1 << 7)
        /// In the carrier's list of pipes that have payload.
        static let isQueued = Flags(rawValue: 1 << 8)
        /// Writers have stopped because too much waits; they are told when it is little.
        static let congested = Flags(rawValue: 1 << 9)
        /// The connect is under way.
        static let connecting = Flags(rawValue: 1 << 10)
        /// The stream is over or was never opened: nothing is to be told to the carrier.
        static let streamClosed = Flags(rawValue: 1 << 11)
    }

    /// Bytes that may wait before writers are asked to stop.
    static let highMark = 65_536
    /// Bytes below which they may go on.
    static let lowMark = 16_384

    /// The socket; nil for a stream of a carrier.
    var socket: OwnedDescriptor?
    /// The carrier, and its stream once there is one.
    var carrier: Carrier.Key?
    var stream: StreamHandle?
    var flags: Flags
    /// What waits to be written.
    var out = BufferQueue()
    /// Octets of the carrier's stream that were taken and not announced while reading was paused.
    var uncredited = 0
    /// How it ends, where it leads from one worker to another.
    var handed: HandedStream?
    /// The frames' machine, where HTTP/2 is spoken.
    var http2: HTTP2Connection?

    init(socket: consuming OwnedDescriptor, flags: Flags) {
        self.socket = consume socket
        self.flags = flags
    }

    init(carrier: Carrier.Key, stream: StreamHandle?) {
        socket = nil
        self.carrier = carrier
        self.stream = stream
        flags = []
    }

    /// The socket's number; -1 for a stream.
    var fd: CInt {
        switch socket {
        case .some(let socket): socket.rawValue
        case nil: -1
        }
    }

    /// Whether the worker at the other end has broken it off.
    var isAborted: Bool { handed?.isAborted ?? false }

    /// Whether writers should stop until it is drained.
    var isFull: Bool { out.count >= Self.highMark }

    /// Puts bytes behind those that wait.
    ///
    /// - Returns: false when the worker's memory ceiling is reached.
    mutating func write(_ bytes: Span<UInt8>, _ blocks: inout BufferPool) -> Bool {
        out.append(copying: bytes, in: &blocks)
    }

    /// Moves a message that was written into a scratch buffer to those bytes that wait, and empties the buffer.
    mutating func write(message text: inout ByteBuffer, _ blocks: inout BufferPool) -> Bool {
        let fits = Self.append(text, &out, &blocks)
        text.clear()
        return fits
    }

    private static func append(
        _ text: borrowing ByteBuffer, _ out: inout BufferQueue, _ blocks: inout BufferPool
    ) -> Bool {
        out.append(copying: text.readable, in: &blocks)
    }

    /// Moves HTTP/2 frames that wait in the machine (HEADERS, WINDOW_UPDATE, ...) to the bytes that wait.
    mutating func drainHTTP2(_ text: inout ByteBuffer, _ blocks: inout BufferPool) -> Bool {
        while http2?.hasPendingOutput == true {
            text.clear()
            _ = http2?.drainPending(into: &text)
            guard write(message: &text, &blocks) else { return false }
        }
        return true
    }

    /// Frames octets as DATA as far as windows and the high mark let it.
    ///
    /// - Returns: how many octets were taken; nil when the memory ceiling is reached. When less than all were taken, the
    ///   stream is in the queue of `nextSendableStream`, or its window is closed and an event will tell.
    mutating func sendData(
        _ stream: StreamHandle, _ bytes: Span<UInt8>, isEnd: Bool, _ text: inout ByteBuffer, _ blocks: inout BufferPool
    ) -> Int? {
        guard drainHTTP2(&text, &blocks) else { return nil }
        var offset = 0
        while offset < bytes.count {
            if isFull {
                flags.insert(.congested)
                http2?.scheduleSend(stream)
                break
            }
            let window = http2?.sendableBytes(stream) ?? 0
            guard window > 0 else { break }
            let count = min(window, bytes.count - offset)
            var octets = InlineArray<9, UInt8>(repeating: 0)
            var header = octets.mutableSpan
            let isLast = isEnd && offset + count == bytes.count
            http2?.commitData(stream, count: count, isEndStream: isLast, header: &header)
            guard write(octets.span, &blocks), write(bytes.extracting(offset..<offset + count), &blocks) else {
                return nil
            }
            offset += count
        }
        return offset
    }

    /// Gives blocks back; the pipe is dropped next.
    mutating func releaseBlocks(_ blocks: inout BufferPool) {
        out.removeAll(in: &blocks)
    }
}
