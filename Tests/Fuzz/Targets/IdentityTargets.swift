// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Identity

@testable import CertificateService

/// Signing requests, as DER, which libFuzzer changes better than PEM; what begins with dashes is PEM.
func fuzzSigningRequest(_ input: Span<UInt8>) -> String? {
    let isPEM = input.count > 5 && input.extracting(first: 5).equals("-----")
    let text = isPEM ? Array(copying: input) : pem(input, "CERTIFICATE REQUEST")
    do throws(IdentityError) {
        let request = try CertificateSigningRequest(pem: text.span)
        guard !request.id.isTrustDomain else { return "a request for a trust domain is taken" }
    } catch {
        // Refused, which is as good.
    }
    return nil
}

/// Revocation lists, DER or PEM.
func fuzzRevocationList(_ input: Span<UInt8>) -> String? {
    do throws(IdentityError) {
        let set = try RevocationSet(input)
        guard !set.lists.isEmpty else { return "no list and no error" }
        _ = set.expiry
    } catch {
        // Refused, which is as good.
    }
    return nil
}

/// Bearer tokens, and files of tokens.
func fuzzToken(_ input: Span<UInt8>) -> String? {
    if let token = BearerToken(authorization: input) {
        let again = BearerToken(token: Array(token.text.utf8).span)
        guard again == token else { return "a token has changed" }
    }
    if let time = UnixTime(rfc3339: String(decoding: input)), UnixTime(rfc3339: time.description) != time {
        return "a time has changed"
    }
    do throws(StaticTokensError) {
        _ = try StaticTokens.parse(Array(copying: input))
    } catch {
        guard !error.description.isEmpty else { return "an error without text" }
    }
    return nil
}

private func pem(_ der: Span<UInt8>, _ name: String) -> [UInt8] {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var text = Array("-----BEGIN \(name)-----\n".utf8)
    var column = 0
    for start in stride(from: 0, to: der.count, by: 3) {
        let count = min(3, der.count - start)
        var word: UInt32 = 0
        for index in 0..<3 { word = word << 8 | (index < count ? UInt32(der[start + index]) : 0) }
        for index in 0..<4 {
            text.append(index <= count ? alphabet[Int(word >> UInt32(18 - 6 * index) & 63)] : UInt8(ascii: "="))
        }
        column += 4
        if column == 64 {
            text.append(0x0A)
            column = 0
        }
    }
    return text + Array("\n-----END \(name)-----\n".utf8)
}
