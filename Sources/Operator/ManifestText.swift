// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Manifest

/// A manifest file that is to be changed in one place: its text, and what the parser makes of it.
///
/// Edits work on the text and touch nothing but the place asked for. None of them trusts itself: the result is parsed again, and
/// counts only if it means what the file meant before plus the change, in all its documents (`ManifestText+Check`). So an
/// anchor that other objects share, a scalar over several lines or any other way of writing that an edit did not foresee
/// ends in a refusal, never in a damaged file.
package struct ManifestText: Sendable {
    /// The text.
    package let octets: [UInt8]
    /// What it says.
    let documents: [YAMLDocument]
    /// Where lines start, the first at 0.
    private let lineStarts: [Int]
    /// Where the text starts: behind a byte order mark.
    private let start: Int

    /// Parses a text.
    ///
    /// - Throws: `.syntax`.
    package init(_ octets: [UInt8]) throws(ManifestError) {
        self.octets = octets
        documents = try YAMLDocument.parse(octets)
        start = octets.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
        var starts = [start]
        for index in start..<max(start, octets.count) {
            let isBreak =
                octets[index] == 0x0A
                || octets[index] == 0x0D && !(index + 1 < octets.count && octets[index + 1] == 0x0A)
            if isBreak { starts.append(index + 1) }
        }
        lineStarts = starts
    }

    /// An object in the text.
    struct Place {
        /// The document.
        let document: Int
        /// The way in it: empty, or into the items of a List.
        let path: [ManifestValue.Step]
        /// The object.
        let node: YAMLNode
    }

    /// Finds an object; the last one when the file has it more than once, which is the one that counts.
    func place(of key: ObjectKey) -> Place? {
        var found: Place?
        for (index, document) in documents.enumerated() {
            search(key, document.root, Place(document: index, path: [], node: document.root), &found)
        }
        return found
    }

    private func search(_ key: ObjectKey, _ node: YAMLNode, _ place: Place, _ found: inout Place?) {
        guard let kind = node["kind"]?.string else { return }
        if kind.hasSuffix("List"), let items = node["items"] {
            guard place.path.count < 8 else { return }
            for (index, item) in items.elements.enumerated() {
                let path = place.path + [.key("items"), .index(index)]
                search(key, item, Place(document: place.document, path: path, node: item), &found)
            }
            return
        }
        guard ObjectKind(apiVersion: node["apiVersion"]?.string ?? "", kind: kind) == key.kind,
            node["metadata"]?["name"]?.string == key.name
        else { return }
        let namespace = node["metadata"]?["namespace"]?.string ?? ""
        guard key.kind.isClusterScoped || (namespace.isEmpty ? "default" : namespace) == key.namespace else { return }
        found = place
    }

    // MARK: - Lines

    /// Lines of the text; one behind the last line break counts, though it be empty.
    var lineCount: Int { lineStarts.count }

    /// Where a line starts; lines count from 0 here.
    func lineStart(_ line: Int) -> Int { lineStarts[line] }

    /// Where a line's text ends, in front of its line break.
    func lineEnd(_ line: Int) -> Int {
        var end = nextLine(line)
        while end > lineStarts[line], octets[end - 1] == 0x0A || octets[end - 1] == 0x0D { end -= 1 }
        return end
    }

    /// Where the line behind a line starts; the end of the text for the last one.
    func nextLine(_ line: Int) -> Int { line + 1 < lineStarts.count ? lineStarts[line + 1] : octets.count }

    /// Where a node starts in the text.
    func offset(of position: SourcePosition) -> Int {
        var offset = lineStarts[min(Int(position.line), lineStarts.count) - 1]
        var column = 1
        while column < position.column, offset < octets.count {
            offset += 1
            while offset < octets.count, octets[offset] & 0xC0 == 0x80 { offset += 1 }
            column += 1
        }
        return offset
    }

    /// The octet at an offset; 0 at the end.
    func octet(_ offset: Int) -> UInt8 { offset < octets.count ? octets[offset] : 0 }

    /// The line break of the text around a line: CR LF, CR or LF.
    func lineBreak(near line: Int) -> String {
        for candidate in [line] + Array(0..<min(lineCount, 1)) where nextLine(candidate) > lineEnd(candidate) {
            return String(decoding: octets[lineEnd(candidate)..<nextLine(candidate)], as: UTF8.self)
        }
        return "\n"
    }

    /// What a line begins with.
    struct LineShape {
        /// Spaces before the first other octet.
        let indent: Int
        /// That octet; 0 when there is none.
        let first: UInt8
        /// The one behind it.
        let second: UInt8

        var isBlank: Bool { first == 0 }
        var isComment: Bool { first == UInt8(ascii: "#") }
        /// Whether it is an item of a list.
        var isItem: Bool { first == UInt8(ascii: "-") && (second == 0x20 || second == 0x09 || second == 0) }
    }

    /// What a line begins with.
    func shape(_ line: Int) -> LineShape {
        let end = lineEnd(line)
        var index = lineStart(line)
        while index < end, octets[index] == 0x20 { index += 1 }
        let indent = index - lineStart(line)
        while index < end, octets[index] == 0x09 { index += 1 }
        return LineShape(
            indent: indent, first: index < end ? octets[index] : 0, second: index + 1 < end ? octets[index + 1] : 0)
    }

    /// Whether a line is a `---` or `...` (YAML 1.2 §9.1.2).
    func isMarker(_ line: Int) -> Bool {
        let begin = lineStart(line)
        let end = lineEnd(line)
        guard end >= begin + 3 else { return false }
        let head = octets[begin..<begin + 3]
        guard head.elementsEqual("---".utf8) || head.elementsEqual("...".utf8) else { return false }
        return end == begin + 3 || octets[begin + 3] == 0x20 || octets[begin + 3] == 0x09
    }
}
