// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import Testing

@testable internal import Manifest

/// One side of the comparison with another parser: `Fixtures/yaml-differential.py` runs it by hand.
@Suite("YAMLParser beside another parser")
struct YAMLDifferentialTests {
    private static let folder = ProcessInfo.processInfo.environment["AMBIT_YAML_CASES"]

    @Test(
        "Writes what each file of a folder means, as JSON of lists, objects and strings",
        .enabled(if: folder != nil, "run by Fixtures/yaml-differential.py"))
    func render() throws {
        let folder = URL(filePath: try #require(Self.folder))
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.path) where name.hasSuffix(".yaml") {
            let octets = Array(try Data(contentsOf: folder.appending(path: name)))
            let output: Any
            do {
                output = ["documents": try YAMLParser.parse(octets).map { plain($0.root) }]
            } catch {
                output = ["error": "\(error)"]
            }
            let data = try JSONSerialization.data(withJSONObject: output)
            try data.write(to: folder.appending(path: name + ".json"))
        }
    }

    private func plain(_ node: YAMLNode) -> Any {
        switch node.kind {
        case .scalar: return node.text
        case .sequence: return node.elements.map(plain)
        case .mapping:
            return node.entries.reduce(into: [String: Any]()) { $0[$1.key.text] = plain($1.value) }
        }
    }
}
