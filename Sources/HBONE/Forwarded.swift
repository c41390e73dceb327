// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

/// The `forwarded` header of a CONNECT (RFC 7239 §4): the client's address and, for a service, its host name.
package enum Forwarded {
    /// The value for a connection of `client`, addressed to service `host` if any.
    package static func headerValue(client: SocketAddress, host: String?) -> String {
        guard let host else { return "for=\"\(client)\"" }
        return "for=\"\(client)\";host=\(host)"
    }

    /// The `host` parameter of the first element; nil when there is none or the header is not ASCII.
    ///
    /// For telemetry only, like `Baggage`.
    package static func host(parsing bytes: Span<UInt8>) -> String? {
        guard bytes.count <= 1024 else { return nil }
        for index in 0..<bytes.count where bytes[index] >= 0x80 { return nil }
        let first = String(decoding: bytes).split(separator: ",", maxSplits: 1).first ?? ""
        for parameter in first.split(separator: ";") {
            guard let equals = parameter.firstIndex(of: "=") else { continue }
            guard parameter[..<equals].lowercased().filter({ $0 != " " }) == "host" else { continue }
            var value = parameter[parameter.index(after: equals)...]
            if value.hasPrefix("\""), value.hasSuffix("\""), value.count >= 2 { value = value.dropFirst().dropLast() }
            return value.isEmpty ? nil : String(value)
        }
        return nil
    }
}
