// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// Whom a TLS connection is meant for: the `server_name` of its ClientHello (RFC 8446 §4.1.2, RFC 6066 §3).
///
/// Only looked at, never changed. The ClientHello may come in any number of records (RFC 8446 §5.1).
enum ServerName: Equatable {
    /// What has come so far is the beginning of a ClientHello, and at least so many octets are missing.
    case needsMore(Int)
    /// No ClientHello, or one without a name.
    case absent
    /// The name, as it was written.
    case name([UInt8])

    /// Octets that are looked at, headers of records included; usual ClientHellos have 200 to 2,000.
    static let limit = 16_384

    /// Looks at the first octets of a connection.
    init(_ bytes: Span<UInt8>) {
        let bytes = bytes.extracting(first: min(bytes.count, Self.limit))
        var message = Message()
        switch message.collect(bytes) {
        case .some(let answer):
            self = answer
            if case .needsMore(let count) = answer, bytes.count + count > Self.limit { self = .absent }
        case nil:
            let octets = message.octets
            var reader = Reader(end: message.length)
            if let name = reader.name(in: octets.span) { self = .name(name) } else { self = .absent }
        }
    }

    /// The handshake message that the first records hold, put together.
    private struct Message {
        var octets: [UInt8] = []
        /// Octets of the message with its header, as far as that has come.
        var length = 4

        /// Takes records until the message is complete: nil then, else the answer.
        mutating func collect(_ bytes: Span<UInt8>) -> ServerName? {
            var position = 0
            while octets.count < length {
                // ContentType handshake, version 3.x; what cannot become one is known after the first octet.
                if position < bytes.count, bytes[position] != 22 { return .absent }
                if position + 1 < bytes.count, bytes[position + 1] != 3 { return .absent }
                guard position + 5 <= bytes.count else {
                    return .needsMore(position + 5 - bytes.count + length - octets.count)
                }
                let size = Int(bytes[position + 3]) << 8 | Int(bytes[position + 4])
                // A handshake has no empty records, and no record more than 2^14 octets (RFC 8446 §5.1).
                guard size > 0, size <= 16_384 else { return .absent }
                position += 5
                let taken = min(size, bytes.count - position)
                octets.append(copying: bytes.extracting(position..<position + taken))
                position += taken
                if let first = octets.first, first != 1 { return .absent }
                if octets.count >= 4 {
                    length = 4 + (Int(octets[1]) << 16 | Int(octets[2]) << 8 | Int(octets[3]))
                    if length > ServerName.limit { return .absent }
                }
                if taken < size, octets.count < length { return .needsMore(length - octets.count) }
            }
            return nil
        }
    }

    /// A position in the message that never leaves the structure it is in; nil from any read: malformed, or no name.
    private struct Reader {
        private var position = 4
        private let end: Int

        init(end: Int) { self.end = end }

        /// The name of a complete ClientHello.
        mutating func name(in bytes: Span<UInt8>) -> [UInt8]? {
            position += 2 + 32  // legacy_version, random
            guard skip(bytes, 1), skip(bytes, 2), skip(bytes, 1), let length = number(bytes, 2),
                position + length <= end
            else { return nil }
            let last = position + length
            while position + 4 <= last {
                guard let type = number(bytes, 2), let size = number(bytes, 2), position + size <= last else {
                    return nil
                }
                if type == 0 { return hostName(in: bytes, position + size) }
                position += size
            }
            return nil
        }

        /// The first host_name of a ServerNameList.
        private mutating func hostName(in bytes: Span<UInt8>, _ last: Int) -> [UInt8]? {
            guard number(bytes, 2) != nil, number(bytes, 1) == 0, let length = number(bytes, 2), length > 0,
                position + length <= last
            else { return nil }
            return [UInt8](copying: bytes.extracting(position..<position + length))
        }

        /// Passes over a vector whose length stands in `width` octets in front of it.
        private mutating func skip(_ bytes: Span<UInt8>, _ width: Int) -> Bool {
            guard let length = number(bytes, width) else { return false }
            position += length
            return position <= end
        }

        private mutating func number(_ bytes: Span<UInt8>, _ width: Int) -> Int? {
            guard position + width <= end else { return nil }
            var value = 0
            for _ in 0..<width {
                value = value << 8 | Int(bytes[position])
                position += 1
            }
            return value
        }
    }
}
