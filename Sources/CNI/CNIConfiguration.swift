// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Kubernetes
internal import Manifest
package import Telemetry

/// What the runtime gives the plugin on standard input: our entry of the chain, and what the plugins before it have done.
package struct CNIConfiguration: Sendable {
    /// Versions of the specification, oldest first; all have the same fields for a plugin that passes results on.
    package static let versions = ["0.3.1", "0.4.0", "1.0.0", "1.1.0"]

    /// What happens to a pod while the tunnel does not answer.
    package enum WhenAway: String, CaseIterable, Sendable {
        /// Pods of namespaces that the tunnel has last seen enrolled must wait, others start.
        case failEnrolled = "fail-enrolled"
        /// Every pod must wait.
        case fail
        /// Every pod starts, and is captured when the tunnel is back.
        case allow
    }

    /// The version of the specification.
    package var version = "1.1.0"
    /// Where the tunnel listens.
    package var socket = "/run/ambit/cni.sock"
    /// File with the namespaces that are enrolled.
    package var enrolled = "/var/lib/ambit/tunnel/enrolled-namespaces"
    /// What happens while the tunnel does not answer.
    package var whenAway = WhenAway.failEnrolled
    /// The tunnel's own namespace, whose pods never wait for it: nobody else starts it.
    package var ownNamespace = "ambit-system"
    /// How long an answer may take, in seconds; kubelet gives the runtime two minutes for the whole sandbox.
    package var timeoutSeconds = 20
    private var result: YAMLNode?

    /// The settings that an installation writes.
    package init() {}

    /// Reads standard input.
    ///
    /// - Throws: `.malformed`, `.version`, `.configuration`.
    package init(_ octets: [UInt8]) throws(CNIError) {
        let node: YAMLNode
        do throws(KubernetesError) { node = try YAMLNode(json: octets) } catch { throw .malformed }
        guard let version = node["cniVersion"]?.string, Self.versions.contains(version) else { throw .version }
        self.version = version
        if let value = node["socket"] {
            guard let path = value.string, path.hasPrefix("/") else { throw .configuration("socket") }
            socket = path
        }
        if let value = node["enrolledNamespaces"] {
            guard let path = value.string, path.hasPrefix("/") else { throw .configuration("enrolledNamespaces") }
            enrolled = path
        }
        if let value = node["whenAway"] {
            guard let choice = value.string.flatMap(WhenAway.init) else { throw .configuration("whenAway") }
            whenAway = choice
        }
        if let value = node["ownNamespace"] {
            guard let name = value.string else { throw .configuration("ownNamespace") }
            ownNamespace = name
        }
        if let value = node["timeoutSeconds"] {
            guard let seconds = value.integer, (1...100).contains(seconds) else {
                throw .configuration("timeoutSeconds")
            }
            timeoutSeconds = Int(seconds)
        }
        if let value = node["prevResult"] {
            guard value.kind == .mapping else { throw .configuration("prevResult") }
            result = value
        }
    }

    /// The result of the plugins before, as ours: a chained plugin passes it on.
    ///
    /// - Throws: `.configuration` when there is none, because then we are not behind a plugin that makes networks.
    package func previousResult() throws(CNIError) -> [UInt8] {
        guard let result else { throw .configuration("prevResult") }
        var json = JSONWriter()
        json.element(result)
        return json.bytes + [0x0A]
    }

    /// Our entry in a chain.
    package func write(_ json: inout JSONWriter) {
        json.object { json in
            json.member("type", CNIChain.plugin)
            json.member("socket", socket)
            json.member("enrolledNamespaces", enrolled)
            json.member("whenAway", whenAway.rawValue)
            json.member("ownNamespace", ownNamespace)
            json.member("timeoutSeconds", timeoutSeconds)
        }
    }
}
