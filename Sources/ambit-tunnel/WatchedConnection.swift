// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Console
internal import LinuxIO
internal import Manifest

/// One row of the table of connections, as the command line shows it.
struct WatchedConnection {
    let id: String
    let workload: String
    let direction: String
    let source: String
    let destination: String
    let via: String
    let peer: String
    let tunnelProtocol: String
    let state: String
    let age: String
    let sent: Int64
    let received: Int64

    init(_ row: YAMLNode) {
        func text(_ member: String) -> String { row[member]?.text ?? "" }
        id = text("id")
        workload = text("namespace").isEmpty ? text("workload") : "\(text("namespace"))/\(text("workload"))"
        direction = text("direction")
        source = text("src")
        destination = text("originalDst")
        via = text("actualDst") == destination ? "" : text("actualDst")
        peer = text("peerIdentity").isEmpty ? text("peer") : text("peerIdentity")
        tunnelProtocol = text("protocol")
        state = text("state")
        age = Quantity.text(.seconds((Int64(text("ageMilliseconds")) ?? 0) / 1_000))
        sent = Int64(text("bytesSent")) ?? 0
        received = Int64(text("bytesReceived")) ?? 0
    }

    /// A line of the live view.
    func line(_ event: String) -> String {
        row(event, event == "open" ? "" : "sent \(Self.bytes(sent)) received \(Self.bytes(received)) in \(age)")
    }

    /// A line about the bytes that moved since `before`; nil when none did.
    func moved(since before: WatchedConnection, in interval: Nanoseconds) -> String? {
        let (out, back) = (sent - before.sent, received - before.received)
        guard out > 0 || back > 0 else { return nil }
        func rate(_ bytes: Int64) -> String {
            Self.bytes(Int64(Double(bytes) * 1_000_000_000 / Double(interval.count))) + "/s"
        }
        return row("data", "sent \(rate(out)) received \(rate(back))")
    }

    private func row(_ event: String, _ rest: String) -> String {
        var time = ByteBuffer(capacity: 32)
        time.append(rfc3339: WallClock.now())
        var table = TextTable([
            String(String(decoding: time.readable).prefix(19)) + "Z", event.count < 5 ? event + " " : event, workload,
            direction,
        ])
        table.add([])
        let head = String(table.text.prefix { !$0.isNewline })
        let route = "\(source) -> \(destination)" + (via.isEmpty ? "" : " via \(via)")
        return Self.plain("\(head)   \(route)   \(tunnelProtocol)" + (rest.isEmpty ? "" : "   \(rest)")) + "\n"
    }

    /// `1.5Mi` and the like.
    static func bytes(_ count: Int64) -> String {
        var value = Double(count)
        for unit in ["", "Ki", "Mi", "Gi"] {
            if value < 1_024 {
                let tenths = Int64((value * 10).rounded())
                return unit.isEmpty || tenths >= 1_000
                    ? "\(tenths / 10)\(unit)" : "\(tenths / 10).\(tenths % 10)\(unit)"
            }
            value /= 1_024
        }
        return "\(Int64(value))Ti"
    }

    private static func plain(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 32 || $0.value == 127 ? "?" : $0 }))
    }
}
