// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import LinuxIO
package import Manifest
internal import Mesh

/// What is to be analysed: files, a folder, or files as if they were in a folder.
package struct AnalysisInput: Sendable {
    /// Objects and findings.
    package private(set) var content: ConfigurationFolder.Content
    /// Files that were named; empty: all count.
    package let files: Set<String>
    /// Whether the content is all there is.
    package let isComplete: Bool

    /// Reads a folder, files, or both.
    ///
    /// - Parameters:
    ///   - folder: the configuration folder; nil: there are only the files.
    ///   - paths: files, or folders of files; what stands in them counts instead of what the folder says of the same objects.
    package init(folder: ConfigurationFolder?, paths: [String]) throws(OperatorError) {
        isComplete = folder != nil
        var store = ObjectStore()
        var findings: [Finding] = []
        if let folder { (store, findings) = try folder.read(keepsSource: true) }
        var names: Set<String> = []
        for path in paths {
            for file in try Self.files(path) {
                names.insert(file)
                let limits = YAMLLimits()
                let octets: [UInt8]
                do { octets = try FileSystem.contents(of: file, limit: limits.fileBytes + 1) } catch {
                    throw OperatorError("\(file): cannot be read (\(error))")
                }
                Self.add(octets, file: file, to: &store, &findings)
            }
        }
        files = names
        content = Self.content(store, findings, isComplete: isComplete)
    }

    /// Takes texts as files of these names.
    init(texts: [(file: String, text: String)], isComplete: Bool) {
        var store = ObjectStore()
        var findings: [Finding] = []
        for (file, text) in texts { Self.add(Array(text.utf8), file: file, to: &store, &findings) }
        files = []
        self.isComplete = isComplete
        content = Self.content(store, findings, isComplete: isComplete)
    }

    /// What is wrong, in the files that were named if there are any.
    package var findings: [Finding] {
        let all = MeshAnalysis.findings(content, isComplete: isComplete)
        return files.isEmpty ? all : all.filter { files.contains($0.file) }
    }

    private static func content(
        _ store: ObjectStore, _ findings: [Finding], isComplete: Bool
    ) -> ConfigurationFolder.Content {
        let translation = translate(store)
        var more = translation.findings
        if !isComplete, translation.model.services.isEmpty {
            // What routes refer to may be elsewhere.
            let kinds = ObjectKind.allCases.filter(\.isForWaypoints).map { $0.name + " " }
            more.removeAll { finding in kinds.contains { finding.object.hasPrefix($0) } }
        }
        return ConfigurationFolder.Content(
            entries: store.merged().entries, model: translation.model, findings: findings + more)
    }

    private static func add(
        _ octets: [UInt8], file: String, to store: inout ObjectStore, _ findings: inout [Finding]
    ) {
        var reader = ManifestReader()
        reader.keepsWaypointObjects = true
        do {
            let contents = try reader.read(octets, file: file)
            findings += contents.findings + store.replace(file: file, with: contents)
        } catch {
            guard case .syntax(let problem, let place) = error else { return }
            findings.append(
                Finding(.error, file: file, line: place.line, text: "column \(place.column): \(problem.advice)"))
        }
    }

    /// The manifests that a path names: a file, or those of a folder and of the folders directly in it.
    private static func files(_ path: String, depth: Int = 0) throws(OperatorError) -> [String] {
        do throws(SystemError) {
            guard try FileSystem.status(of: path).kind == .directory else { return [path] }
        } catch {
            throw OperatorError("\(path): cannot be read (\(error))")
        }
        let names: [String]
        do { names = try FileSystem.names(in: path, limit: 50_000) } catch {
            throw OperatorError("\(path): cannot be read (\(error))")
        }
        var result: [String] = []
        for name in names where !name.hasPrefix(".") {
            let inner = path.hasSuffix("/") ? path + name : "\(path)/\(name)"
            if [".yaml", ".yml", ".json"].contains(where: name.hasSuffix) {
                result.append(inner)
            } else if depth == 0, isFolder(inner) {
                result += try files(inner, depth: 1)
            }
        }
        return result
    }

    private static func isFolder(_ path: String) -> Bool {
        do { return try FileSystem.status(of: path).kind == .directory } catch { return false }
    }
}
