// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
package import HTTP
internal import Mesh

/// What names the endpoint of a request under consistent hashing.
package struct EndpointHash: Equatable, Sendable {
    /// For `EndpointQuery.hash`; nil: the request has nothing that names an endpoint.
    package var value: UInt64?
    /// The value of a cookie to be made: `RouteTable.appendCookie(_:of:to:)` with the response.
    package var cookie: UInt64?

    /// Nothing.
    package init() {}
}

extension RouteTable {
    /// What names the endpoint of a request; nothing where the cluster does not ask for it.
    ///
    /// - Parameter source: the client's address.
    package func hashKey(
        for cluster: ClusterIndex, _ head: borrowing RequestHead, from source: IPAddress,
        random: inout RandomSource
    ) -> EndpointHash {
        var result = EndpointHash()
        guard case .hash(let key) = clusters[cluster.position].algorithm else { return result }
        var hash = StableHash()
        switch key {
        case .header(let name, let nameHash):
            guard var index = head.fields.firstIndex(of: octets(name), hash: nameHash) else { return result }
            hash.combine(head.fields.value(index))
            while let next = head.fields.firstIndex(of: octets(name), hash: nameHash, after: index) {
                hash.combine(UInt8(ascii: ","))
                hash.combine(head.fields.value(next))
                index = next
            }
        case .sourceAddress:
            for index in 0..<16 { hash.combine(source.octet(index)) }
        case .query(let name):
            guard let range = head.query.range(ofParameter: octets(name)) else { return result }
            hash.combine(head.query.extracting(range))
        case .cookie(let index):
            let cookie = cookies[Int(index)]
            if hashCookie(octets(cookie.name), head.fields, into: &hash) { break }
            guard cookie.timeToLive != nil else { return result }
            let made = random.next()
            result.cookie = made
            for nibble in 0..<16 { hash.combine(Self.hexadecimal(made, nibble)) }
        }
        result.value = hash.finished
        return result
    }

    /// Hashes the value of a cookie.
    ///
    /// - Returns: whether there is one of that name.
    private func hashCookie(_ name: Span<UInt8>, _ fields: borrowing FieldList, into hash: inout StableHash) -> Bool {
        var field = fields.firstIndex(of: "cookie")
        while let index = field {
            let pairs = fields.value(index)
            var start = 0
            while start < pairs.count {
                while start < pairs.count, pairs[start] == UInt8(ascii: " ") { start += 1 }
                var end = start
                while end < pairs.count, pairs[end] != UInt8(ascii: ";") { end += 1 }
                let after = start + name.count
                if after < end, pairs[after] == UInt8(ascii: "="), pairs.extracting(start..<after).equals(name) {
                    var value = pairs.extracting((after + 1)..<end)
                    if value.count > 1, value[0] == UInt8(ascii: "\""), value[value.count - 1] == UInt8(ascii: "\"") {
                        value = value.extracting(1..<(value.count - 1))
                    }
                    hash.combine(value)
                    return true
                }
                start = end + 1
            }
            field = fields.firstIndex(of: "cookie", after: index)
        }
        return false
    }

    private static func hexadecimal(_ value: UInt64, _ nibble: Int) -> UInt8 {
        let digit = UInt8(truncatingIfNeeded: value >> UInt64(60 - nibble * 4) & 15)
        return digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
    }

    /// Writes the cookie that was made for a request into its response.
    package func appendCookie(_ hash: EndpointHash, of cluster: ClusterIndex, to response: inout ResponseHead) {
        guard let value = hash.cookie, case .hash(.cookie(let index)) = clusters[cluster.position].algorithm else {
            return
        }
        let cookie = cookies[Int(index)]
        var text: [UInt8] = []
        text.append(copying: octets(cookie.name))
        text.append(copying: StaticString("=\"").bytes)
        for nibble in 0..<16 { text.append(Self.hexadecimal(value, nibble)) }
        text.append(UInt8(ascii: "\""))
        if let seconds = cookie.timeToLive.map({ $0.count / 1_000_000_000 }), seconds > 0 {
            text.append(contentsOf: "; Max-Age=\(seconds)".utf8)
        }
        if !cookie.path.isEmpty {
            text.append(copying: StaticString("; Path=").bytes)
            text.append(copying: octets(cookie.path))
        }
        text.append(copying: octets(cookie.attributes))
        text.append(copying: StaticString("; HttpOnly").bytes)
        response.fields.append(name: "set-cookie", value: text.span)
    }
}
