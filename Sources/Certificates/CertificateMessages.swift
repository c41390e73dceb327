// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import GRPC

/// The messages of `istio.v1.auth.IstioCertificateService` (istio.io/api, security/v1alpha1/ca.proto).
package enum CertificateMessages {
    /// The one method.
    package static let path = "/istio.v1.auth.IstioCertificateService/CreateCertificate"
    /// The key in the metadata under which a node names the identity that it asks for.
    package static let impersonatedIdentity = "ImpersonatedIdentity"
}

/// `IstioCertificateRequest`: `csr = 1`, `validity_duration = 3` in seconds, `metadata = 4` (google.protobuf.Struct).
package struct CertificateRequestMessage: Sendable, Hashable {
    /// The signing request, PEM.
    package var csr = ""
    /// Seconds asked for; 0: as the CA likes.
    package var validitySeconds: Int64 = 0
    /// The identity that a node asks for in the name of a pod; nil: its own.
    package var impersonatedIdentity: String?

    /// An empty request.
    package init() {}

    /// The message's octets.
    package var encoded: [UInt8] {
        var writer = ProtobufWriter()
        writer.field(1, text: csr)
        writer.field(3, integer: UInt64(bitPattern: validitySeconds))
        if let impersonatedIdentity {
            var value = ProtobufWriter()
            value.field(3, text: impersonatedIdentity)
            var entry = ProtobufWriter()
            entry.field(1, text: CertificateMessages.impersonatedIdentity)
            entry.field(2, bytes: value.bytes)
            var fields = ProtobufWriter()
            fields.field(1, bytes: entry.bytes)
            writer.field(4, bytes: fields.bytes)
        }
        return writer.bytes
    }

    /// Reads a message; unknown fields are skipped, of several of a kind the last one counts.
    ///
    /// - Throws: `ProtobufError`.
    package init(_ bytes: [UInt8]) throws(ProtobufError) {
        let input = bytes.span
        var reader = ProtobufReader(0..<input.count)
        while let field = try reader.next(input) {
            switch field.number {
            case 1: csr = try ProtobufReader.text(input, field.bytes())
            case 3: validitySeconds = Int64(bitPattern: try field.integer())
            case 4:
                var fields = ProtobufReader(try field.bytes())
                while let entry = try fields.next(input) {
                    guard entry.number == 1 else { continue }
                    try readMetadata(input, entry.bytes())
                }
            default: break
            }
        }
    }

    private mutating func readMetadata(_ input: Span<UInt8>, _ range: Range<Int>) throws(ProtobufError) {
        var key = ""
        var text: String?
        var reader = ProtobufReader(range)
        while let field = try reader.next(input) {
            switch field.number {
            case 1: key = try ProtobufReader.text(input, field.bytes())
            case 2:
                var value = ProtobufReader(try field.bytes())
                while let kind = try value.next(input) {
                    text = kind.number == 3 ? try ProtobufReader.text(input, kind.bytes()) : nil
                }
            default: break
            }
        }
        // A value that is no text names nobody, which no rule lets pass.
        if key == CertificateMessages.impersonatedIdentity { impersonatedIdentity = text ?? "" }
    }
}

/// `IstioCertificateResponse`: `cert_chain = 1`, repeated: the leaf, intermediates, and last the roots.
package struct CertificateResponseMessage: Sendable, Hashable {
    /// PEM texts.
    package var chain: [String] = []

    /// An answer with these PEM texts.
    package init(chain: [String]) {
        self.chain = chain
    }

    /// The message's octets.
    package var encoded: [UInt8] {
        var writer = ProtobufWriter()
        for text in chain { writer.field(1, text: text) }
        return writer.bytes
    }

    /// Reads a message.
    ///
    /// - Throws: `ProtobufError`.
    package init(_ bytes: [UInt8]) throws(ProtobufError) {
        let input = bytes.span
        var reader = ProtobufReader(0..<input.count)
        while let field = try reader.next(input) {
            guard field.number == 1 else { continue }
            chain.append(try ProtobufReader.text(input, field.bytes()))
        }
    }
}
