// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
import Bytes
import COpenSSL
import Identity
import Testing

@testable import TLS

/// A TLS client that is no member of the mesh: OpenSSL with settings of the test's choice, over memory.
@safe
final class Stranger {
    private let context: OpaquePointer
    private let ssl: OpaquePointer
    private let input: OpaquePointer
    private let output: OpaquePointer

    init(version: CInt = TLS1_3_VERSION, alpn: [UInt8] = [2, 0x68, 0x32], groups: String? = nil) throws {
        guard let context = unsafe SSL_CTX_new(TLS_client_method()) else { throw TLSError.internalFailure }
        unsafe COpenSSL_SSL_CTX_set_max_proto_version(context, version)
        unsafe SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nil)
        if !alpn.isEmpty { unsafe SSL_CTX_set_alpn_protos(context, alpn, UInt32(alpn.count)) }
        if let groups { unsafe COpenSSL_SSL_CTX_set1_groups_list(context, groups) }
        guard let ssl = unsafe SSL_new(context), let input = unsafe BIO_new(BIO_s_mem()),
            let output = unsafe BIO_new(BIO_s_mem())
        else { throw TLSError.internalFailure }
        unsafe self.context = context
        unsafe self.ssl = ssl
        unsafe self.input = input
        unsafe self.output = output
        unsafe SSL_set_bio(ssl, input, output)
        unsafe SSL_set_connect_state(ssl)
    }

    deinit {
        unsafe SSL_free(ssl)
        unsafe SSL_CTX_free(context)
    }

    /// Goes on with the handshake after `received`.
    ///
    /// - Returns: what it sends.
    func advance(_ received: [UInt8]) -> [UInt8] {
        if !received.isEmpty { unsafe BIO_write(input, received, CInt(received.count)) }
        ERR_clear_error()
        unsafe SSL_do_handshake(ssl)
        ERR_clear_error()
        var sent: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = unsafe BIO_read(output, &chunk, CInt(chunk.count))
            if count <= 0 { return sent }
            sent += chunk.prefix(Int(count))
        }
    }

    /// Runs a handshake against `server`.
    ///
    /// - Returns: why the server refused, and whether it sent anything then.
    func meet(_ server: inout TLSSession) -> (error: TLSError?, alert: [UInt8]) {
        var toServer = advance([])
        var plaintext = ByteBuffer(capacity: 1024)
        for _ in 0..<10 {
            var toClient = ByteBuffer(capacity: 65_536)
            var offset = 0
            do throws(TLSError) {
                while offset < toServer.count {
                    _ = try server.open(toServer.span, offset: &offset, plaintext: &plaintext, output: &toClient)
                }
            } catch {
                return (error, copy(of: toClient))
            }
            toServer = advance(copy(of: toClient))
            if toServer.isEmpty { break }
        }
        return (nil, [])
    }
}

@Suite struct StrangerTests {
    private func meet(_ stranger: Stranger) throws -> (error: TLSError?, alert: [UInt8], name: SPIFFEID?) {
        let mesh = try TestMesh()
        var session = try TLSSession(context: mesh.context(.server, "server"), expecting: .anyInTrustDomain)
        let result = stranger.meet(&session)
        return (result.error, result.alert, session.peer?.id)
    }

    @Test("A client without a certificate is refused as not in the mesh")
    func noCertificate() throws {
        let result = try meet(Stranger())
        #expect(result.error == .noPeerCertificate)
        #expect(!result.alert.isEmpty)
        #expect(result.name == nil)
    }

    @Test("A client of TLS 1.2 is refused with the alert protocol_version (RFC 8446 §4.2.1)")
    func oldVersion() throws {
        let result = try meet(Stranger(version: TLS1_2_VERSION))
        #expect(result.error == .protocolVersion)
        #expect(result.alert.last == 70)
    }

    @Test("A client that offers another application protocol gets no_application_protocol (RFC 7301 §3.2)")
    func otherProtocol() throws {
        let result = try meet(Stranger(alpn: [8] + Array("http/1.1".utf8)))
        #expect(result.error == .noApplicationProtocol)
        #expect(result.alert.last == 120)
    }

    @Test("A client that has no group in common is told apart")
    func otherGroup() throws {
        let result = try meet(Stranger(groups: "X448"))
        #expect(result.error == .noCommonAlgorithm)
    }

    @Test("A certificate message beyond the handshake limit is refused before it is read whole")
    func hugeHandshake() throws {
        let mesh = try TestMesh()
        var session = try TLSSession(context: mesh.context(.server, "server"), expecting: .anyInTrustDomain)
        // A ClientHello that says it is 16 MiB long.
        let record: [UInt8] = [22, 3, 1, 0, 4, 1, 0xFF, 0xFF, 0xFF]
        var plaintext = ByteBuffer(capacity: 16)
        var output = ByteBuffer(capacity: 4096)
        var offset = 0
        #expect(throws: TLSError.handshakeTooLarge) {
            _ = try session.open(record.span, offset: &offset, plaintext: &plaintext, output: &output)
        }
    }

    @Test("Handshake octets are counted, whatever they are")
    func endlessHandshake() throws {
        let mesh = try TestMesh()
        let server = try mesh.context(.server, "server")
        var session = try TLSSession(context: server, expecting: .anyInTrustDomain)
        var output = ByteBuffer(capacity: 65_536)
        var plaintext = ByteBuffer(capacity: 16)
        // change_cipher_spec records are ignored during the handshake (RFC 8446 §5), so they could go on for ever.
        let stranger = try Stranger()
        let hello = stranger.advance([])
        var offset = 0
        _ = try session.open(hello.span, offset: &offset, plaintext: &plaintext, output: &output)
        let filler = [[UInt8]](repeating: [20, 3, 3, 0, 1, 1], count: 12_000).flatMap { $0 }
        offset = 0
        var caught: TLSError?
        do throws(TLSError) {
            while offset < filler.count {
                _ = try session.open(filler.span, offset: &offset, plaintext: &plaintext, output: &output)
            }
        } catch {
            caught = error
        }
        #expect(caught == .handshakeTooLarge || caught == .protocolViolation)
        #expect(caught != nil)
    }
}
