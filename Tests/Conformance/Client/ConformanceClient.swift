// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Glibc
import LinuxIO

/// The test client: a client core over one socket, pointed at other people's servers.
///
/// Usage: `conformance-client http2|http1 PORT COUNT PATH [UPLOAD|fields|send-fields]`: sends COUNT requests over one
/// connection (side by side in HTTP/2, one after the other in HTTP/1). UPLOAD is a number of octets to post with each. With
/// `fields` each request has other fields, and the answer must list them all as `name: value`, as the test server's
/// `/fields` does; with `send-fields` they are printed instead. Content goes to standard output in the order of the requests, fields and trailers to standard error.
@main
struct ConformanceClient {
    static func main() {
        let arguments = CommandLine.arguments
        guard arguments.count == 5 || arguments.count == 6, let port = UInt16(arguments[2]),
            let count = Int(arguments[3]), ["http1", "http2"].contains(arguments[1])
        else {
            print("usage: conformance-client http2|http1 PORT COUNT PATH [UPLOAD|fields|send-fields]")
            exit(64)
        }
        let mode = arguments.count == 6 ? arguments[5] : ""
        let hasFields = mode == "fields" || mode == "send-fields"
        let upload = Int(mode)
        let requests = (0..<count).map {
            Request(path: arguments[4], upload: upload, fields: hasFields ? Request.fields($0) : [])
        }
        do {
            let connection = try ClientSocket(port: port)
            let answers =
                try arguments[1] == "http1"
                ? HTTP1Client.run(requests, authority: "localhost:\(port)", connection)
                : HTTP2Client.run(requests, authority: "localhost:\(port)", connection)
            exit(report(requests, answers, verifies: mode == "fields") ? 0 : 1)
        } catch {
            complain("conformance-client: \(error)")
            exit(1)
        }
    }

    private static func report(_ requests: [Request], _ answers: [Answer], verifies: Bool) -> Bool {
        var isComplete = requests.count == answers.count
        for (request, answer) in zip(requests, answers) {
            complain("status \(answer.status)")
            for field in answer.fields { complain(field) }
            for field in answer.trailers { complain("trailer \(field)") }
            if !verifies { for (name, value) in request.fields { complain("sent \(name): \(value)") } }
            let lines = !verifies ? [] : String(decoding: answer.content.span).split(separator: "\n")
            for (name, value) in request.fields where verifies && !lines.contains("\(name): \(value)") {
                complain("conformance-client: \(name): \(value) did not arrive; the server has \(lines)")
                isComplete = false
            }
            if let failure = answer.failure { complain("conformance-client: \(failure)") }
            isComplete = isComplete && answer.failure == nil
            if !verifies { writeAll(answer.content) }
        }
        return isComplete
    }

    private static func complain(_ text: String) { writeAll(Array((text + "\n").utf8), to: 2) }

    private static func writeAll(_ bytes: [UInt8], to descriptor: CInt = 1) {
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { return }
            written += count
        }
    }
}
