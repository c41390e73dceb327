// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Mesh

extension RequestMatch {
    /// Whether every request that meets `other` meets this too.
    ///
    /// Answers false when in doubt: a regular expression covers only itself.
    func covers(_ other: RequestMatch) -> Bool {
        coversPath(of: other) && Self.covers(method, other.method) && Self.covers(authority, other.authority)
            && Self.covers(scheme, other.scheme)
            && (sourceNamespace == nil || sourceNamespace == other.sourceNamespace)
            && sourceLabels.allSatisfy { other.sourceLabels[$0.key] == $0.value }
            && headers.allSatisfy { own in other.headers.contains { own.covers($0) } }
            && query.allSatisfy { own in other.query.contains { $0.name == own.name && own.value.covers($0.value) } }
    }

    private static func covers(_ own: TextMatch?, _ other: TextMatch?) -> Bool {
        guard let own else { return true }
        return other.map { own.covers($0) } ?? false
    }

    private func coversPath(of other: RequestMatch) -> Bool {
        switch path {
        case .any, .elements(""), .prefix("/"), .prefix(""): return true
        case .exact, .elements, .prefix, .regex: break
        }
        // What disregards case takes more, never less; texts are compared as they are written.
        if other.ignoresPathCase, !ignoresPathCase { return false }
        switch (path, other.path) {
        case (.exact(let own), .exact(let text)): return own == text
        case (.elements(let own), .exact(let text)), (.elements(let own), .elements(let text)):
            return text == own || text.hasPrefix(own + "/")
        case (.prefix(let own), .exact(let text)), (.prefix(let own), .prefix(let text)),
            (.prefix(let own), .elements(let text)):
            return text.hasPrefix(own)
        case (.regex(let own), .regex(let text)): return own == text
        default: return false
        }
    }
}

extension RequestMatch.Header {
    /// Whether every request that meets `other` meets this too.
    fileprivate func covers(_ other: RequestMatch.Header) -> Bool {
        if self == other { return true }
        return name == other.name && !isInverted && !other.isInverted && value.covers(other.value)
    }
}

extension TextMatch {
    /// Whether every text that meets `other` meets this too.
    fileprivate func covers(_ other: TextMatch) -> Bool {
        if self == other { return true }
        switch (self, other) {
        case (.presence, _): return true
        case (.prefix(let own), .exact(let text)), (.prefix(let own), .prefix(let text)): return text.hasPrefix(own)
        case (.suffix(let own), .exact(let text)), (.suffix(let own), .suffix(let text)): return text.hasSuffix(own)
        default: return false
        }
    }
}
