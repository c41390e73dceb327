// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
package import HTTP2

/// Limits of gRPC calls over one connection.
package struct GRPCConfiguration: Sendable {
    /// The longest message accepted, in octets; grpc-go's default is 4 MiB, certificates need a few KiB.
    package var maximumMessageLength = 65_536
    /// The most octets of messages that the calls of one connection may hold together.
    package var maximumHeldBytes = 1 << 20
    /// How long a call may take when its client does not say.
    package var longestCall = Nanoseconds.seconds(30)

    /// The defaults above.
    package init() {}

    /// The HTTP/2 settings that go with it: calls are small, so windows are what a message needs.
    package var http2: HTTP2Configuration {
        var result = HTTP2Configuration()
        result.initialStreamWindow = Int32(clamping: max(65_535, maximumMessageLength + GRPCMessageReader.prefixLength))
        result.connectionWindow = Int32(clamping: max(maximumHeldBytes, maximumMessageLength * 2))
        result.growsWindows = false
        result.maxConcurrentStreams = 100
        result.maxLocalStreams = 100
        result.maxHeaderListSize = 65_536
        result.sendStallTimeout = .seconds(30)
        return result
    }
}
