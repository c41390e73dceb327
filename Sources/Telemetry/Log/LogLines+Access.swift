// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

extension LogLines {
    /// Appends the line of one access record: ztunnel's fields in ztunnel's order.
    package mutating func append(_ record: AccessRecord, at unixNanoseconds: Int64) {
        let message =
            switch record.event {
            case .opened: "connection opened"
            case .progress: "connection progress"
            case .complete: "connection complete"
            case .failed: "connection failed"
            }
        begin(record.level, .access, message, at: unixNanoseconds)
        field("src.addr", record.sourceAddress)
        if case .failed = record.event {
            field("dst.addr", record.destinationAddress)
            field("direction", record.reporter.direction)
        } else {
            fieldUnlessEmpty("src.workload", record.source.workload)
            fieldUnlessEmpty("src.namespace", record.source.namespace)
            fieldUnlessEmpty("src.identity", record.source.identity)
            fieldUnlessEmpty("src.cluster", record.source.cluster)
            appendDestination(record)
            field("direction", record.reporter.direction)
            field("bytes_sent", record.bytesSent)
            field("bytes_recv", record.bytesReceived)
            field("duration", record.duration)
        }
        fieldUnlessEmpty("error", record.error)
        end()
    }

    private mutating func appendDestination(_ record: AccessRecord) {
        field("dst.addr", record.destinationAddress)
        if let authority = record.authority { appendAuthority("dst.hbone_addr", authority) }
        fieldUnlessEmpty("dst.service", record.destinationService)
        fieldUnlessEmpty("dst.workload", record.destination.workload)
        fieldUnlessEmpty("dst.namespace", record.destination.namespace)
        fieldUnlessEmpty("dst.identity", record.destination.identity)
        fieldUnlessEmpty("dst.cluster", record.destination.cluster)
    }

    /// Without quotes in text format, as ztunnel writes it, unless it comes from a peer who plays tricks.
    private mutating func appendAuthority(_ name: String, _ value: String) {
        let isPlain = value.utf8.allSatisfy { byte in
            byte > 0x20 && byte < 0x7F && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
        }
        if isPlain { fieldUnquoted(name, value) } else { field(name, value) }
    }
}
