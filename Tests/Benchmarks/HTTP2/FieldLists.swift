// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import CNghttp2

/// Field lists of one kind of traffic, held so that both libraries read the same octets without preparation.
struct FieldLists {
    let title: String
    let octets: [UInt8]
    let fields: [FieldRange]
    /// Where each list is in `fields`.
    let bounds: [Range<Int>]
    /// The same fields as libnghttp2 wants them; lives as long as the program.
    let native: [UnsafeMutableBufferPointer<nghttp2_nv>]

    init(_ title: String, _ lists: [[(String, String)]]) {
        self.title = title
        var octets: [UInt8] = []
        func place(_ text: String) -> Range<Int> {
            let start = octets.count
            octets += Array(text.utf8)
            return start..<octets.count
        }
        let placed = lists.map { list in list.map { FieldRange(name: place($0.0), value: place($0.1)) } }
        let storage = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: octets.count)
        _ = storage.initialize(from: octets)
        guard let first = storage.baseAddress else { preconditionFailure("no octets") }
        native = placed.map { list in
            let fields = UnsafeMutableBufferPointer<nghttp2_nv>.allocate(capacity: list.count)
            for (index, field) in list.enumerated() {
                fields[index] = nghttp2_nv(
                    name: first + field.name.lowerBound,
                    value: first + field.value.lowerBound,
                    namelen: field.name.count, valuelen: field.value.count, flags: 0)
            }
            return fields
        }
        self.octets = octets
        fields = placed.flatMap { $0 }
        var start = 0
        bounds = placed.map { list in
            defer { start += list.count }
            return start..<(start + list.count)
        }
    }

    static func request(_ index: Int) -> [(String, String)] {
        [
            (":method", "POST"), (":scheme", "http"), (":path", "/grpc.health.v1.Health/Check"),
            (":authority", "reviews.default.svc.cluster.local:9080"), ("te", "trailers"),
            ("content-type", "application/grpc"), ("user-agent", "grpc-go/1.64.0"),
            ("grpc-accept-encoding", "gzip"), ("x-request-id", "5f0c6d8a-3c39-4a2e-9c0a-1d2f3e4a\(index + 4096)"),
        ]
    }

    /// The same call again and again, with a new request identifier each time.
    static var rpc: FieldLists {
        FieldLists("RPC request, 9 fields, identifier new", (0..<256).map(request))
    }

    /// What a node tunnel sends: CONNECT to one destination after another.
    static var connect: FieldLists {
        FieldLists(
            "HBONE request, 3 fields, trace new",
            (0..<256).map { index in
                [
                    (":method", "CONNECT"), (":authority", "10.244.\(index % 4).\(index % 8):8080"),
                    ("traceparent", "00-80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d8\(index + 4096)-01"),
                ]
            })
    }

    /// What a browser sends for one page after another.
    static var browser: FieldLists {
        FieldLists(
            "browser request, 15 fields, path and trace new",
            (0..<256).map { index in
                [
                    (":method", "GET"), (":scheme", "https"), (":authority", "shop.example.com"),
                    (":path", "/products/\(index * 7919 % 1000)/reviews?page=\(index)"),
                    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
                    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
                    ("accept-language", "en-US,en;q=0.5"), ("accept-encoding", "gzip, deflate, br, zstd"),
                    ("cookie", "session=8c1f0a5e6b7d4c3f9e2a"), ("sec-fetch-dest", "document"),
                    ("sec-fetch-mode", "navigate"), ("sec-fetch-site", "same-origin"),
                    ("upgrade-insecure-requests", "1"),
                    ("x-forwarded-for", "10.244.1.\(index % 200)"), ("x-b3-traceid", "80f198ee56343ba8\(index + 4096)"),
                ]
            })
    }

    /// What a server answers, with a new date and entity tag now and then.
    static var response: FieldLists {
        FieldLists(
            "response, 10 fields, length and entity tag new",
            (0..<256).map { index in
                [
                    (":status", "200"), ("content-type", "application/json; charset=utf-8"),
                    ("content-length", "\(1000 + index * 31 % 5000)"),
                    ("etag", "W/\"\(index * 48271 % 65536)-abcdef\""),
                    ("date", "Sat, 21 Nov 2026 09:\(10 + index / 64):00 GMT"), ("cache-control", "private, max-age=0"),
                    ("vary", "accept-encoding"), ("server", "istio-envoy"),
                    ("x-envoy-upstream-service-time", "\(index % 20)"),
                    ("strict-transport-security", "max-age=31536000; includeSubDomains"),
                ]
            })
    }

    /// Nothing comes twice: literals in Huffman code.
    static var fresh: FieldLists {
        FieldLists(
            "8 fields, all values new",
            (0..<256).map { index in
                var random = RandomSource(seed: UInt64(index))
                return (0..<8).map { field in
                    let value = (0..<30).map { _ in
                        Character(UnicodeScalar(UInt8.random(in: 0x61...0x7A, using: &random)))
                    }
                    return ("x-field-\(field)", String(value))
                }
            })
    }

    static var all: [FieldLists] { [connect, rpc, browser, response, fresh] }
}
