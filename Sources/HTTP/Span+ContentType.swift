// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

extension Span where Element == UInt8 {
    /// Whether a content-type is that of gRPC (gRPC over HTTP/2: `application/grpc` [("+proto" / "+json" / custom)]).
    package var isGRPCContentType: Bool {
        guard count >= 16, extracting(0..<16).equals("application/grpc") else { return false }
        return count == 16 || self[16] == UInt8(ascii: "+") || self[16] == UInt8(ascii: ";")
    }
}
