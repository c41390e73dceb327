// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

extension LogLines {
    /// Appends the line of one request: Istio's default text format, or JSON with Istio's keys.
    package mutating func append(_ record: RequestRecord) {
        beginRaw()
        switch format {
        case .text: appendText(record)
        case .json: appendJSON(record)
        }
    }

    private mutating func appendText(_ record: RequestRecord) {
        put(buffer.append("["))
        appendTime(record.startTime)
        put(buffer.append("] \""))
        raw(record.method)
        raw(record.path, before: " ")
        raw(record.protocolName, before: " ")
        put(buffer.append("\" "))
        put(buffer.append(decimal: UInt64(record.responseCode)))
        raw(record.responseFlags, before: " ")
        raw(record.details, before: " ")
        put(buffer.append(" - \"-\" "))
        put(buffer.append(decimal: record.bytesReceived))
        put(buffer.append(" "))
        put(buffer.append(decimal: record.bytesSent))
        put(buffer.append(" "))
        put(buffer.append(decimal: max(0, record.duration.milliseconds)))
        put(buffer.append(" "))
        if let time = record.upstreamTime { put(buffer.append(decimal: max(0, time.milliseconds))) } else { raw("") }
        quoted(record.forwardedFor)
        quoted(record.userAgent)
        quoted(record.requestID)
        quoted(record.authority)
        quoted(record.upstreamHost)
        raw(record.upstreamCluster, before: " ")
        raw("", before: " ")
        raw(record.downstreamLocal, before: " ")
        raw(record.downstreamRemote, before: " ")
        raw("", before: " ")
        raw(record.routeName, before: " ")
        endRaw("\n")
    }

    private mutating func raw(_ text: String, before: String = "") {
        put(buffer.append(before))
        if text.isEmpty { put(buffer.append("-")) } else { escape(text, isQuoted: true) }
    }

    private mutating func quoted(_ text: String) {
        raw(text, before: " \"")
        put(buffer.append("\""))
    }

    /// ISO 8601 in UTC with milliseconds, as %START_TIME% writes it.
    private mutating func appendTime(_ unixNanoseconds: Int64) {
        let before = buffer.count
        guard buffer.append(rfc3339: unixNanoseconds) else { return put(false) }
        buffer.truncate(to: before + 23)
        put(buffer.append("Z"))
    }

    private mutating func appendJSON(_ record: RequestRecord) {
        put(buffer.append("{\"start_time\":\""))
        appendTime(record.startTime)
        put(buffer.append("\""))
        member("method", record.method)
        member("path", record.path)
        member("protocol", record.protocolName)
        member("response_code", UInt64(record.responseCode))
        member("response_flags", record.responseFlags)
        member("response_code_details", record.details)
        member("connection_termination_details", "")
        member("upstream_transport_failure_reason", "")
        member("bytes_received", record.bytesReceived)
        member("bytes_sent", record.bytesSent)
        member("duration", UInt64(max(0, record.duration.milliseconds)))
        if let time = record.upstreamTime {
            member("upstream_service_time", UInt64(max(0, time.milliseconds)))
        } else {
            member("upstream_service_time", "")
        }
        member("x_forwarded_for", record.forwardedFor)
        member("user_agent", record.userAgent)
        member("request_id", record.requestID)
        member("authority", record.authority)
        member("upstream_host", record.upstreamHost)
        member("upstream_cluster", record.upstreamCluster)
        member("upstream_local_address", "")
        member("downstream_local_address", record.downstreamLocal)
        member("downstream_remote_address", record.downstreamRemote)
        member("requested_server_name", "")
        member("route_name", record.routeName)
        member("source_principal", record.sourcePrincipal)
        endRaw("}\n")
    }

    private mutating func member(_ name: String, _ value: String) {
        put(buffer.append(",\""))
        put(buffer.append(name))
        if value.isEmpty { return put(buffer.append("\":null")) }
        put(buffer.append("\":\""))
        escape(value, isQuoted: true)
        put(buffer.append("\""))
    }

    private mutating func member(_ name: String, _ value: UInt64) {
        put(buffer.append(",\""))
        put(buffer.append(name))
        put(buffer.append("\":"))
        put(buffer.append(decimal: value))
    }
}
