// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HTTP

// What a request says of its client.
extension Worker {
    /// Takes off a request what only a proxy may say, and says who the client is where that is wanted.
    ///
    /// `x-forwarded-client-cert` is believed by those who get it, so what a client wrote never goes on (Envoy's default). To
    /// `forwarded` every proxy adds an element (RFC 7239 §4): the last one is ours, and is true.
    func describe(_ client: Client, _ request: inout RequestHead) {
        request.fields.remove("x-forwarded-client-cert")
        let headers = configuration.clientHeaders
        if headers.tellsIdentity || epoch.own.tellsClientIdentity, !client.principal.isEmpty {
            text.clear()
            text.append("By=")
            text.append(principal)
            text.append(";URI=")
            text.append(client.principal)
            request.fields.append(name: "x-forwarded-client-cert", value: text.readable)
        }
        if headers.tellsAddress {
            text.clear()
            text.append("for=\"")
            text.append(client.address)
            text.append("\"")
            appendHost(request)
            request.fields.extend(name: "forwarded", with: text.readable)
        }
        text.clear()
    }

    /// What the client asked for, before any route changes it.
    private func appendHost(_ request: borrowing RequestHead) {
        let host = request.authority
        var isPlain = host.count > 0
        for index in host.indices where host[index] == UInt8(ascii: "\"") || host[index] == UInt8(ascii: "\\") {
            isPlain = false
        }
        if isPlain {
            text.append(";host=\"")
            text.append(copying: host)
            text.append("\"")
        }
        guard request.scheme.equals("http") || request.scheme.equals("https") else { return }
        text.append(";proto=")
        text.append(copying: request.scheme)
    }
}
