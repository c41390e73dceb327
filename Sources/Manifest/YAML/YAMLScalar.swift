// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// The value a scalar stands for, by the YAML 1.2 core schema (§10.3.2).
///
/// Where kubectl (go-yaml 2, YAML 1.1) reads a plain scalar otherwise, we take the reading that a field asks for: `yes`, `no`,
/// `on`, `off`, `y`, `n` are strings here, and a boolean field accepts them too (`YAMLNode.boolean`). A number with leading
/// zeros is decimal in YAML 1.2 and octal for kubectl: a number field refuses it rather than guess (`YAMLNode.integer`).
package enum YAMLScalar: Equatable, Sendable {
    case null
    case boolean(Bool)
    case integer(Int64)
    case float(Double)
    case string
}

extension YAMLNode {
    /// The type of a scalar by its tag or its form; nil for a collection.
    package var scalar: YAMLScalar? {
        guard kind == .scalar else { return nil }
        switch tag {
        case .none: return isPlain ? YAMLScalar(plain: textOctets) : .string
        case .nonSpecific, .string, .binary, .timestamp, .merge: return .string
        case .integer, .boolean, .null: return YAMLScalar(plain: textOctets)
        case .float:
            // `!!float 3` is a float although it looks like an integer.
            if case .integer(let value) = YAMLScalar(plain: textOctets) { return .float(Double(value)) }
            return YAMLScalar(plain: textOctets)
        case .mapping, .sequence: return nil
        }
    }

    /// Whether this is null: `null`, `~`, or nothing at all.
    package var isNull: Bool { scalar == .null }

    /// A string; nil for null, booleans and numbers without quotes, as the Kubernetes API has it.
    package var string: String? { scalar == .string ? text : nil }

    /// A boolean, in the words of YAML 1.2 and those of YAML 1.1 that kubectl takes.
    package var boolean: Bool? {
        guard let scalar else { return nil }
        if case .boolean(let value) = scalar { return value }
        guard scalar == .string, isPlain, tag == .none else { return nil }
        switch text {
        case "y", "Y", "yes", "Yes", "YES", "on", "On", "ON": return true
        case "n", "N", "no", "No", "NO", "off", "Off", "OFF": return false
        default: return nil
        }
    }

    /// An integer; nil for other types, and for decimal digits with a leading zero, which kubectl reads as octal.
    package var integer: Int64? {
        guard case .integer(let value) = scalar else { return nil }
        var digits = textOctets
        if digits.first == UInt8(ascii: "-") || digits.first == UInt8(ascii: "+") { digits = digits.dropFirst() }
        if digits.count > 1, digits.first == UInt8(ascii: "0"), digits.allSatisfy({ (0x30...0x39).contains($0) }) {
            return nil
        }
        return value
    }
}

extension YAMLScalar {
    /// Types a plain scalar (YAML 1.2 §10.3.2); integers beyond 64 bits become floats.
    init(plain octets: ArraySlice<UInt8>) {
        guard octets.count <= 64, let first = octets.first else {
            self = octets.isEmpty ? .null : .string
            return
        }
        let text = String(decoding: octets, as: UTF8.self)
        switch first {
        case UInt8(ascii: "~"), UInt8(ascii: "n"), UInt8(ascii: "N"), UInt8(ascii: "t"), UInt8(ascii: "T"),
            UInt8(ascii: "f"), UInt8(ascii: "F"):
            switch text {
            case "~", "null", "Null", "NULL": self = .null
            case "true", "True", "TRUE": self = .boolean(true)
            case "false", "False", "FALSE": self = .boolean(false)
            default: self = .string
            }
        case 0x30...0x39, UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."):
            self = Self.number(octets, text) ?? .string
        default: self = .string
        }
    }

    private static func number(_ octets: ArraySlice<UInt8>, _ text: String) -> YAMLScalar? {
        var digits = octets
        let sign = octets.first
        if sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") { digits = digits.dropFirst() }
        let isSigned = digits.count < octets.count
        switch String(decoding: digits, as: UTF8.self) {
        case ".inf", ".Inf", ".INF": return .float(sign == UInt8(ascii: "-") ? -.infinity : .infinity)
        case ".nan", ".NaN", ".NAN": return isSigned ? nil : .float(.nan)
        default: break
        }
        if !isSigned, text.hasPrefix("0x") || text.hasPrefix("0o") {
            guard digits.dropFirst(2).first != UInt8(ascii: "+"), digits.dropFirst(2).first != UInt8(ascii: "-") else {
                return nil
            }
            return Int64(text.dropFirst(2), radix: text.hasPrefix("0x") ? 16 : 8).map { .integer($0) }
        }
        if !digits.isEmpty, digits.allSatisfy({ (0x30...0x39).contains($0) }) {
            if let value = Int64(text) { return .integer(value) }
            return Double(text).map { .float($0) }
        }
        guard isFloat(digits) else { return nil }
        return Double(String(decoding: digits, as: UTF8.self)).map {
            .float(sign == UInt8(ascii: "-") ? -$0 : $0)
        }
    }

    /// `(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?` without the sign.
    private static func isFloat(_ octets: ArraySlice<UInt8>) -> Bool {
        var rest = octets
        func takeDigits() -> Int {
            let count = rest.prefix(while: { (0x30...0x39).contains($0) }).count
            rest = rest.dropFirst(count)
            return count
        }
        let whole = takeDigits()
        if rest.first == UInt8(ascii: ".") {
            rest = rest.dropFirst()
            let fraction = takeDigits()
            guard whole + fraction > 0 else { return false }
        } else if whole == 0 {
            return false
        }
        if rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") {
            rest = rest.dropFirst()
            if rest.first == UInt8(ascii: "-") || rest.first == UInt8(ascii: "+") { rest = rest.dropFirst() }
            guard takeDigits() > 0 else { return false }
        }
        return rest.isEmpty
    }
}
