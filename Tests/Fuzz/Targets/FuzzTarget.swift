// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// What can be fuzzed: code that reads bytes of strangers.
enum FuzzTarget: String, CaseIterable, Sendable {
    /// HTTP/1 requests, whole and split.
    case http1Request = "http1-request"
    /// HTTP/1 responses, whole and split.
    case http1Response = "http1-response"
    /// HTTP/2 frame headers.
    case http2Frame = "http2-frame"
    /// HPACK: what decodes is encoded and decoded again.
    case hpack = "hpack"
    /// A whole HTTP/2 server connection, whole and split.
    case http2Server = "http2-server"
    /// A whole HTTP/2 client connection, whole and split.
    case http2Client = "http2-client"
    /// Addresses and prefixes as text.
    case address = "address"
    /// YAML and JSON.
    case yaml = "yaml"
    /// Messages and notations of gRPC, whole and split.
    case grpc = "grpc"
    /// A whole gRPC server on an HTTP/2 connection.
    case grpcServer = "grpc-server"
    /// The protobuf messages of the CA service.
    case protobuf = "protobuf"
    /// Certificate signing requests.
    case signingRequest = "csr"
    /// Certificate revocation lists.
    case revocationList = "crl"
    /// Bearer tokens and files of tokens.
    case token = "token"
    /// Regular expressions, by table and by simulation.
    case regularExpression = "regular-expression"
    /// Lists and watches of an API server, whole and split.
    case jsonSplitter = "json-splitter"
    /// JSON, beside the parser of YAML.
    case json = "json"
    /// Events of a watch.
    case watchEvent = "watch-event"
    /// The file in which the known objects of a cluster are kept.
    case objectSnapshot = "object-snapshot"

    /// Runs the code under test on one input.
    ///
    /// - Returns: which promise was broken, nil when none was. Traps and what the address sanitizer finds end the process.
    func run(_ input: Span<UInt8>) -> String? {
        switch self {
        case .http1Request: fuzzHTTP1Request(input)
        case .http1Response: fuzzHTTP1Response(input)
        case .http2Frame: fuzzHTTP2Frame(input)
        case .hpack: fuzzHPACK(input)
        case .http2Server: fuzzHTTP2Server(input)
        case .http2Client: fuzzHTTP2Client(input)
        case .address: fuzzAddress(input)
        case .yaml: fuzzYAML(input)
        case .grpc: fuzzGRPC(input)
        case .grpcServer: fuzzGRPCServer(input)
        case .protobuf: fuzzProtobuf(input)
        case .signingRequest: fuzzSigningRequest(input)
        case .revocationList: fuzzRevocationList(input)
        case .token: fuzzToken(input)
        case .regularExpression: fuzzRegularExpression(input)
        case .jsonSplitter: fuzzJSONSplitter(input)
        case .json: fuzzJSON(input)
        case .watchEvent: fuzzWatchEvent(input)
        case .objectSnapshot: fuzzSnapshot(input)
        }
    }
}
