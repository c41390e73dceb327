// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Kubernetes
internal import Manifest
internal import Telemetry

/// A list of plugins (`*.conflist`), with ours behind those that make the network.
package enum CNIChain {
    /// The name of our executable among the plugins.
    package static let plugin = "ambit-cni"

    /// The list with our entry at its end.
    ///
    /// - Returns: nil when it stands there already.
    /// - Throws: `.malformed` when the text is no list of plugins.
    package static func adding(_ configuration: CNIConfiguration, to text: [UInt8]) throws(KubernetesError) -> [UInt8]?
    {
        try adding(entry(of: configuration), to: text)
    }

    /// The same with an entry as it stood in a list before.
    static func adding(_ entry: [UInt8], to text: [UInt8]) throws(KubernetesError) -> [UInt8]? {
        let root = try list(text)
        let plugins = root["plugins"].map { Array($0.elements) } ?? []
        if let last = plugins.last, isOurs(last), compact(last) == entry { return nil }
        let ours = try YAMLNode(json: entry)
        return rewritten(root) { $0.filter { !isOurs($0) } + [ours] }
    }

    /// Our entry in a list, wherever it stands; nil when it does not.
    static func entry(in text: [UInt8]) throws(KubernetesError) -> [UInt8]? {
        try list(text)["plugins"]?.elements.first(where: isOurs).map(compact)
    }

    static func entry(of configuration: CNIConfiguration) -> [UInt8] {
        var entry = JSONWriter()
        configuration.write(&entry)
        return entry.bytes
    }

    /// The list without our entry.
    ///
    /// - Returns: nil when it is not there.
    /// - Throws: `.malformed` when the text is no list of plugins.
    package static func removing(from text: [UInt8]) throws(KubernetesError) -> [UInt8]? {
        let root = try list(text)
        guard let plugins = root["plugins"], plugins.elements.contains(where: isOurs) else { return nil }
        return rewritten(root) { $0.filter { !isOurs($0) } }
    }

    private static func list(_ text: [UInt8]) throws(KubernetesError) -> YAMLNode {
        let root = try YAMLNode(json: text)
        guard let plugins = root["plugins"], plugins.kind == .sequence, plugins.count > 0 else { throw .malformed }
        return root
    }

    private static func isOurs(_ entry: YAMLNode) -> Bool { entry["type"]?.string == plugin }

    private static func compact(_ node: YAMLNode) -> [UInt8] {
        var json = JSONWriter()
        json.element(node)
        return json.bytes
    }

    /// The list with other plugins; everything else stays, in its order.
    private static func rewritten(_ root: YAMLNode, _ change: ([YAMLNode]) -> [YAMLNode]) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            for (key, value) in root.entries {
                json.name(key.text)
                if key.text == "plugins" {
                    json.array { json in for plugin in change(Array(value.elements)) { json.element(plugin) } }
                } else {
                    json.element(value)
                }
            }
        }
        return json.bytes + [0x0A]
    }
}
