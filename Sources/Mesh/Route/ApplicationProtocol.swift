// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// What the clients of a service port speak, as its `appProtocol` or its name says.
package enum ApplicationProtocol: UInt8, Hashable, Sendable {
    /// Nothing is said: the first octets tell.
    case undeclared
    /// HTTP/1 or HTTP/2, whatever the client begins with (`http`, `kubernetes.io/ws`).
    case http
    /// HTTP/2 by prior knowledge (`http2`, `kubernetes.io/h2c`).
    case http2
    /// gRPC, by HTTP/2.
    case grpc
    /// gRPC-Web, by HTTP/1 or HTTP/2.
    case grpcWeb
    /// TLS that is passed on as it is (`tls`, `https`, `kubernetes.io/wss`).
    case tls
    /// Anything, passed on as it is (`tcp`, and the protocols of databases).
    case tcp

    /// Whether requests are seen.
    package var isHTTP: Bool {
        switch self {
        case .http, .http2, .grpc, .grpcWeb: true
        case .undeclared, .tls, .tcp: false
        }
    }

    /// Reads `appProtocol` (a word of Istio or Kubernetes, without regard to case); nil when it is no word we know.
    package init?(appProtocol: String) {
        switch appProtocol.lowercased() {
        case "http", "http1", "kubernetes.io/ws": self = .http
        case "http2", "h2c", "kubernetes.io/h2c": self = .http2
        case "grpc": self = .grpc
        case "grpc-web", "grpc-web-text": self = .grpcWeb
        case "https", "tls", "kubernetes.io/wss": self = .tls
        case "tcp", "mongo", "mysql", "redis", "udp", "linkerd.io/opaque", "linkerd.io/tcp": self = .tcp
        default: return nil
        }
    }

    /// Reads the name of a port: `<protocol>` or `<protocol>-<anything>`; undeclared when it begins with no word we know.
    package init(portName: String) {
        let name = portName.lowercased()
        if name == "grpc-web" || name.hasPrefix("grpc-web-") {
            self = .grpcWeb
            return
        }
        let word = name.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).first ?? ""
        self = word.contains("/") || word.contains(".") ? .undeclared : Self(appProtocol: String(word)) ?? .undeclared
    }
}
