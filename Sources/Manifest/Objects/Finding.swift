// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// What an operator should know about an object or a file: where it is, and what is wrong with it.
package struct Finding: Hashable, Sendable, CustomStringConvertible {
    /// How bad it is.
    package enum Severity: Hashable, Sendable {
        /// Something is ignored or narrowed; the rest of the object counts.
        case warning
        /// The object or file does not count as it stands: its last good version does, or a policy fails closed.
        case error
    }

    /// What a finding means for the status of a route (Gateway API's reasons); most have no word of their own.
    package enum Reason: String, Hashable, Sendable {
        case noMatchingParent = "NoMatchingParent"
        case unsupportedProtocol = "UnsupportedProtocol"
        case conflicted = "Conflicted"
        case backendNotFound = "BackendNotFound"
        case invalidKind = "InvalidKind"
    }

    /// How bad it is.
    package var severity: Severity
    /// The file, relative to its folder; empty for an object from the API server.
    package var file: String
    /// The line in the file, from 1; 0 when the finding is about no line.
    package var line: UInt32
    /// The object, as `Pod default/reviews`; empty for a file as a whole.
    package var object: String
    /// The field, as `spec.rules[0].to[0].operation.ports[1]`; empty for an object as a whole.
    package var field: String
    /// What is wrong, and what to do about it.
    package var text: String
    /// What it means for a route's status.
    package var reason: Reason?

    /// Puts the parts together.
    package init(
        _ severity: Severity, file: String = "", line: UInt32 = 0, object: String = "", field: String = "",
        text: String, reason: Reason? = nil
    ) {
        self.severity = severity
        self.file = file
        self.line = line
        self.object = object
        self.field = field
        self.text = text
        self.reason = reason
    }

    /// One line for an operator: `pods.yaml:12: error: Pod default/a: spec.nodeName: must be a string`.
    package var description: String {
        var parts: [String] = []
        if !file.isEmpty { parts.append(line > 0 ? "\(file):\(line)" : file) }
        parts.append(severity == .error ? "error" : "warning")
        if !object.isEmpty { parts.append(object) }
        if !field.isEmpty { parts.append(field) }
        parts.append(text)
        return parts.joined(separator: ": ")
    }
}
