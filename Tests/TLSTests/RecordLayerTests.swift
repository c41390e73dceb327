// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
import Bytes
import Identity
import Testing

@testable import TLS

/// A record layer whose peer the test plays with the same keys.
final class RecordBench {
    var layer: RecordLayer
    var peerSends: RecordKeys
    var peerReceives: RecordKeys
    var plaintext = ByteBuffer(capacity: 40_000)
    var output = ByteBuffer(capacity: 40_000)
    static let here = secret(startingAt: 0)
    static let there = secret(startingAt: 32)

    private static func secret(startingAt first: UInt8) -> TrafficSecret {
        let octets = (0..<32).map { first + UInt8($0) }
        return TrafficSecret(octets.span)
    }

    private static func keys(_ secret: TrafficSecret, isSending: Bool) throws -> RecordKeys {
        let made = RecordKeys(suite: .aes128GCM, secret: secret, sequence: 0, isSending: isSending)
        guard let made else { throw TLSError.internalFailure }
        return made
    }

    init(role: TLSRole = .client) throws {
        let sending = try Self.keys(Self.here, isSending: true)
        let receiving = try Self.keys(Self.there, isSending: false)
        layer = RecordLayer(role: role, sending: sending, receiving: receiving)
        peerSends = try Self.keys(Self.there, isSending: true)
        peerReceives = try Self.keys(Self.here, isSending: false)
    }

    /// A record of the peer; `inner` is content, type and padding.
    func record(inner: [UInt8]) -> [UInt8] {
        var target = [UInt8](repeating: 0, count: inner.count + 64)
        let length = unsafe target.withUnsafeMutableBufferPointer { region -> Int in
            unsafe inner.withUnsafeBufferPointer { source in
                guard let from = source.baseAddress, let to = region.baseAddress else { return 0 }
                return unsafe peerSends.seal(from, count: source.count - 1, type: inner[inner.count - 1], into: to)
            }
        }
        return Array(target.prefix(length))
    }

    func record(_ content: [UInt8], type: UInt8 = RecordType.applicationData) -> [UInt8] {
        record(inner: content + [type])
    }

    /// Feeds `ciphertext` in pieces of `step` octets.
    ///
    /// - Returns: the last outcome.
    @discardableResult
    func feed(_ ciphertext: [UInt8], step: Int = .max) throws -> TLSSession.Outcome {
        var outcome = TLSSession.Outcome.needsInput
        var start = 0
        while start < ciphertext.count {
            let piece = Array(ciphertext[start..<min(ciphertext.count, start + min(step, ciphertext.count))])
            var offset = 0
            outcome = try layer.open(piece.span, offset: &offset, plaintext: &plaintext, output: &output)
            start += offset
            if outcome == .plaintextFull { return outcome }
        }
        return outcome
    }

    /// The inner plaintext of the one record in `output`.
    func sent() -> [UInt8]? {
        let bytes = copy(of: output)
        output.clear()
        guard bytes.count > 22, Int(bytes[3]) << 8 | Int(bytes[4]) == bytes.count - 5 else { return nil }
        var inner = [UInt8](repeating: 0, count: bytes.count)
        let isAuthentic = unsafe bytes.withUnsafeBufferPointer { source -> Bool in
            unsafe inner.withUnsafeMutableBufferPointer { target in
                guard let from = source.baseAddress, let to = target.baseAddress else { return false }
                return unsafe peerReceives.open(from, count: source.count - 5, into: to)
            }
        }
        return isAuthentic ? Array(inner.prefix(bytes.count - 21)) : nil
    }

    var received: [UInt8] { copy(of: plaintext) }
    var holdsBuffers: Bool { layer.holdsBuffers }
}

