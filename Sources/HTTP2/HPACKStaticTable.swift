// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// The static table of HPACK (RFC 7541 appendix A), indexes 1...61.
enum HPACKStaticTable {
    /// Entries of the table.
    static var count: Int { 61 }

    /// Name and value of entry `index` (1...61, trap otherwise), one behind the other.
    @_lifetime(immortal)
    static func field(_ index: Int) -> Span<UInt8> {
        text.bytes.extracting(Int(offsets[index - 1])..<Int(offsets[index]))
    }

    /// Name of entry `index` (1...61).
    @_lifetime(immortal)
    static func name(_ index: Int) -> Span<UInt8> {
        field(index).extracting(first: nameLength(index))
    }

    /// Value of entry `index` (1...61); most are empty.
    @_lifetime(immortal)
    static func value(_ index: Int) -> Span<UInt8> {
        let field = field(index)
        return field.extracting(nameLength(index)..<field.count)
    }

    /// Octets of the name of entry `index` (1...61).
    static func nameLength(_ index: Int) -> Int { Int(nameLengths[index]) }

    /// The lowest index whose name is `name`, or 0.
    ///
    /// - Parameter hash: `HPACKSearchIndex.hash` of the name; no two names of the table share a slot.
    static func find(name: Span<UInt8>, hash: UInt32) -> Int {
        let index = Int(slots[Int(hash >> 25)])
        return index > 0 && name.equals(self.name(index)) ? index : 0
    }

    /// Whether entries with the name of entry `nameIndex` have values: :method, :path, :scheme, :status, accept-encoding.
    static func hasValues(_ nameIndex: Int) -> Bool { nameIndex <= 16 && 1 << nameIndex & 0x1_0154 != 0 }

    /// The index with this value, or 0; `nameIndex` is the lowest with the name, one of `hasValues`.
    static func find(value: Span<UInt8>, nameIndex: Int) -> Int {
        let last =
            switch nameIndex {
            case 8: 14
            case 16: 16
            default: nameIndex + 1
            }
        for index in nameIndex...last where value.equals(self.value(index)) { return index }
        return 0
    }

    /// All entries, name and value, one behind the other.
    private static var text: StaticString {
        """
        :authority\
        :methodGET\
        :methodPOST\
        :path/\
        :path/index.html\
        :schemehttp\
        :schemehttps\
        :status200\
        :status204\
        :status206\
        :status304\
        :status400\
        :status404\
        :status500\
        accept-charset\
        accept-encodinggzip, deflate\
        accept-language\
        accept-ranges\
        accept\
        access-control-allow-origin\
        age\
        allow\
        authorization\
        cache-control\
        content-disposition\
        content-encoding\
        content-language\
        content-length\
        content-location\
        content-range\
        content-type\
        cookie\
        date\
        etag\
        expect\
        expires\
        from\
        host\
        if-match\
        if-modified-since\
        if-none-match\
        if-range\
        if-unmodified-since\
        last-modified\
        link\
        location\
        max-forwards\
        proxy-authenticate\
        proxy-authorization\
        range\
        referer\
        refresh\
        retry-after\
        server\
        set-cookie\
        strict-transport-security\
        transfer-encoding\
        user-agent\
        vary\
        via\
        www-authenticate
        """
    }

    /// Where each entry begins in `text`, from 1 on; the last one is the end.
    private static let offsets: InlineArray<62, UInt16> = [
        0, 10, 20, 31, 37, 53, 64, 76, 86, 96, 106, 116, 126, 136, 146, 160, 188, 203, 216, 222, 249, 252, 257, 270,
        283, 302, 318, 334, 348, 364, 377, 389, 395, 399, 403, 409, 416, 420, 424, 432, 449, 462, 470, 489, 502, 506,
        514, 526, 544, 563, 568, 575, 582, 593, 599, 609, 634, 651, 661, 665, 668, 684,
    ]

    private static let nameLengths: InlineArray<62, UInt8> = [
        0, 10, 7, 7, 5, 5, 7, 7, 7, 7, 7, 7, 7, 7, 7, 14, 15, 15, 13, 6, 27, 3, 5, 13, 13, 19, 16, 16, 14, 16, 13, 12,
        6, 4, 4, 6, 7, 4, 4, 8, 17, 13, 8, 19, 13, 4, 8, 12, 18, 19, 5, 7, 7, 11, 6, 10, 25, 17, 10, 4, 3, 16,
    ]

    /// Indexes by the seven highest bits of the name's hash, whose multiplier makes no two names collide; 0 is empty.
    private static let slots: InlineArray<128, UInt8> = [
        0, 0, 31, 0, 0, 25, 40, 44, 0, 0, 0, 0, 0, 0, 0, 48, 0, 0, 0, 0, 0, 53, 17, 0, 0, 0, 0, 0, 21, 0, 51, 50, 34,
        0, 0, 47, 6, 0, 0, 16, 52, 0, 0, 41, 19, 54, 0, 0, 0, 55, 0, 0, 39, 0, 0, 36, 0, 0, 29, 35, 37, 0, 0, 0, 23,
        0, 59, 0, 0, 18, 61, 32, 0, 15, 58, 0, 0, 0, 56, 0, 22, 26, 60, 24, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 38, 4,
        28, 0, 0, 49, 45, 0, 0, 0, 33, 0, 0, 0, 1, 43, 0, 2, 0, 0, 42, 0, 0, 0, 27, 30, 46, 0, 20, 57, 0, 0, 0,
    ]
}
