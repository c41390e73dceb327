// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// The answer to one request.
package struct AdminResponse: Sendable {
    /// The HTTP status.
    package var status: Int
    /// The `Content-Type`.
    package var contentType: String
    /// The body.
    package var body: [UInt8]

    /// An answer with a body of any type.
    package init(status: Int = 200, contentType: String, body: [UInt8]) {
        self.status = status
        self.contentType = contentType
        self.body = body
    }

    /// An answer in plain text.
    package static func text(_ text: String, status: Int = 200) -> AdminResponse {
        AdminResponse(status: status, contentType: "text/plain; charset=utf-8", body: Array(text.utf8))
    }

    /// An answer in JSON.
    package static func json(_ write: (inout JSONWriter) -> Void) -> AdminResponse {
        var json = JSONWriter()
        write(&json)
        return AdminResponse(contentType: "application/json", body: json.bytes + [UInt8(ascii: "\n")])
    }

    /// The bytes on the wire in front of the body; the connection ends after it.
    var head: [UInt8] {
        var bytes = Array("HTTP/1.1 \(status) \(Self.reason(status))\r\n".utf8)
        bytes += "Content-Type: \(contentType)\r\nContent-Length: \(body.count)\r\n".utf8
        bytes += "Connection: close\r\nX-Content-Type-Options: nosniff\r\n\r\n".utf8
        return bytes
    }

    private static func reason(_ status: Int) -> String {
        switch status {
        case 200: "OK"
        case 400: "Bad Request"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 408: "Request Timeout"
        case 413: "Content Too Large"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 503: "Service Unavailable"
        default: "Status"
        }
    }
}