@Suite struct RecordLayerTests {
    @Test("RFC 8448 §3: the client's application data record comes out of its traffic secret")
    func exampleTrace() throws {
        let secret = bytes("9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5")
        let made = RecordKeys(suite: .aes128GCM, secret: TrafficSecret(secret.span), sequence: 0, isSending: true)
        guard var keys = made else { throw TLSError.internalFailure }
        let content = (0..<50).map { UInt8($0) }
        var target = [UInt8](repeating: 0, count: 128)
        let length = unsafe content.withUnsafeBufferPointer { source -> Int in
            unsafe target.withUnsafeMutableBufferPointer { region in
                guard let from = source.baseAddress, let to = region.baseAddress else { return 0 }
                return unsafe keys.seal(from, count: 50, type: 23, into: to)
            }
        }
        #expect(
            Array(target.prefix(length))
                == bytes(
                    """
                    1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a20441e2b62
                    974e1f5a6292a2977014bd1e3deae63aeebb21694915e4
                    """))
    }

    @Test("Records arrive whole however the octets are cut", arguments: [1, 2, 5, 21, 22, 23, 1_000, 16_406, .max])
    func cuts(step: Int) throws {
        let bench = try RecordBench()
        var sent: [UInt8] = []
        var wire: [UInt8] = []
        for count in [1, 100, 16_384, 3, 0, 500] {
            let content = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 + count) }
            sent += content
            wire += bench.record(content)
        }
        #expect(try bench.feed(wire, step: step) == .needsInput)
        #expect(bench.received == sent)
        #expect(!bench.holdsBuffers)
    }

    @Test("Padding is taken away (RFC 8446 §5.4)")
    func padding() throws {
        let bench = try RecordBench()
        try bench.feed(bench.record(inner: Array("text".utf8) + [23] + [UInt8](repeating: 0, count: 300)))
        #expect(bench.received == Array("text".utf8))
    }

    @Test("Plaintext of a record that is larger than the caller's buffer comes in pieces")
    func smallPlaintext() throws {
        let bench = try RecordBench()
        bench.plaintext = ByteBuffer(capacity: 1_000)
        let content = (0..<5_000).map { UInt8(truncatingIfNeeded: $0) }
        let wire = bench.record(content) + bench.record([1, 2, 3])
        var got: [UInt8] = []
        var offset = 0
        while true {
            let outcome = try bench.layer.open(
                wire.span, offset: &offset, plaintext: &bench.plaintext, output: &bench.output)
            got += bench.received
            bench.plaintext.clear()
            if outcome == .needsInput { break }
            #expect(outcome == .plaintextFull)
        }
        #expect(got == content + [1, 2, 3])
        #expect(offset == wire.count)
        #expect(!bench.holdsBuffers)
    }

    @Test("close_notify ends the peer's direction, and what follows it is ignored (RFC 8446 §6.1)")
    func closure() throws {
        let bench = try RecordBench()
        let wire = bench.record([9]) + bench.record([1, 0], type: 21) + [1, 2, 3]
        #expect(try bench.feed(wire) == .closed)
        #expect(bench.received == [9])
        bench.layer.close(into: &bench.output)
        #expect(bench.sent() == [1, 0, 21])
    }

    @Test("A fatal alert ends the session with its number")
    func alert() throws {
        let bench = try RecordBench()
        #expect(throws: TLSError.alert(48)) { try bench.feed(bench.record([2, 48], type: 21)) }
    }

    @Test("A key update is followed, and answered when the peer asks (RFC 8446 §4.6.3)", arguments: [0, 1] as [UInt8])
    func keyUpdate(requested: UInt8) throws {
        let bench = try RecordBench()
        try bench.feed(bench.record([24, 0, 0, 1, requested], type: 22))
        let isUpdated = bench.peerSends.update()
        #expect(isUpdated)
        try bench.feed(bench.record([5, 6]))
        #expect(bench.received == [5, 6])
        #expect(bench.sent() == (requested == 1 ? [24, 0, 0, 1, 0, 22] : nil))
        if requested == 1 { _ = bench.peerReceives.update() }
        let text: [UInt8] = [7]
        try bench.layer.seal(text.span, into: &bench.output)
        #expect(bench.sent() == [7, 23])
    }

    @Test("A session ticket is skipped, also in pieces, and only a client accepts one (RFC 8446 §4.6.1)")
    func ticket() throws {
        let ticket: [UInt8] = [4, 0, 0, 10] + [UInt8](repeating: 1, count: 10)
        let bench = try RecordBench()
        try bench.feed(bench.record(Array(ticket.prefix(3)), type: 22))
        try bench.feed(bench.record(Array(ticket.dropFirst(3)) + ticket, type: 22))
        try bench.feed(bench.record([1]))
        #expect(bench.received == [1])
        let server = try RecordBench(role: .server)
        #expect(throws: TLSError.protocolViolation) { try server.feed(server.record(ticket, type: 22)) }
        #expect(server.sent() == [2, 10, 21])
    }

    /// A record or records that must end the session, with the alert for the peer.
    struct Violation: Sendable, CustomTestStringConvertible {
        let name: String
        let alert: UInt8
        let make: @Sendable (RecordBench) -> [UInt8]
        var testDescription: String { name }
    }

    static let violations: [Violation] = [
        Violation(name: "plain alert behind the handshake", alert: 10) { _ in [21, 3, 3, 0, 2, 2, 40] },
        Violation(name: "change_cipher_spec behind the handshake", alert: 10) { _ in [20, 3, 3, 0, 1, 1] },
        Violation(name: "fragment too long", alert: 22) { _ in [23, 3, 3, 0x41, 0x01, 0] },
        Violation(name: "fragment too short", alert: 50) { _ in [23, 3, 3, 0, 16] + [UInt8](repeating: 0, count: 16) },
        Violation(name: "damaged tag", alert: 20) { bench in
            var record = bench.record([1, 2, 3])
            record[record.count - 1] ^= 1
            return record
        },
        Violation(name: "damaged header", alert: 20) { bench in
            var record = bench.record([1, 2, 3])
            record[2] ^= 1
            return record
        },
        Violation(name: "record played twice", alert: 20) { bench in
            let record = bench.record([1])
            return record + record
        },
        Violation(name: "zeros only", alert: 10) { $0.record(inner: [0, 0, 0]) },
        Violation(name: "unknown type", alert: 10) { $0.record([1], type: 99) },
        Violation(name: "content of 16385 octets", alert: 22) { bench in
            bench.record(inner: [UInt8](repeating: 1, count: 16_385) + [23])
        },
        Violation(name: "alert of three octets", alert: 50) { $0.record([1, 0, 0], type: 21) },
        Violation(name: "empty handshake record", alert: 10) { $0.record([], type: 22) },
        Violation(name: "key update of two octets", alert: 47) { $0.record([24, 0, 0, 2, 0, 0], type: 22) },
        Violation(name: "key update of unknown value", alert: 47) { $0.record([24, 0, 0, 1, 2], type: 22) },
        Violation(name: "key update with more behind it", alert: 10) { bench in
            bench.record([24, 0, 0, 1, 0, 24, 0, 0, 1, 0], type: 22)
        },
        Violation(name: "data inside a handshake message", alert: 10) { bench in
            bench.record([4, 0, 0, 10, 1], type: 22) + bench.record([1])
        },
        Violation(name: "handshake message too long", alert: 10) { $0.record([4, 2, 0, 0], type: 22) },
        Violation(name: "a certificate request", alert: 10) { $0.record([13, 0, 0, 3, 0, 0, 0], type: 22) },
        Violation(name: "endless empty records", alert: 10) { bench in
            (0..<65).flatMap { _ in bench.record([]) }
        },
        Violation(name: "endless warnings", alert: 10) { bench in
            (0..<65).flatMap { _ in bench.record([1, 90], type: 21) }
        },
    ]

    @Test("A violation ends the session with the alert that RFC 8446 §6.2 gives it", arguments: violations)
    func violation(violation: Violation) throws {
        let bench = try RecordBench()
        let wire = violation.make(bench)
        #expect(throws: TLSError.protocolViolation) { try bench.feed(wire, step: 7) }
        #expect(bench.sent() == [2, violation.alert, 21])
    }

    private func bytes(_ text: String) -> [UInt8] {
        let digits = text.filter { $0.isHexDigit }.compactMap { $0.hexDigitValue }
        return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }
}

