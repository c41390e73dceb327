// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// The head of a request, whichever version of HTTP it came by or goes out by.
///
/// Method, scheme, authority, path and `:protocol` are octets in one array that is reused, so a head that is reused
/// allocates nothing. An upgrade is spoken of as RFC 8441 does: `protocolName` is what the client asks to switch to
/// (`websocket`), by `upgrade:` with GET in HTTP/1.1 or by `:protocol` with CONNECT in HTTP/2.
package struct RequestHead: ~Copyable {
    /// The fields, without pseudo-header fields, Host and connection-specific ones.
    package var fields = FieldList()
    /// The method as one that can be compared.
    package private(set) var method = RequestMethod.other
    private var octets: [UInt8] = []
    private var methodRange = 0..<0
    private var schemeRange = 0..<0
    private var authorityRange = 0..<0
    private var targetRange = 0..<0
    private var protocolRange = 0..<0
    /// Where the path ends in the target: at the question mark, or at the end.
    private var pathEnd = 0

    /// Makes an empty head, which holds no memory.
    package init() {}

    /// The method's octets.
    package var methodName: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get { octets.span.extracting(methodRange) }
    }

    /// `http` or `https`.
    package var scheme: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get { octets.span.extracting(schemeRange) }
    }

    /// `:authority` or Host; may be empty (HTTP/1.0).
    package var authority: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get { octets.span.extracting(authorityRange) }
    }

    /// Path and query as received; `*` for OPTIONS of the server; empty for a plain CONNECT.
    package var target: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get { octets.span.extracting(targetRange) }
    }

    /// The path without the query.
    package var path: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get { octets.span.extracting(targetRange.lowerBound..<pathEnd) }
    }

    /// What follows the question mark; empty when there is none.
    package var query: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get { octets.span.extracting(min(pathEnd + 1, targetRange.upperBound)..<targetRange.upperBound) }
    }

    /// Whether the target has a question mark.
    package var hasQuery: Bool { pathEnd < targetRange.upperBound }

    /// The protocol that the client asks to switch to; empty for an ordinary request.
    package var protocolName: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get { octets.span.extracting(protocolRange) }
    }

    /// Whether this is gRPC: content-type `application/grpc`, alone or followed by `+` or `;`.
    package var isGRPC: Bool { fields.value(of: "content-type").isGRPCContentType }

    // MARK: Changing

    /// Sets the method.
    package mutating func setMethod(_ name: Span<UInt8>) {
        method = RequestMethod(name)
        methodRange = store(name, at: methodRange)
    }

    /// Sets the scheme.
    package mutating func setScheme(_ scheme: Span<UInt8>) { schemeRange = store(scheme, at: schemeRange) }

    /// Sets the authority.
    package mutating func setAuthority(_ authority: Span<UInt8>) {
        authorityRange = store(authority, at: authorityRange)
    }

    /// Sets path and query.
    package mutating func setTarget(_ target: Span<UInt8>) {
        targetRange = store(target, at: targetRange)
        pathEnd = targetRange.lowerBound
        while pathEnd < targetRange.upperBound, octets[pathEnd] != UInt8(ascii: "?") { pathEnd += 1 }
    }

    /// Sets the protocol to switch to.
    package mutating func setProtocolName(_ name: Span<UInt8>) { protocolRange = store(name, at: protocolRange) }

    /// Empties the head and keeps its memory.
    package mutating func reset() {
        fields.removeAll()
        octets.removeAll(keepingCapacity: true)
        method = .other
        methodRange = 0..<0
        schemeRange = 0..<0
        authorityRange = 0..<0
        targetRange = 0..<0
        protocolRange = 0..<0
        pathEnd = 0
    }

    /// Becomes a copy of `other`, in its own memory.
    package mutating func assign(_ other: borrowing RequestHead) {
        fields.assign(other.fields)
        octets.removeAll(keepingCapacity: true)
        octets.append(copying: other.octets.span)
        method = other.method
        methodRange = other.methodRange
        schemeRange = other.schemeRange
        authorityRange = other.authorityRange
        targetRange = other.targetRange
        protocolRange = other.protocolRange
        pathEnd = other.pathEnd
    }

    /// Puts octets over the old ones if they fit, else behind all others.
    private mutating func store(_ bytes: Span<UInt8>, at old: Range<Int>) -> Range<Int> {
        guard bytes.count <= old.count else {
            let start = octets.count
            octets.append(copying: bytes)
            return start..<octets.count
        }
        for index in 0..<bytes.count { octets[old.lowerBound + index] = bytes[index] }
        return old.lowerBound..<old.lowerBound + bytes.count
    }
}
