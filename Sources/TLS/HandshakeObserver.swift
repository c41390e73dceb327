// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
internal import Bytes
internal import COpenSSL

/// Learns from OpenSSL's public callbacks what `RecordLayer` needs to go on where the handshake ends: the traffic
/// secrets (the key log callback) and how many records were protected with them (the message callback).
enum HandshakeObserver {
    @unsafe
    static func install(in context: OpaquePointer) {
        unsafe SSL_CTX_set_keylog_callback(context, keepSecret)
        unsafe SSL_CTX_set_msg_callback(context, countRecord)
    }

    /// The secret in a line `LABEL <client random> <secret>`, all hexadecimal.
    static func secret(in line: Span<UInt8>, label: StaticString) -> TrafficSecret? {
        let length = label.utf8CodeUnitCount
        guard line.count > length, line[length] == UInt8(ascii: " "),
            line.extracting(first: length).equals(label)
        else { return nil }
        var start = line.count
        while start > 0, line[start - 1] != UInt8(ascii: " ") { start -= 1 }
        let digits = line.count - start
        guard digits > 0, digits % 2 == 0, digits / 2 <= 48 else { return nil }
        var octets = InlineArray<48, UInt8>(repeating: 0)
        for index in 0..<(digits / 2) {
            guard let high = digit(line[start + 2 * index]), let low = digit(line[start + 2 * index + 1]) else {
                return nil
            }
            octets[index] = high << 4 | low
        }
        return TrafficSecret(octets.span.extracting(first: digits / 2))
    }

    private static func digit(_ character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): character - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}

/// Keeps the two secrets of application traffic; nothing is written anywhere.
private func keepSecret(_ ssl: OpaquePointer?, _ line: UnsafePointer<CChar>?) {
    // Safety: OpenSSL lends a C string for this call, and clears it afterwards.
    guard let ssl = unsafe ssl, let line = unsafe line, let state = unsafe MemoryBIO.state(of: ssl) else { return }
    let region = unsafe UnsafeRawBufferPointer(start: line, count: strlen(line))
    let text = unsafe Span<UInt8>(_unsafeBytes: region)
    if let secret = HandshakeObserver.secret(in: text, label: "CLIENT_TRAFFIC_SECRET_0") {
        unsafe state.pointee.clientSecret = secret
    } else if let secret = HandshakeObserver.secret(in: text, label: "SERVER_TRAFFIC_SECRET_0") {
        unsafe state.pointee.serverSecret = secret
    }
}

/// Counts records, and notices key updates.
private func countRecord(
    _ isWritten: CInt, _ version: CInt, _ type: CInt, _ bytes: UnsafeRawPointer?, _ count: Int, _ ssl: OpaquePointer?,
    _ argument: UnsafeMutableRawPointer?
) {
    guard let ssl = unsafe ssl, let state = unsafe MemoryBIO.state(of: ssl) else { return }
    if type == SSL3_RT_HEADER {
        if isWritten == 1 {
            unsafe state.pointee.recordsWritten += 1
            unsafe state.pointee.recordsWrittenSinceRead += 1
        } else {
            unsafe state.pointee.recordsRead += 1
            unsafe state.pointee.recordsWrittenSinceRead = 0
        }
    } else if type == SSL3_RT_HANDSHAKE, count > 0, let bytes = unsafe bytes {
        // Safety: OpenSSL lends `count` octets of the message.
        if unsafe bytes.load(as: UInt8.self) == 24 { unsafe state.pointee.hasKeyUpdate = true }
    }
}
