// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Manifest
internal import Telemetry

/// Objects of the API server as text again, without what the mesh does not read: what a snapshot keeps of them.
///
/// Of a pod neither environment nor commands nor volumes are kept, so no secret that stands in them; Secrets are not followed.
enum ObjectText {
    /// The object as JSON on one line.
    static func octets(_ node: YAMLNode, _ kind: ObjectKind, apiVersion: String) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.member("apiVersion", apiVersion)
            json.member("kind", kind.name)
            for (key, value) in node.entries {
                switch key.text {
                case "apiVersion", "kind": break
                case "metadata": json.member("metadata") { metadata(value, to: &$0) }
                case "spec" where kind == .pod: json.member("spec") { podSpec(value, to: &$0) }
                case "status" where kind == .pod: json.member("status") { podStatus(value, to: &$0) }
                default: if !hasMetadataOnly(kind) { json.member(key.text) { $0.element(value) } }
                }
            }
        }
        return json.bytes
    }

    private static func hasMetadataOnly(_ kind: ObjectKind) -> Bool {
        switch kind {
        case .namespace, .node, .pod, .serviceAccount, .secret, .configMap: true
        default: false
        }
    }

    private static func metadata(_ node: YAMLNode, to json: inout JSONWriter) {
        json.object { json in
            for (key, value) in node.entries {
                switch key.text {
                case "name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "labels", "ownerReferences":
                    json.member(key.text) { $0.element(value) }
                case "annotations":
                    json.member("annotations") { json in
                        json.object { json in
                            for (name, text) in value.entries where ObjectReduction.isRead(name.text) {
                                json.member(name.text) { $0.element(text) }
                            }
                        }
                    }
                default: break
                }
            }
        }
    }

    private static func podSpec(_ node: YAMLNode, to json: inout JSONWriter) {
        json.object { json in
            for (key, value) in node.entries {
                switch key.text {
                case "nodeName", "serviceAccountName", "hostNetwork": json.member(key.text) { $0.element(value) }
                case "containers", "initContainers":
                    json.member(key.text) { json in
                        json.array { json in for container in value.elements { ports(of: container, to: &json) } }
                    }
                default: break
                }
            }
        }
    }

    private static func ports(of container: YAMLNode, to json: inout JSONWriter) {
        json.object { json in
            if let ports = container["ports"] { json.member("ports") { $0.element(ports) } }
        }
    }

    private static func podStatus(_ node: YAMLNode, to json: inout JSONWriter) {
        json.object { json in
            for (key, value) in node.entries {
                switch key.text {
                case "phase", "podIP", "podIPs": json.member(key.text) { $0.element(value) }
                case "conditions":
                    json.member("conditions") { json in
                        json.array { json in
                            for condition in value.elements where condition["type"]?.string == "Ready" {
                                json.object { json in
                                    json.member("type", "Ready")
                                    json.member("status", condition["status"]?.string ?? "")
                                }
                            }
                        }
                    }
                default: break
                }
            }
        }
    }
}

extension JSONWriter {
    /// Writes a member whose value `body` writes.
    fileprivate mutating func member(_ name: String, _ body: (inout JSONWriter) -> Void) {
        self.name(name)
        body(&self)
    }
}
