// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// The static table of HPACK (RFC 7541 appendix A), indexes 1...61.
enum HPACKStaticTable {
    /// Entries of the table.
    static var count: Int { 61 }

    /// Name of entry `index` (1...61); empty outside.
    static func name(_ index: Int) -> StaticString {
        switch index {
        case 1: ":authority"
        case 2...3: ":method"
        case 4...5: ":path"
        case 6...7: ":scheme"
        case 8...14: ":status"
        case 15: "accept-charset"
        case 16: "accept-encoding"
        case 17: "accept-language"
        case 18: "accept-ranges"
        case 19: "accept"
        case 20: "access-control-allow-origin"
        case 21: "age"
        case 22: "allow"
        case 23: "authorization"
        case 24: "cache-control"
        case 25: "content-disposition"
        case 26: "content-encoding"
        case 27: "content-language"
        case 28: "content-length"
        case 29: "content-location"
        case 30: "content-range"
        case 31: "content-type"
        case 32: "cookie"
        case 33: "date"
        case 34: "etag"
        case 35: "expect"
        case 36: "expires"
        case 37: "from"
        case 38: "host"
        case 39: "if-match"
        case 40: "if-modified-since"
        case 41: "if-none-match"
        case 42: "if-range"
        case 43: "if-unmodified-since"
        case 44: "last-modified"
        case 45: "link"
        case 46: "location"
        case 47: "max-forwards"
        case 48: "proxy-authenticate"
        case 49: "proxy-authorization"
        case 50: "range"
        case 51: "referer"
        case 52: "refresh"
        case 53: "retry-after"
        case 54: "server"
        case 55: "set-cookie"
        case 56: "strict-transport-security"
        case 57: "transfer-encoding"
        case 58: "user-agent"
        case 59: "vary"
        case 60: "via"
        case 61: "www-authenticate"
        default: ""
        }
    }

    /// Value of entry `index` (1...61); most are empty.
    static func value(_ index: Int) -> StaticString {
        switch index {
        case 2: "GET"
        case 3: "POST"
        case 4: "/"
        case 5: "/index.html"
        case 6: "http"
        case 7: "https"
        case 8: "200"
        case 9: "204"
        case 10: "206"
        case 11: "304"
        case 12: "400"
        case 13: "404"
        case 14: "500"
        case 16: "gzip, deflate"
        default: ""
        }
    }

    /// Name and value of entry `index` (1...61), one behind the other; empty outside.
    static func field(_ index: Int) -> StaticString {
        switch index {
        case 1: ":authority"
        case 2: ":methodGET"
        case 3: ":methodPOST"
        case 4: ":path/"
        case 5: ":path/index.html"
        case 6: ":schemehttp"
        case 7: ":schemehttps"
        case 8: ":status200"
        case 9: ":status204"
        case 10: ":status206"
        case 11: ":status304"
        case 12: ":status400"
        case 13: ":status404"
        case 14: ":status500"
        case 15: "accept-charset"
        case 16: "accept-encodinggzip, deflate"
        case 17: "accept-language"
        case 18: "accept-ranges"
        case 19: "accept"
        case 20: "access-control-allow-origin"
        case 21: "age"
        case 22: "allow"
        case 23: "authorization"
        case 24: "cache-control"
        case 25: "content-disposition"
        case 26: "content-encoding"
        case 27: "content-language"
        case 28: "content-length"
        case 29: "content-location"
        case 30: "content-range"
        case 31: "content-type"
        case 32: "cookie"
        case 33: "date"
        case 34: "etag"
        case 35: "expect"
        case 36: "expires"
        case 37: "from"
        case 38: "host"
        case 39: "if-match"
        case 40: "if-modified-since"
        case 41: "if-none-match"
        case 42: "if-range"
        case 43: "if-unmodified-since"
        case 44: "last-modified"
        case 45: "link"
        case 46: "location"
        case 47: "max-forwards"
        case 48: "proxy-authenticate"
        case 49: "proxy-authorization"
        case 50: "range"
        case 51: "referer"
        case 52: "refresh"
        case 53: "retry-after"
        case 54: "server"
        case 55: "set-cookie"
        case 56: "strict-transport-security"
        case 57: "transfer-encoding"
        case 58: "user-agent"
        case 59: "vary"
        case 60: "via"
        case 61: "www-authenticate"
        default: ""
        }
    }

