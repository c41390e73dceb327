// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

extension YAMLDocument {
    /// Parses the YAML or JSON documents of a text that is no manifest: the answers of an admin port, for example.
    ///
    /// - Throws: `.syntax` with the place of the first problem.
    package static func parse(
        _ octets: [UInt8], limits: YAMLLimits = YAMLLimits()
    ) throws(ManifestError) -> [YAMLDocument] {
        try YAMLParser.parse(octets, limits: limits)
    }
}
