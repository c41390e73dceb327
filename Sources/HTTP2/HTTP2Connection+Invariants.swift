// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

extension HTTP2Connection {
    /// Looks over the whole state; for tests, since it takes time in proportion to the streams.
    ///
    /// - Returns: what is wrong, or nil.
    func violatedInvariant() -> String? {
        var local = 0
        var remote = 0
        var known = 0
        var unconsumed: Int64 = 0
        for index in streams.indices {
            let stream = streams[index]
            switch stream.state {
            case .free, .released: continue
            case .open, .halfClosedLocal, .halfClosedRemote, .idle:
                if stream.flags.contains(.isRemote) { remote += 1 } else { local += 1 }
            case .closed: if stream.unconsumed == 0 { return "stream \(stream.id) lingers without octets" }
            }
            known += 1
            unconsumed += Int64(stream.unconsumed)
            if table.find(stream.id) != UInt32(index) { return "stream \(stream.id) is not in the table" }
            if stream.unconsumed < 0 || stream.pendingCredit < 0 { return "stream \(stream.id) has a negative count" }
            if let text = violatedWindow(stream) { return text }
        }
        if local != activeLocal { return "\(local) local streams, counted \(activeLocal)" }
        if remote != activeRemote { return "\(remote) remote streams, counted \(activeRemote)" }
        if known != table.count { return "\(known) streams, \(table.count) in the table" }
        // What is left of a DATA frame is in no count yet; its padding is credited with its pad length.
        let arriving = isInData ? Int64(parser.remaining) : 0
        let granted = Int64(receiveWindow) + Int64(pendingCredit) + unconsumed + arriving
        if granted != Int64(connectionTarget), failure == nil {
            return "connection window: \(granted) accounted for, \(connectionTarget) granted"
        }
        if sendWindow < 0 { return "negative connection window" }
        return nil
    }

    private var isInData: Bool {
        parser.frame.type == .data && (parser.phase == .padLength || parser.phase == .data)
    }

    private func violatedWindow(_ stream: HTTP2Stream) -> String? {
        guard stream.canReceive, areSettingsInForce else { return nil }
        var granted = Int64(stream.receiveWindow) + Int64(stream.pendingCredit) + Int64(stream.unconsumed)
        if isInData, parser.dataStream?.id == stream.id { granted += Int64(parser.remaining) }
        return granted == Int64(streamTarget)
            ? nil : "stream \(stream.id) window: \(granted) accounted for, \(streamTarget) granted"
    }
}

extension HTTP2Connection {
    /// Bytes this connection holds, its own and those of its arrays; for tests and the admin port.
    package var memoryBytes: Int {
        MemoryLayout<HTTP2Connection>.size + streams.capacity * MemoryLayout<HTTP2Stream>.stride + table.memoryBytes
            + parser.partial.capacity + block.bytes.capacity + fields.bytes.capacity
            + fields.entries.capacity * MemoryLayout<HTTP2Fields.Entry>.stride + output.bytes.capacity
            + decoder.memoryBytes + encoder.memoryBytes
    }
}
