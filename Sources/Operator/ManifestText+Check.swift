// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Manifest

extension ManifestText {
    /// This text, if it means what `old` meant but for one document.
    ///
    /// - Throws: what cannot be changed safely, and what to do.
    func checked(
        against old: ManifestText, _ document: Int, _ expected: ManifestValue, _ key: ObjectKey, _ path: [String]
    ) throws(OperatorError) -> ManifestText {
        var meanings = old.documents.map { ManifestValue($0.root) }
        meanings[document] = expected
        guard documents.map({ ManifestValue($0.root) }) == meanings else { throw Self.refusal(key, path) }
        return self
    }

    static func refusal(_ key: ObjectKey, _ path: [String]) -> OperatorError {
        let field = path.joined(separator: ".")
        let what = field.isEmpty ? "\(key)" : "\(field) of \(key)"
        return OperatorError(
            "\(what) cannot be changed without touching the rest of the file "
                + "(an anchor, a merge, or a value over several lines); change it by hand")
    }

    /// The text without a document of its own for an object.
    ///
    /// - Returns: nil when nothing but this object is in the file.
    /// - Throws: when the object stands in a List, or cannot be taken out safely.
    package func removingObject(_ key: ObjectKey) throws(OperatorError) -> ManifestText? {
        guard let place = place(of: key) else { return self }
        guard place.path.isEmpty else {
            throw OperatorError("\(key) stands in a List; take it out of the file by hand")
        }
        let others = documents.enumerated().filter { $0.offset != place.document && !$0.element.root.isNull }
        guard !others.isEmpty else { return nil }
        let first = Int(place.node.position.line) - 1
        var start = first
        while start > 0, !isMarker(start - 1) { start -= 1 }
        // The comments above a first document may be about the file: they stay.
        start = start > 0 ? start - 1 : first
        var end = first
        while end < lineCount, !(end > start && isMarker(end)) { end += 1 }
        let stop = end < lineCount ? lineStart(end) : octets.count
        let result = try changed(by: Change(range: lineStart(start)..<stop, text: ""), key)
        let remaining = result.documents.map { ManifestValue($0.root) }.filter { $0 != .scalar("", .null) }
        guard remaining == others.map({ ManifestValue($0.element.root) }) else {
            throw OperatorError("\(key) cannot be taken out of its file safely; do it by hand")
        }
        return result
    }
}
