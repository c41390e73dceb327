// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

extension HTTP2Connection {
    /// Reports received octets as taken out of memory; grants the peer as many again, in large steps.
    ///
    /// A stale handle is ignored: when a stream is reset, its octets count as consumed.
    package mutating func consumed(_ stream: StreamHandle, count: Int) {
        guard isLive(stream), count > 0 else { return }
        let index = Int(stream.index)
        precondition(count <= Int(streams[index].unconsumed), "consumed more than was received")
        streams[index].unconsumed -= Int32(count)
        pendingCredit += Int32(count)
        announceConnectionCredit()
        if streams[index].state == .closed {
            if streams[index].unconsumed == 0 { release(stream.index, .ended) }
            return
        }
        streams[index].pendingCredit += Int32(count)
        announceStreamCredit(index)
    }

    /// Grants a stream what it has consumed, once that is half of its window.
    mutating func announceStreamCredit(_ index: Int) {
        let credit = streams[index].pendingCredit
        guard credit >= streamTarget / 2, credit > 0, streams[index].canReceive, failure == nil else { return }
        streams[index].receiveWindow += credit
        streams[index].pendingCredit = 0
        queueWindowUpdate(streams[index].id, UInt32(credit))
    }

    /// Grants the connection what was consumed, once that is half of its window.
    mutating func announceConnectionCredit() {
        guard pendingCredit >= connectionTarget / 2, failure == nil else { return }
        receiveWindow += pendingCredit
        queueWindowUpdate(.connection, UInt32(pendingCredit))
        pendingCredit = 0
    }

    mutating func queueWindowUpdate(_ id: StreamID, _ increment: UInt32) {
        output.append(FrameHeader(length: 4, type: .windowUpdate, flags: 0, streamID: id))
        output.append(increment)
    }

    /// SETTINGS_INITIAL_WINDOW_SIZE changes all streams by the difference, below zero too (RFC 9113 §6.9.2).
    ///
    /// Streams that could not send and can now are queued, and the next call of `receive` reports it.
    mutating func applyInitialWindow(_ size: Int32) throws(HTTP2Error) {
        let difference = Int64(size) - Int64(peer.initialWindowSize)
        peer.initialWindowSize = size
        for index in streams.indices where streams[index].state != .free && streams[index].state != .released {
            let sum = Int64(streams[index].sendWindow) + difference
            guard sum <= 0x7FFF_FFFF else { throw .windowSettingTooLarge }
            streams[index].sendWindow = Int32(sum)
            if sum > 0, streams[index].flags.contains(.isBlocked) {
                streams[index].flags.remove(.isBlocked)
                ready.append(UInt32(index), in: &streams)
                hasUnreportedOpening = true
            }
        }
    }

    /// Octets of DATA that `commitData` may send now: both windows and the peer's frame size (RFC 9113 §6.9.1).
    ///
    /// 0 means blocked and is remembered: `.sendWindowOpened` or `.connectionWindowOpened` will follow.
    package mutating func sendableBytes(_ stream: StreamHandle) -> Int {
        guard isLive(stream), failure == nil else { return 0 }
        let index = Int(stream.index)
        guard streams[index].canSend else { return 0 }
        let window = streams[index].sendWindow
        guard window > 0, sendWindow > 0 else {
            if window <= 0 {
                streams[index].flags.insert(.isBlocked)
            } else {
                ready.append(stream.index, in: &streams)
            }
            if configuration.sendStallTimeout.count > 0, stallScan == .distantFuture {
                stallScan = now + configuration.sendStallTimeout
            }
            return 0
        }
        return Int(min(window, sendWindow, Int32(peer.maxFrameSize)))
    }

    /// The next stream that was blocked and can send now, most urgent first; nil when there is none.
    package mutating func nextSendableStream() -> StreamHandle? {
        guard sendWindow > 0, failure == nil, let slot = ready.popFirst(in: &streams) else { return nil }
        return StreamHandle(index: slot, id: streams[Int(slot)].id)
    }

    /// Puts a stream that has more to send back into the queue of `nextSendableStream`.
    ///
    /// Streams of one urgency take turns, unless the peer wants them one after the other (RFC 9218 §10).
    package mutating func scheduleSend(_ stream: StreamHandle) {
        guard isLive(stream), streams[Int(stream.index)].canSend else { return }
        ready.enqueue(stream.index, isReturning: true, in: &streams)
    }
}
