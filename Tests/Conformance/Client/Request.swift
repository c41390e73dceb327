// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes

/// A request to be sent.
struct Request {
    let path: String
    /// Octets of content, `abc…` over and over; nil for GET.
    let upload: Int?
    let fields: [(name: String, value: String)]

    var method: String { upload == nil ? "GET" : "POST" }

    /// Octets `position..<position + count` of the content.
    static func content(_ position: Int, _ count: Int) -> [UInt8] {
        (position..<(position + count)).map { UInt8(0x61 + $0 % 26) }
    }

    /// Fields of request `index`: names that come again, values old and new, short and long, of all visible characters.
    static func fields(_ index: Int) -> [(name: String, value: String)] {
        var random = RandomSource(seed: UInt64(index))
        var names = (0..<20).map { "x-field-\($0)" } + ["accept", "cache-control", "authorization", "x-request-id"]
        return (0..<Int(random.next() % 10)).map { _ in
            let name = names.remove(at: Int(random.next() % UInt64(names.count)))
            let isOld = random.next() % 2 == 0
            let length = isOld ? 12 : Int(random.next() % 80)
            var source = RandomSource(seed: isOld ? random.next() % 4 : random.next())
            let octets = (0..<length).map { _ in UInt8(0x21 + source.next() % 94) }
            return (name, "<" + String(decoding: octets.span) + ">")
        }
    }
}

/// What came back.
struct Answer {
    var status = 0
    var fields: [String] = []
    var trailers: [String] = []
    var content: [UInt8] = []
    var failure: String?
    var isComplete = false
}
