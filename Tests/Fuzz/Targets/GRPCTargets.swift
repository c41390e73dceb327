// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Certificates

@testable import GRPC
@testable import HTTP2

/// Messages of gRPC: the first octet chooses the limit; a message is the same whole and in pieces.
func fuzzGRPC(_ input: Span<UInt8>) -> String? {
    guard input.count > 0 else { return nil }
    let limit = Int(input[0])
    let bytes = input.extracting(1..<input.count)
    func outcome(_ reader: inout GRPCMessageReader, _ bytes: Span<UInt8>) -> String? {
        do throws(GRPCError) { try reader.receive(bytes) } catch { return "\(error)" }
        return nil
    }
    func end(_ reader: GRPCMessageReader) -> String {
        do throws(GRPCError) { return "\(Array(try reader.finish()))" } catch { return "\(error)" }
    }
    var whole = GRPCMessageReader(limit: limit)
    let first = outcome(&whole, bytes) ?? end(whole)
    var split = GRPCMessageReader(limit: limit)
    var cuts = Cuts(of: input)
    var second: String?
    while second == nil, let piece = cuts.next() {
        let range = min(piece.lowerBound, bytes.count)..<min(piece.upperBound, bytes.count)
        second = outcome(&split, bytes.extracting(range))
        if split.count > limit + GRPCMessageReader.prefixLength + 5 { return "more is held than allowed" }
    }
    // Which rule is broken first may depend on the pieces; whether one is, and what is read, may not.
    let isMessage = first.hasPrefix("[")
    let last = second ?? end(split)
    if isMessage != last.hasPrefix("[") || isMessage && first != last {
        return "whole and split differ: \(first), \(last)"
    }
    let text = GRPCText.percentDecoded(bytes)
    if text.utf8.count < 300, GRPCText.percentDecoded(GRPCText.percentEncoded(text).span) != text {
        return "a status message has changed"
    }
    _ = GRPCText.timeout(bytes)
    _ = GRPCText.isGRPC(contentType: bytes)
    return nil
}

/// A gRPC server on an HTTP/2 connection that receives the input: every call is answered, none is left behind.
func fuzzGRPCServer(_ input: Span<UInt8>) -> String? {
    let now = MonotonicTime(nanoseconds: 1)
    var limits = GRPCConfiguration()
    limits.maximumMessageLength = 64
    limits.maximumHeldBytes = 100
    var connection = HTTP2Connection(role: .server, configuration: limits.http2, now: now)
    var server = GRPCServer(limits)
    var output = ByteBuffer(capacity: 1 << 16)
    func take(_ bytes: Span<UInt8>) -> String? {
        var offset = 0
        do throws(HTTP2Error) {
            while let event = try connection.receive(bytes, offset: &offset, now: now) {
                guard let request = server.receive(event, bytes, &connection, now: now) else { continue }
                guard request.message.count <= 64 else { return "a message beyond the limit" }
                if request.message.count & 1 == 0 {
                    server.respond(request.call, request.message, &connection)
                } else {
                    server.refuse(request.call, GRPCStatus(.internal, request.path), &connection)
                }
            }
        } catch {
            return nil
        }
        output.clear()
        _ = server.write(&connection, into: &output)
        return connection.violatedInvariant()
    }
    if let violation = take("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8.span) { return violation }
    if let violation = take([0, 0, 0, 4, 0, 0, 0, 0, 0].span) { return violation }
    var cuts = Cuts(of: input)
    while let piece = cuts.next() {
        if let violation = take(input.extracting(piece)) { return violation }
    }
    let later = now + .seconds(3_600)
    server.expire(&connection, now: later)
    return server.callCount == 0 ? nil : "a call outlives its deadline"
}

/// Messages of the CA service: what is read is written, and read again as the same.
func fuzzProtobuf(_ input: Span<UInt8>) -> String? {
    do throws(ProtobufError) {
        let message = try CertificateRequestMessage(Array(copying: input))
        guard try CertificateRequestMessage(message.encoded) == message else { return "a request has changed" }
    } catch {
        // Refused, which is as good.
    }
    do throws(ProtobufError) {
        let message = try CertificateResponseMessage(Array(copying: input))
        guard try CertificateResponseMessage(message.encoded) == message else { return "a response has changed" }
    } catch {
        // As above.
    }
    return nil
}
