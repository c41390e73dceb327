// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

extension YAMLParser {
    /// Reads document after document (YAML 1.2 §9.2).
    mutating func parseStream(_ body: (YAMLDocument) -> Void) throws(ManifestError) {
        var documents = 0
        while true {
            let hasDirectives = try parsePrefix()
            guard !isAtEnd else {
                guard !hasDirectives else { throw .syntax(.missingDocumentStart, at: place()) }
                return
            }
            guard documents < limits.documents else { throw .syntax(.tooManyDocuments, at: place()) }
            if isAtDocumentMarker {
                position += 3
            } else if hasDirectives {
                throw .syntax(.missingDocumentStart, at: place())
            }
            let isObject = peek() == UInt8(ascii: "{")
            let root = try parseBlockNode(parentIndent: -1)
            skipToToken()
            // JSON objects behind each other need no `---`, as for kubectl.
            if !isAtDocumentEnd, !(isObject && isFirstOnLine && peek() == UInt8(ascii: "{")) {
                throw .syntax(isFirstOnLine ? .wrongIndentation : .trailingText, at: place())
            }
            documents += 1
            body(builder.finish(root: root))
        }
    }

    /// Passes comments, `...` lines and directives before a document.
    ///
    /// - Returns: whether there were directives.
    private mutating func parsePrefix() throws(ManifestError) -> Bool {
        var hasDirectives = false
        tagHandles = [:]
        while true {
            skipToToken()
            if isAtDocumentMarker, peek() == UInt8(ascii: ".") {
                guard !hasDirectives else { throw .syntax(.missingDocumentStart, at: place()) }
                position += 3
                let markerLine = line
                skipToToken()
                guard isAtEnd || line != markerLine else { throw .syntax(.trailingText, at: place()) }
            } else if peek() == UInt8(ascii: "%"), position == lineStart {
                try parseDirective()
                hasDirectives = true
            } else {
                return hasDirectives
            }
        }
    }

    /// Reads `%YAML 1.x` or `%TAG handle prefix` (YAML 1.2 §6.8); there is no other.
    private mutating func parseDirective() throws(ManifestError) {
        let place = place()
        let start = position
        while !Self.isBreakOrEnd(peek()) { position += 1 }
        var words = octets[start..<position].split(whereSeparator: Self.isBlank)
        if let comment = words.firstIndex(where: { $0.first == UInt8(ascii: "#") }) {
            words.removeSubrange(comment...)
        }
        let isVersion =
            words.count == 2 && words[0].elementsEqual("%YAML".utf8) && words[1].starts(with: "1.".utf8)
        if isVersion { return }
        guard words.count == 3, words[0].elementsEqual("%TAG".utf8), words[1].first == UInt8(ascii: "!"),
            words[1].last == UInt8(ascii: "!"), tagHandles.count < 16, tagHandles[Array(words[1])] == nil
        else { throw .syntax(.badDirective, at: place) }
        tagHandles[Array(words[1])] = Array(words[2])
    }
}
