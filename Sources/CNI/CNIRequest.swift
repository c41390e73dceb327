// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Kubernetes
internal import Manifest
internal import Telemetry

/// What the plugin asks the tunnel of its node: one line of JSON over a socket, answered by one line.
package struct CNIRequest: Sendable, Equatable {
    /// What the runtime wants.
    package enum Command: String, Sendable {
        case add = "ADD"
        case delete = "DEL"
        case check = "CHECK"
    }

    /// What the runtime wants.
    package var command: Command
    /// The pod's namespace.
    package var namespace: String
    /// The pod's name.
    package var name: String
    /// The pod's UID.
    package var uid: String
    /// Path of the pod's network namespace; may be empty for `delete`.
    package var path: String

    /// The longest line: a path of 4,096, names of 253.
    package static let maximumLine = 16_384

    /// Puts the parts together.
    package init(_ command: Command, namespace: String, name: String, uid: String, path: String) {
        self.command = command
        self.namespace = namespace
        self.name = name
        self.uid = uid
        self.path = path
    }

    /// Reads a line.
    ///
    /// - Throws: `.malformed`.
    package init(_ line: [UInt8]) throws(KubernetesError) {
        let node = try YAMLNode(json: line)
        guard let command = node["command"]?.string.flatMap(Command.init), let namespace = node["namespace"]?.string,
            let name = node["name"]?.string, let uid = node["uid"]?.string, let path = node["path"]?.string
        else { throw .malformed }
        self.init(command, namespace: namespace, name: name, uid: uid, path: path)
    }

    /// The line, with its end.
    package var line: [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.member("command", command.rawValue)
            json.member("namespace", namespace)
            json.member("name", name)
            json.member("uid", uid)
            json.member("path", path)
        }
        return json.bytes + [0x0A]
    }
}

/// What the tunnel answers.
package struct CNIAnswer: Sendable, Equatable {
    /// How it went.
    package enum Outcome: String, Sendable {
        /// The pod is captured: listeners and rules are in place.
        case joined
        /// The pod is not in the mesh, or is gone: there is nothing to do.
        case exempt
        /// The API server has not told of the pod.
        case unknown
        /// The pod cannot join; the text says why.
        case failed
    }

    /// How it went.
    package var outcome: Outcome
    /// Why, for people.
    package var text: String

    /// Puts the parts together.
    package init(_ outcome: Outcome, _ text: String = "") {
        self.outcome = outcome
        self.text = text
    }

    /// Reads a line.
    ///
    /// - Throws: `.malformed`.
    package init(_ line: [UInt8]) throws(KubernetesError) {
        let node = try YAMLNode(json: line)
        guard let outcome = node["outcome"]?.string.flatMap(Outcome.init) else { throw .malformed }
        self.init(outcome, node["text"]?.string ?? "")
    }

    /// The line, with its end.
    package var line: [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.member("outcome", outcome.rawValue)
            json.member("text", text)
        }
        return json.bytes + [0x0A]
    }
}
