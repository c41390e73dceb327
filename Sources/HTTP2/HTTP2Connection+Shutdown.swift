// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

/// How far both sides are in taking leave (RFC 9113 §6.8).
struct ShutdownState {
    enum Phase: UInt8 {
        case running
        /// GOAWAY with 2³¹-1 is out; waiting for the PING behind it.
        case announced
        /// GOAWAY with the real last stream is out.
        case final
    }

    var phase = Phase.running
    /// When `announced` ends without the PING.
    var deadline = MonotonicTime.distantFuture
    /// From the peer's GOAWAY.
    var peerLastStreamID: StreamID?
    /// Slot at which to go on looking for streams the peer has not taken.
    var sweepPosition: Int?

    var refusesNewStreams: Bool { phase == .final }
    var refusesLocalStreams: Bool { phase != .running || peerLastStreamID != nil }
}

extension HTTP2Connection {
    /// Payload of the PING that follows the first GOAWAY.
    static var drainPing: UInt64 { 0x616D_6269_7464_726E }

    /// Whether nothing is left to do: we or the peer said GOAWAY and no stream is open.
    package var isDrained: Bool {
        (shutdown.phase == .final || shutdown.peerLastStreamID != nil) && activeStreamCount == 0
    }

    /// Whether new streams are refused, by us or by the peer.
    package var isDraining: Bool { shutdown.refusesLocalStreams }

    /// Begins a graceful end: GOAWAY with 2³¹-1 first, and the real last stream one round trip later (RFC 9113 §6.8).
    package mutating func beginDrain(now: MonotonicTime) {
        guard shutdown.phase == .running, failure == nil else { return }
        guard role == .server else {
            shutdown.phase = .final
            queueGoAway(last: .connection, code: .noError)
            return
        }
        shutdown.phase = .announced
        shutdown.deadline = now + configuration.drainRoundTrip
        queueGoAway(last: .maximum, code: .noError)
        queuePing(Self.drainPing)
    }

    /// The second step of a drain.
    mutating func finishDrain() {
        guard shutdown.phase == .announced else { return }
        shutdown.phase = .final
        shutdown.deadline = .distantFuture
        queueGoAway(last: StreamID(highestPeerID), code: .noError)
    }

    /// Ends the connection at once: GOAWAY with `code` goes to the pending output; `receive` throws from now on.
    package mutating func closeNow(_ code: HTTP2ErrorCode) {
        guard failure == nil else { return }
        failure = .closedLocally
        queueGoAway(last: StreamID(highestPeerID), code: code)
    }

    mutating func queueGoAway(last: StreamID, code: HTTP2ErrorCode) {
        output.append(FrameHeader(length: 8, type: .goAway, flags: 0, streamID: .connection))
        output.append(last.rawValue)
        output.append(code.rawValue)
    }

    mutating func queuePing(_ payload: UInt64) {
        keepalive.unanswered += 1
        output.append(FrameHeader(length: 8, type: .ping, flags: 0, streamID: .connection))
        output.append(UInt32(truncatingIfNeeded: payload >> 32))
        output.append(UInt32(truncatingIfNeeded: payload))
    }

    /// The next stream of ours that the peer's GOAWAY left out (RFC 9113 §6.8); it can be tried again elsewhere.
    mutating func nextRefusedStream() -> HTTP2Event? {
        guard var position = shutdown.sweepPosition, let last = shutdown.peerLastStreamID else { return nil }
        while position < streams.count {
            let stream = streams[position]
            position += 1
            guard stream.state != .free, stream.state != .released, !stream.flags.contains(.isRemote), stream.id > last
            else { continue }
            shutdown.sweepPosition = position
            let slot = UInt32(position - 1)
            release(slot, .resetByUs)
            return .reset(StreamHandle(index: slot, id: stream.id), code: .refusedStream, by: .peer)
        }
        shutdown.sweepPosition = nil
        return nil
    }
}
