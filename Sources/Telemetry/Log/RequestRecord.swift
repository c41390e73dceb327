// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

/// One request for the access log; what is empty is shown as a dash.
package struct RequestRecord: Sendable {
    /// Nanoseconds since 1970 at which it began.
    package var startTime: Int64 = 0
    package var method = ""
    package var path = ""
    package var protocolName = ""
    package var responseCode: UInt16 = 0
    package var responseFlags = ""
    package var details = ""
    package var bytesReceived: UInt64 = 0
    package var bytesSent: UInt64 = 0
    package var duration = Nanoseconds(0)
    /// Until the head of the endpoint's response; nil when there was none.
    package var upstreamTime: Nanoseconds?
    package var forwardedFor = ""
    package var userAgent = ""
    package var requestID = ""
    package var authority = ""
    package var upstreamHost = ""
    package var upstreamCluster = ""
    package var downstreamLocal = ""
    package var downstreamRemote = ""
    package var routeName = ""
    /// The client's SPIFFE ID: only in JSON, under a name of ours.
    package var sourcePrincipal = ""

    /// Nothing known.
    package init() {}

    /// The level at which it is logged: requests that went wrong are worth a warning.
    package var level: LogLevel { responseFlags.isEmpty && responseCode < 500 ? .info : .warn }
}
