// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// A certificate that the tunnel holds.
package struct CertificateRow: AdminRow {
    /// The SPIFFE ID, or the trust domain's for a root.
    package var identity = ""
    /// `Leaf` or `Root`.
    package var kind = ""
    /// `Available`, or what is wrong.
    package var status = ""
    /// The serial number in hexadecimal.
    package var serialNumber = ""
    /// Start of validity, in seconds since 1970.
    package var notBeforeUnixSeconds: Int64 = 0
    /// End of validity, in seconds since 1970.
    package var notAfterUnixSeconds: Int64 = 0
    /// What an operator should know of it: that its renewal fails, for example.
    package var notes: [String] = []

    /// An empty row.
    package init() {}

    package var chosenBy: String? { nil }

    package func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("identity", identity)
            json.member("type", kind)
            json.member("state", status)
            json.member("serialNumber", serialNumber)
            json.member("validFrom", Self.text(notBeforeUnixSeconds))
            json.member("expirationTime", Self.text(notAfterUnixSeconds))
            json.member("notes", notes)
        }
    }

    /// RFC 3339 in whole seconds.
    private static func text(_ unixSeconds: Int64) -> String {
        var buffer = ByteBuffer(capacity: 32)
        let (nanoseconds, overflow) = unixSeconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow, buffer.append(rfc3339: nanoseconds) else { return "" }
        return String(String(decoding: buffer.readable).prefix(19)) + "Z"
    }
}
