// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Manifest
package import Telemetry

extension JSONWriter {
    /// Writes a value as it was read.
    package mutating func element(_ node: YAMLNode) {
        switch node.kind {
        case .mapping:
            object { json in
                for (key, value) in node.entries {
                    json.name(key.text)
                    json.element(value)
                }
            }
        case .sequence: array { json in for value in node.elements { json.element(value) } }
        case .scalar:
            switch node.scalar {
            case .null: null()
            case .boolean(let value): element(value)
            case .integer(let value): element(value)
            case .float(let value) where value.isFinite: element(value)
            case .float, .string, nil: element(node.text)
            }
        }
    }
}
