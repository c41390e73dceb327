// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// Whom a TLS connection is meant for: the `server_name` of its ClientHello (RFC 8446 §4.1.2, RFC 6066 §3).
///
/// Only looked at, never changed; the ClientHello has to come in one record, as every TLS library sends it.
enum ServerName: Equatable {
    /// What has come so far is the beginning of a ClientHello.
    case needsMore
    /// No ClientHello, or one without a name.
    case absent
    /// Where the name stands in the octets.
    case name(Range<Int>)

    /// Looks at the first octets of a connection.
    init(_ bytes: Span<UInt8>) {
        var reader = Reader(count: bytes.count)
        switch reader.find(in: bytes) {
        case .some(let found): self = found
        case nil: self = .needsMore
        }
    }

    /// A position that never leaves the structure it is in; nil from any read: more octets are needed.
    private struct Reader {
        private var position = 0
        /// Where the octets end that have come.
        private let available: Int

        init(count: Int) { available = count }

        mutating func find(in bytes: Span<UInt8>) -> ServerName? {
            // ContentType handshake, version 3.x; what cannot become one is known after the first octet.
            guard let type = byte(bytes) else { return nil }
            guard type == 22 else { return ServerName.absent }
            guard let major = byte(bytes) else { return nil }
            guard major == 3 else { return ServerName.absent }
            guard byte(bytes) != nil, let recordLength = number(bytes, 2) else { return nil }
            let recordEnd = position + recordLength
            guard let message = byte(bytes) else { return nil }
            guard message == 1 else { return ServerName.absent }
            guard let helloLength = number(bytes, 3) else { return nil }
            let end = position + helloLength
            guard end <= recordEnd else { return ServerName.absent }
            guard end <= available else { return nil }
            return extensions(in: bytes, end) ?? ServerName.absent
        }

        /// Everything is there: nil means that it is malformed, or that there is no name.
        private mutating func extensions(in bytes: Span<UInt8>, _ end: Int) -> ServerName? {
            position += 2 + 32  // legacy_version, random
            guard skip(bytes, 1, end), skip(bytes, 2, end), skip(bytes, 1, end), let length = number(bytes, 2),
                position + length <= end
            else { return nil }
            let last = position + length
            while position + 4 <= last {
                guard let type = number(bytes, 2), let size = number(bytes, 2), position + size <= last else {
                    return nil
                }
                if type == 0 { return name(in: bytes, position + size) }
                position += size
            }
            return nil
        }

        /// The first host_name of a ServerNameList.
        private mutating func name(in bytes: Span<UInt8>, _ end: Int) -> ServerName? {
            guard number(bytes, 2) != nil, position < end, byte(bytes) == 0, let length = number(bytes, 2), length > 0,
                position + length <= end
            else { return nil }
            return .name(position..<position + length)
        }

        /// Passes over a vector whose length stands in `width` octets in front of it.
        private mutating func skip(_ bytes: Span<UInt8>, _ width: Int, _ end: Int) -> Bool {
            guard position < end, let length = number(bytes, width) else { return false }
            position += length
            return position <= end
        }

        private mutating func byte(_ bytes: Span<UInt8>) -> UInt8? {
            guard position < available else { return nil }
            defer { position += 1 }
            return bytes[position]
        }

        private mutating func number(_ bytes: Span<UInt8>, _ width: Int) -> Int? {
            guard position + width <= available else { return nil }
            var value = 0
            for _ in 0..<width {
                value = value << 8 | Int(bytes[position])
                position += 1
            }
            return value
        }
    }
}
