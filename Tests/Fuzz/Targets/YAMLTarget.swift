// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes

@testable import Manifest

/// YAML: a file that parses says the same when its documents are written as JSON and read again.
func fuzzYAML(_ input: Span<UInt8>) -> String? {
    var limits = YAMLLimits()
    limits.depth = 32
    limits.nodes = 2_000
    limits.expandedNodes = 2_000
    let documents: [YAMLDocument]
    do throws(ManifestError) {
        documents = try YAMLParser.parse(Array(copying: input), limits: limits)
    } catch {
        return nil
    }
    for document in documents {
        var first: [UInt8] = []
        writeJSON(document.root, to: &first)
        do throws(ManifestError) {
            var generous = YAMLLimits()
            generous.depth = 64
            let copies = try YAMLParser.parse(first, limits: generous)
            guard copies.count == 1 else { return "\(copies.count) documents after a round trip" }
            var second: [UInt8] = []
            writeJSON(copies[0].root, to: &second)
            guard first == second else { return "the document has changed" }
        } catch {
            return "the document written as JSON does not parse: \(error)"
        }
    }
    return nil
}

/// JSON: a text that parses is the same tree to the parser of YAML, and what is passed over of it is none the less JSON.
func fuzzJSON(_ input: Span<UInt8>) -> String? {
    var limits = YAMLLimits()
    limits.depth = 32
    let octets = Array(copying: input)
    let nothing = JSONSelection(.only([:]))
    let document: YAMLDocument
    do throws(ManifestError) {
        document = try YAMLDocument.parse(json: octets, limits: limits)
    } catch {
        do throws(ManifestError) {
            _ = try YAMLDocument.parse(json: octets, nothing, limits: limits)
        } catch .syntax(.duplicateKey, _) {
            return "a key that is passed over counts"
        } catch {
            return nil
        }
        // Only keys that stand twice, and sizes, do not matter where nobody reads.
        guard case .syntax(.duplicateKey, _) = error else { return "what is passed over is no JSON: \(error)" }
        return nil
    }
    do throws(ManifestError) {
        _ = try YAMLDocument.parse(json: octets, nothing, limits: limits)
        let other = try YAMLParser.parse(octets, limits: limits)
        var (first, second): ([UInt8], [UInt8]) = ([], [])
        writeJSON(document.root, to: &first)
        guard other.count == 1 else { return "\(other.count) documents of YAML" }
        writeJSON(other[0].root, to: &second)
        guard first == second, document.root.scalar == other[0].root.scalar else { return "another tree than YAML" }
    } catch {
        return "the text does not parse as YAML: \(error)"
    }
    return nil
}

private func writeJSON(_ node: YAMLNode, to output: inout [UInt8]) {
    switch node.kind {
    case .scalar:
        output.append(UInt8(ascii: "\""))
        for octet in node.textOctets {
            if octet == UInt8(ascii: "\"") || octet == UInt8(ascii: "\\") { output.append(UInt8(ascii: "\\")) }
            if octet < 0x20 {
                let digits = Array("0123456789abcdef".utf8)
                output += Array("\\u00".utf8) + [digits[Int(octet >> 4)], digits[Int(octet & 15)]]
            } else {
                output.append(octet)
            }
        }
        output.append(UInt8(ascii: "\""))
    case .sequence:
        output.append(UInt8(ascii: "["))
        var isFirst = true
        for element in node.elements {
            if !isFirst { output.append(UInt8(ascii: ",")) }
            isFirst = false
            writeJSON(element, to: &output)
        }
        output.append(UInt8(ascii: "]"))
    case .mapping:
        output.append(UInt8(ascii: "{"))
        var isFirst = true
        for (key, value) in node.entries {
            if !isFirst { output.append(UInt8(ascii: ",")) }
            isFirst = false
            writeJSON(key, to: &output)
            output.append(UInt8(ascii: ":"))
            writeJSON(value, to: &output)
        }
        output.append(UInt8(ascii: "}"))
    }
}