@Suite struct RecordTakeoverTests {
    static let combinations = [
        "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256",
    ].flatMap { suite in [(suite, true, true), (suite, true, false), (suite, false, true), (suite, false, false)] }

    @Test("Our records and OpenSSL's are the same, whichever side uses which", arguments: combinations)
    func interoperation(suite: String, client: Bool, server: Bool) throws {
        let mesh = try TestMesh()
        var clientOptions = TLSOptions()
        clientOptions.cipherSuites = suite
        clientOptions.usesOwnRecordLayer = client
        var serverOptions = clientOptions
        serverOptions.usesOwnRecordLayer = server
        let pair = try TLSPair(
            client: mesh.context(.client, "client", options: clientOptions),
            server: mesh.context(.server, "server", options: serverOptions), expecting: .oneOf([mesh.id("server")]))
        pair.run(step: 100)
        let isClients = pair.client.hasOwnRecords
        let isServers = pair.server.hasOwnRecords
        #expect(isClients == client && isServers == server)
        let cipher = pair.client.cipherName
        #expect(cipher == suite)
        let data = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 / 3) }
        for round in 0..<3 {
            try pair.client.seal(data.span, into: &pair.toServer)
            try pair.server.seal(data.span, into: &pair.toClient)
            pair.run(step: 3_000)
            #expect(pair.receivedByServer == data && pair.receivedByClient == data)
            pair.atServer.clear()
            pair.atClient.clear()
            // Each side renews its keys in turn, and asks for the other's where OpenSSL does it.
            if round == 0 { pair.client.updateKeys() } else { pair.server.updateKeys() }
        }
        #expect(pair.clientError == nil && pair.serverError == nil)
        pair.client.close(into: &pair.toServer)
        pair.run()
        #expect(pair.serverOutcomes.last == .closed)
    }
}