    /// Octets of the name of entry `index` (1...61).
    static func nameLength(_ index: Int) -> Int { Int(nameLengths[index]) }

    private static let nameLengths: InlineArray<62, UInt8> = [
        0, 10, 7, 7, 5, 5, 7, 7, 7, 7, 7, 7, 7, 7, 7, 14,
        15, 15, 13, 6, 27, 3, 5, 13, 13, 19, 16, 16, 14, 16, 13, 12,
        6, 4, 4, 6, 7, 4, 4, 8, 17, 13, 8, 19, 13, 4, 8, 12,
        18, 19, 5, 7, 7, 11, 6, 10, 25, 17, 10, 4, 3, 16,
    ]

    /// The lowest index whose name is `name`, or 0.
    static func find(name: Span<UInt8>) -> Int {
        switch name.count {
        case 3: matches(name, 21) ? 21 : matches(name, 60) ? 60 : 0
        case 4:
            matches(name, 33)
                ? 33
                : matches(name, 34)
                    ? 34
                    : matches(name, 37)
                        ? 37
                        : matches(name, 38)
                            ? 38
                            : matches(name, 45)
                                ? 45
                                : matches(name, 59)
                                    ? 59
                                    : 0
        case 5: matches(name, 4) ? 4 : matches(name, 22) ? 22 : matches(name, 50) ? 50 : 0
        case 6: matches(name, 19) ? 19 : matches(name, 32) ? 32 : matches(name, 35) ? 35 : matches(name, 54) ? 54 : 0
        case 7:
            matches(name, 2)
                ? 2
                : matches(name, 6)
                    ? 6
                    : matches(name, 8)
                        ? 8
                        : matches(name, 36)
                            ? 36
                            : matches(name, 51)
                                ? 51
                                : matches(name, 52)
                                    ? 52
                                    : 0
        case 8: matches(name, 39) ? 39 : matches(name, 42) ? 42 : matches(name, 46) ? 46 : 0
        case 10: matches(name, 1) ? 1 : matches(name, 55) ? 55 : matches(name, 58) ? 58 : 0
        case 11: matches(name, 53) ? 53 : 0
        case 12: matches(name, 31) ? 31 : matches(name, 47) ? 47 : 0
        case 13:
            matches(name, 18)
                ? 18
                : matches(name, 23)
                    ? 23
                    : matches(name, 24)
                        ? 24
                        : matches(name, 30)
                            ? 30
                            : matches(name, 41)
                                ? 41
                                : matches(name, 44)
                                    ? 44
                                    : 0
        case 14: matches(name, 15) ? 15 : matches(name, 28) ? 28 : 0
        case 15: matches(name, 16) ? 16 : matches(name, 17) ? 17 : 0
        case 16: matches(name, 26) ? 26 : matches(name, 27) ? 27 : matches(name, 29) ? 29 : matches(name, 61) ? 61 : 0
        case 17: matches(name, 40) ? 40 : matches(name, 57) ? 57 : 0
        case 18: matches(name, 48) ? 48 : 0
        case 19: matches(name, 25) ? 25 : matches(name, 43) ? 43 : matches(name, 49) ? 49 : 0
        case 25: matches(name, 56) ? 56 : 0
        case 27: matches(name, 20) ? 20 : 0
        default: 0
        }
    }

    private static func matches(_ name: Span<UInt8>, _ index: Int) -> Bool {
        name.equals(self.name(index))
    }
}
