// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Manifest

/// One event of a watch (k8s.io/apimachinery meta/v1 WatchEvent).
package enum WatchEvent: Sendable {
    /// The object is there, as it is now.
    case set(YAMLNode, resourceVersion: String)
    /// The object is gone; this is what it was at last.
    case deleted(YAMLNode, resourceVersion: String)
    /// How far the watch is, and whether all objects of a streaming list have been told.
    case bookmark(resourceVersion: String, isEndOfList: Bool)
    /// The watch is over, and why.
    case error(APIStatus)

    /// Reads an event.
    ///
    /// - Parameter selection: what is read of it.
    /// - Throws: `.malformed` when it is none, or cannot be read.
    package init(_ octets: [UInt8], _ selection: JSONSelection = JSONSelection()) throws(KubernetesError) {
        let root = try YAMLNode(json: octets, selection)
        guard let type = root["type"]?.string, let object = root["object"], object.kind == .mapping else {
            throw .malformed
        }
        let metadata = object["metadata"]
        let version = metadata?["resourceVersion"]?.string ?? ""
        switch type {
        case "ADDED", "MODIFIED": self = .set(object, resourceVersion: version)
        case "DELETED": self = .deleted(object, resourceVersion: version)
        case "BOOKMARK":
            let end = metadata?["annotations"]?[ObjectSelection.endOfList]?.string
            self = .bookmark(resourceVersion: version, isEndOfList: end == "true")
        case "ERROR": self = .error(APIStatus(object))
        default: throw .malformed
        }
    }
}

/// Why the API server refused something (meta/v1 Status).
package struct APIStatus: Sendable, Equatable, CustomStringConvertible {
    /// The HTTP status it stands for.
    package let code: Int
    /// One word, such as `Conflict`.
    package let reason: String
    /// A line for people, cut to what fits in a log.
    package let message: String

    /// Whether nothing was refused.
    var isGood: Bool { (200..<300).contains(code) }

    /// Puts the parts together.
    package init(code: Int, reason: String, message: String) {
        self.code = code
        self.reason = reason
        self.message = message
    }

    init(_ node: YAMLNode) {
        code = Int(node["code"]?.integer ?? 500)
        reason = node["reason"]?.string ?? ""
        message = Self.printable(node["message"]?.string ?? "")
    }

    /// Reads the content of an answer with HTTP status `code`, which may be anything.
    package init(code: Int, body: [UInt8]) {
        do throws(KubernetesError) {
            let node = try YAMLNode(json: body)
            self.init(
                code: code, reason: node["reason"]?.string ?? "",
                message: Self.printable(node["message"]?.string ?? ""))
        } catch {
            self.init(
                code: code, reason: "", message: Self.printable(String(decoding: body.prefix(256), as: UTF8.self)))
        }
    }

    package var description: String { message.isEmpty ? "HTTP status \(code) \(reason)" : "\(message) (\(code))" }

    private static func printable(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars.prefix(400) {
            result.unicodeScalars.append(scalar.value >= 0x20 && scalar.value != 0x7F ? scalar : " ")
        }
        return result
    }
}

extension YAMLNode {
    /// Reads one JSON object.
    ///
    /// - Parameter selection: what is read of it.
    /// - Throws: `.malformed`.
    package init(json octets: [UInt8], _ selection: JSONSelection = JSONSelection()) throws(KubernetesError) {
        let document: YAMLDocument
        do throws(ManifestError) {
            document = try YAMLDocument.parse(json: octets, selection)
        } catch {
            throw .malformed
        }
        guard document.root.kind == .mapping else { throw .malformed }
        self = document.root
    }
}
