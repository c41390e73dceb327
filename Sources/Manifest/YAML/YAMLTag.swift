// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// The kinds of value that a scalar, sequence or mapping can be asked to be by an explicit tag (YAML 1.2 §10).
enum YAMLTag: UInt8 {
    /// No tag: the value's form decides (YAML 1.2 §10.3.2).
    case none
    /// `!`: a scalar is a string whatever it looks like.
    case nonSpecific
    case string
    case integer
    case float
    case boolean
    case null
    case mapping
    case sequence
    /// `!!binary`: base64 text; kept as a string.
    case binary
    /// `!!timestamp` (YAML 1.1); kept as a string.
    case timestamp
    /// `!!merge` on the key `<<` (YAML 1.1).
    case merge

    /// The tag of a complete tag URI, nil when it is not one of ours.
    init?(uri: [UInt8]) {
        let prefix = "tag:yaml.org,2002:"
        let text = String(decoding: uri, as: UTF8.self)
        guard text.hasPrefix(prefix) else { return nil }
        switch text.dropFirst(prefix.count) {
        case "str": self = .string
        case "int": self = .integer
        case "float": self = .float
        case "bool": self = .boolean
        case "null": self = .null
        case "map": self = .mapping
        case "seq": self = .sequence
        case "binary": self = .binary
        case "timestamp": self = .timestamp
        case "merge": self = .merge
        default: return nil
        }
    }
}
