// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Mesh
internal import RegularExpressions

extension ObjectDecoder {
    /// A duration as Go and the Gateway API (GEP-2257) write it: `1h10m`, `1.5s`, `100ms`; nil when absent or wrong.
    mutating func duration(_ node: YAMLNode) -> Nanoseconds? {
        guard let text = string(node) else { return nil }
        guard let value = Self.duration(text) else {
            report(.error, at: node, "must be a duration such as 1.5s, 100ms or 1h10m")
            return nil
        }
        return value
    }

    static func duration(_ text: String) -> Nanoseconds? {
        if text == "0" { return Nanoseconds(0) }
        let units: [(String, Double)] = [
            ("ns", 1), ("us", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3600e9), ("d", 86400e9),
        ]
        var rest = Substring(text)
        var total = 0.0
        while !rest.isEmpty {
            let digits = rest.prefix { ("0"..."9").contains($0) || $0 == "." }
            rest = rest.dropFirst(digits.count)
            let letters = rest.prefix { ("a"..."z").contains($0) }
            rest = rest.dropFirst(letters.count)
            guard let number = Double(digits), digits.first != ".",
                let unit = units.first(where: { $0.0 == letters })
            else { return nil }
            total += number * unit.1
        }
        // A century is long enough, and fits.
        guard !text.isEmpty, total <= 3.2e18 else { return nil }
        return Nanoseconds(Int64(total))
    }

    /// A number of any form; nil when absent or wrong.
    mutating func number(_ node: YAMLNode) -> Double? {
        switch node.scalar {
        case .integer(let value): return Double(value)
        case .float(let value) where value.isFinite: return value
        case .null: return nil
        default:
            report(.error, at: node, "must be a number")
            return nil
        }
    }

    /// Percent from 0 to 100, as parts per million; nil when absent or wrong.
    mutating func percent(_ node: YAMLNode) -> UInt32? {
        guard let value = number(node) else { return nil }
        guard (0...100).contains(value) else {
            report(.error, at: node, "must be from 0 to 100")
            return nil
        }
        return UInt32((value * 10_000).rounded())
    }

    /// Reads `{value: 12.5}` (Istio's Percent).
    mutating func percentObject(_ node: YAMLNode) -> UInt32? {
        var result: UInt32?
        fields(node) { decoder, key, value in
            guard key == "value" else { return false }
            result = decoder.percent(value)
            return true
        }
        // `percentage: {}` is 0 in the API.
        return result ?? (node.isNull ? nil : 0)
    }

    mutating func count(_ node: YAMLNode) -> UInt32? {
        integer(node, in: 0...Int64(UInt32.max)).map { UInt32($0) }
    }

    mutating func status(_ node: YAMLNode, in range: ClosedRange<Int64> = 200...599) -> UInt16? {
        integer(node, in: range).map { UInt16($0) }
    }

    /// A boolean wrapper of protobuf is a boolean in YAML.
    mutating func flag(_ node: YAMLNode) -> Bool { boolean(node) ?? false }

    /// Checks an expression; what is wrong with it is noted without making the whole object void.
    mutating func isExpression(_ pattern: String, at node: YAMLNode) -> Bool {
        do throws(RegularExpressionError) {
            _ = try RegularExpression(pattern)
            return true
        } catch {
            reportRule(at: node, "\(error)")
            return false
        }
    }

    /// Notes something that makes one rule void, and not its object.
    mutating func reportRule(at node: YAMLNode, _ text: String, reason: Finding.Reason? = nil) {
        report(.error, at: node, text, counts: false, reason: reason)
    }

    // MARK: - Header fields

    /// A name of a header field in lower case; nil, and noted, when it is none (RFC 9110 §5.1).
    mutating func fieldName(_ text: String, at node: YAMLNode, allowsPseudo: Bool = false) -> String? {
        let name = text.asciiLowercased
        let token = allowsPseudo && name.hasPrefix(":") ? name.dropFirst() : Substring(name)
        guard !token.isEmpty, token.utf8.allSatisfy(Self.isTokenOctet), token.utf8.count <= 256 else {
            reportRule(at: node, "\"\(printable(text))\" is no name of a header field")
            return nil
        }
        return name
    }

    private static func isTokenOctet(_ octet: UInt8) -> Bool {
        switch octet {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        default: "!#$%&'*+-.^_`|~".utf8.contains(octet)
        }
    }

    /// Checks a value of a header field (RFC 9110 §5.5); nil, and noted, when it is none.
    mutating func fieldValue(_ text: String, at node: YAMLNode) -> String? {
        guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }), text.utf8.count <= 16_384 else {
            reportRule(at: node, "the value holds control characters")
            return nil
        }
        if let percent = text.firstIndex(of: "%"), text[percent...].dropFirst().contains("%") {
            report(.warning, at: node, "values are written as they are: Envoy's %COMMANDS% are not replaced")
        }
        return text
    }

    /// Reads operations as a mapping of `set`, `add` and `remove` (VirtualService: mappings; Gateway API: lists of name and value).
    mutating func headerOperations(_ node: YAMLNode, isBroken: inout Bool) -> HeaderOperations {
        var operations = HeaderOperations()
        var broken = false
        fields(node) { decoder, key, value in
            switch key {
            case "set": operations.set = decoder.headerFields(value, &broken)
            case "add": operations.add = decoder.headerFields(value, &broken)
            case "remove":
                decoder.list(value) { decoder, element in
                    guard let text = decoder.string(element) else { return }
                    if let name = decoder.fieldName(text, at: element) {
                        operations.remove.append(name)
                    } else {
                        broken = true
                    }
                }
            default: return false
            }
            return true
        }
        if broken { isBroken = true }
        return operations
    }

    private mutating func headerFields(_ node: YAMLNode, _ broken: inout Bool) -> [HeaderOperations.Field] {
        var result: [HeaderOperations.Field] = []
        var isBroken = false
        func add(_ decoder: inout ObjectDecoder, _ name: String, _ text: String, _ node: YAMLNode) {
            guard let name = decoder.fieldName(name, at: node, allowsPseudo: true),
                let value = decoder.fieldValue(text, at: node)
            else {
                isBroken = true
                return
            }
            if name.hasPrefix(":"), name != ":authority" {
                decoder.reportRule(at: node, "of the pseudo-header fields only :authority can be changed")
                isBroken = true
                return
            }
            if !result.contains(where: { $0.name == name }) {
                result.append(HeaderOperations.Field(name, text == value ? text : value))
            }
        }
        if node.kind == .sequence {
            list(node) { decoder, element in
                var name: String?
                var text: String?
                decoder.fields(element) { decoder, key, value in
                    switch key {
                    case "name": name = decoder.string(value)
                    case "value": text = decoder.string(value)
                    default: return false
                    }
                    return true
                }
                guard let name, let text else {
                    decoder.reportRule(at: element, "a header field needs a name and a value")
                    isBroken = true
                    return
                }
                add(&decoder, name, text, element)
            }
        } else {
            fields(node) { decoder, key, value in
                if let text = decoder.string(value) { add(&decoder, key, text, value) }
                return true
            }
        }
        if isBroken { broken = true }
        return result
    }
}
