// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

/// A request to the API server.
package struct APIRequest: Sendable {
    /// The methods of the API.
    package enum Method: String, Sendable {
        case get = "GET"
        case post = "POST"
        case put = "PUT"
        case patch = "PATCH"
        case delete = "DELETE"
    }

    /// How the content of a good answer is handed over.
    package enum Delivery: Sendable {
        /// When it is complete.
        case whole
        /// Object by object, as they come: the values of a watch, or the items of a list.
        case pieces(JSONSplitter.Shape)
    }

    /// What to do.
    package var method: Method
    /// Path and query.
    package var path: String
    /// The type of `body`; empty without one.
    package var contentType = ""
    /// What is sent.
    package var body: [UInt8] = []
    /// How the answer is handed over.
    package var delivery = Delivery.whole
    /// How long the answer may take as a whole.
    package var timeout = Nanoseconds.seconds(30)
    /// How long nothing may come.
    package var silence = Nanoseconds.seconds(30)

    /// A request without content.
    package init(_ method: Method, _ path: String) {
        self.method = method
        self.path = path
    }

    /// A request with content.
    package init(_ method: Method, _ path: String, _ contentType: String, _ body: [UInt8]) {
        self.method = method
        self.path = path
        self.contentType = contentType
        self.body = body
    }

    /// Escapes what may not stand in a value of a query (RFC 3986 §3.4).
    package static func escaped(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF")
        var result = ""
        for octet in text.utf8 {
            switch octet {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
                result.unicodeScalars.append(Unicode.Scalar(octet))
            default:
                result.append("%")
                result.append(digits[Int(octet >> 4)])
                result.append(digits[Int(octet & 15)])
            }
        }
        return result
    }
}
