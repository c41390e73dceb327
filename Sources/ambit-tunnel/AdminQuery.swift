// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Console
internal import Manifest
internal import Telemetry

/// The options of the commands that ask a running tunnel, and the asking.
struct AdminQuery {
    /// How an answer is shown.
    enum Form: String, CaseIterable {
        case table
        case json
    }

    var address = SocketAddress(ip: .loopbackV4, port: 15_000)
    var form = Form.table
    var namespace = ""
    var isWatching = false
    var interval = Nanoseconds.seconds(1)
    var levels = ""
    var isReset = false

    /// The options that all of these commands have.
    static var options: [Option<AdminQuery>] {
        [
            Option(
                "admin", "HOST:PORT", \.address, "Admin port of the tunnel to ask.",
                expected: "an address and port; write for example 127.0.0.1:15000", show: { $0.description },
                read: { SocketAddress($0) }
            ).from("AMBIT_ADMIN"),
            .choice("output", \.form, "Lined-up columns, or JSON for programs.").orLetter("o"),
        ]
    }

    /// The option of commands whose rows have a namespace.
    static var namespaceOption: Option<AdminQuery> {
        .text("namespace", "NAME", \.namespace, "Only this namespace.").orLetter("n")
    }

    /// What the tunnel answers at `path`, of the namespace asked for.
    func body(_ path: String) throws(AdminClientError) -> [UInt8] {
        let query = namespace.isEmpty ? "" : "?namespace=\(Self.percentEncode(namespace))"
        return try AdminClient.ask(address, path + query)
    }

    /// The rows of the JSON array at `path`.
    func rows(_ path: String) throws -> [YAMLNode] {
        try Self.parse(body(path)).map { Array($0.elements) } ?? []
    }

    /// Reads an answer of our own, which may be larger than a manifest.
    static func parse(_ bytes: [UInt8]) throws(ManifestError) -> YAMLNode? {
        guard !bytes.isEmpty else { return nil }
        var limits = YAMLLimits()
        limits.fileBytes = 1 << 30
        limits.nodes = 1 << 28
        limits.expandedNodes = 1 << 28
        return try YAMLDocument.parse(json: bytes, limits: limits).root
    }

    /// RFC 3986 §2.1: all but unreserved characters.
    static func percentEncode(_ text: String) -> String {
        var result = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
                result.unicodeScalars.append(UnicodeScalar(byte))
            default: result += (byte < 16 ? "%0" : "%") + String(byte, radix: 16, uppercase: true)
            }
        }
        return result
    }
}
