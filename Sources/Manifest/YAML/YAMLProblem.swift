// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// What is wrong with the text of a manifest; the place comes with `ManifestError.syntax`.
package enum YAMLProblem: Hashable, Sendable {
    case fileTooLarge
    case utf16
    case notUTF8
    case controlCharacter
    case tooDeep
    case tooManyNodes
    case tooManyExpandedNodes
    case tooManyAnchors
    case tooManyDocuments
    case scalarTooLong
    case tabIndentation
    case wrongIndentation
    case trailingText
    case missingColon
    case missingKey
    case missingComma
    case mappingNotAllowedHere
    case sequenceNotAllowedHere
    case itemAmongKeys
    case keySpansLines
    case collectionAsKey
    case duplicateKey(firstLine: UInt32)
    case reservedCharacter
    case unclosedQuote
    case unclosedBracket
    case markerInsideScalar
    case unknownEscape
    case badCodePoint
    case badBlockScalarHeader
    case blockScalarIndentation
    case propertyWithoutNode
    case duplicateProperty
    case badAnchorName
    case unknownAlias
    case cyclicAlias
    case unknownTag
    case tagMismatch
    case badMerge
    case badDirective
    case missingDocumentStart
}

extension YAMLProblem {
    /// One clause for an operator: what was found and what to do about it.
    package var advice: String {
        switch self {
        case .fileTooLarge: "the file is larger than the limit; split it"
        case .utf16: "the file is UTF-16 or UTF-32; save it as UTF-8"
        case .notUTF8: "this octet is not UTF-8; save the file as UTF-8"
        case .controlCharacter: "control characters are not allowed; remove it, or write an escape in double quotes"
        case .tooDeep: "collections are nested too deeply; flatten the document"
        case .tooManyNodes: "the document holds too many values; split it"
        case .tooManyExpandedNodes: "the aliases of this document expand to too many values; write fewer aliases"
        case .tooManyAnchors: "the document has too many anchors; split it"
        case .tooManyDocuments: "the file holds too many documents; split it"
        case .scalarTooLong: "this value is longer than the limit; shorten it"
        case .tabIndentation: "a tab cannot indent; use spaces"
        case .wrongIndentation: "this line is indented unlike the lines it belongs to; align it with its siblings"
        case .trailingText: "unexpected text after a complete value; quote the value or start a new line"
        case .missingColon: "a key must be followed by a colon and a space; add them or check the indentation"
        case .missingKey: "a colon without a key before it; write the key"
        case .missingComma: "a comma or the closing bracket is missing here"
        case .mappingNotAllowedHere: "a key is not allowed here; start a new line for it, or quote the value"
        case .sequenceNotAllowedHere: "a list item is not allowed here; start a new line for it"
        case .itemAmongKeys: "a list item stands where a key is expected; check the indentation"
        case .keySpansLines: "a colon behind text of several lines; check the indentation, or quote the value"
        case .collectionAsKey: "a list or mapping cannot be a key; write a string"
        case .duplicateKey(let line): "this key is already in the mapping (line \(line)); remove one of the two"
        case .reservedCharacter: "a value cannot start with this character; put the value into quotes"
        case .unclosedQuote: "the quote opened here is never closed"
        case .unclosedBracket: "the bracket opened here is never closed"
        case .markerInsideScalar: "a document marker inside a quoted value; close the quote or indent the line"
        case .unknownEscape: "unknown escape sequence; write \\\\ for a backslash"
        case .badCodePoint: "this escape does not name a Unicode character"
        case .badBlockScalarHeader: "after | or > only +, -, a digit from 1 to 9 and a comment may stand on the line"
        case .blockScalarIndentation: "a blank line is indented more than the first line of the text; remove its spaces"
        case .propertyWithoutNode: "an anchor or tag is not allowed here; put it directly before its value"
        case .duplicateProperty: "a value can have one anchor and one tag; remove one"
        case .badAnchorName: "an anchor or alias needs a name"
        case .unknownAlias: "no anchor of this name stands before the alias in this document"
        case .cyclicAlias: "the alias names the value it is part of; write the value out"
        case .unknownTag: "unknown tag; remove it (known: !!str !!int !!float !!bool !!null !!map !!seq !!binary)"
        case .tagMismatch: "the value does not fit its tag; correct one of the two"
        case .badMerge: "the value of << must be a mapping or a list of mappings"
        case .badDirective: "unknown or malformed directive; remove the line"
        case .missingDocumentStart: "a directive must be followed by a line with ---"
        }
    }
}
