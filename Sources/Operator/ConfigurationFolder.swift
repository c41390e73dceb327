// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import LinuxIO
package import Manifest
package import Mesh

/// A configuration folder (`--config DIR`) that is read once and changed file by file.
package struct ConfigurationFolder: Sendable {
    /// What a folder says.
    package struct Content: Sendable {
        /// The objects that count, in the order of their keys.
        package let entries: [ObjectStore.Entry]
        /// The mesh they describe.
        package let model: MeshModel
        /// What is wrong.
        package let findings: [Finding]

        /// Puts the parts together.
        package init(entries: [ObjectStore.Entry], model: MeshModel, findings: [Finding]) {
            self.entries = entries
            self.model = model
            self.findings = findings
        }

        /// An object; nil when the folder does not have it.
        package func entry(_ key: ObjectKey) -> ObjectStore.Entry? { entries.first { $0.object.key == key } }
    }

    /// How often a change is tried again while other programs change the same file.
    private static let attempts = 20

    /// The folder.
    package let path: String

    /// Names a folder; nothing is read yet.
    package init(_ path: String) {
        self.path = path
    }

    /// Reads the folder as it is now.
    package func load() throws(OperatorError) -> Content {
        let (store, findings) = try read(keepsSource: false)
        let translation = translate(store)
        return Content(
            entries: store.merged().entries, model: translation.model, findings: findings + translation.findings)
    }

    /// The objects of the folder, and what is wrong with single ones.
    ///
    /// - Parameter keepsSource: whether objects keep the text they were written as.
    func read(keepsSource: Bool) throws(OperatorError) -> (store: ObjectStore, findings: [Finding]) {
        do throws(ManifestError) {
            var options = FolderSource.Options()
            options.reader.keepsWaypointObjects = keepsSource
            var source = try FolderSource(directory: path, options: options)
            let load = source.load()
            let found = Set(translate(source.objects).findings)
            return (source.objects, (load?.findings ?? []).filter { !found.contains($0) })
        } catch {
            throw OperatorError("--config \(path): \(error)")
        }
    }

    /// Runs `body` while no other command of ours changes the folder.
    package func locked<Result>(_ body: () throws(OperatorError) -> Result) throws(OperatorError) -> Result {
        let lock = try lock()
        defer { withExtendedLifetime(lock) {} }
        return try body()
    }

    private func lock() throws(OperatorError) -> OwnedDescriptor {
        do { return try FileReplacement.lock(directory: path) } catch {
            throw OperatorError("--config \(path): cannot be opened (\(error))")
        }
    }

    /// Changes a file in one step, or makes or removes it; owner and mode stay.
    ///
    /// - Parameters:
    ///   - file: the name, relative to the folder.
    ///   - change: gets the file as it is, nil when it is not there, and answers what it should be, nil for gone. Asked again
    ///     when another program has changed the file meanwhile.
    /// - Returns: whether the file is another one now.
    package func edit(
        _ file: String, _ change: (ManifestText?) throws(OperatorError) -> ManifestText?
    ) throws(OperatorError) -> Bool {
        for _ in 0..<Self.attempts {
            if let isChanged = try attempt(file, change) { return isChanged }
        }
        throw OperatorError("\(path)/\(file): another program keeps changing the file; try again")
    }

    /// - Returns: nil when the file was changed meanwhile.
    private func attempt(
        _ file: String, _ change: (ManifestText?) throws(OperatorError) -> ManifestText?
    ) throws(OperatorError) -> Bool? {
        guard let (name, version, octets) = try read(file) else {
            guard let new = try change(nil) else { return false }
            let outcome = try system(file) { () throws(SystemError) -> FileReplacement.Outcome in
                try FileReplacement.create("\(path)/\(file)", with: new.octets)
            }
            return outcome == .done ? true : nil
        }
        let old: ManifestText
        do { old = try ManifestText(octets) } catch {
            throw OperatorError("\(path)/\(file): \(error); correct it first")
        }
        let new: ManifestText?
        do { new = try change(old) } catch { throw OperatorError("\(path)/\(file): \(error)") }
        if let new, new.octets == octets { return false }
        let outcome = try system(file) { () throws(SystemError) -> FileReplacement.Outcome in
            guard let new else { return try FileReplacement.remove(name, version: version) }
            return try FileReplacement.replace(name, version: version, with: new.octets)
        }
        return outcome == .done ? true : nil
    }

    /// Reads a file and tells which version of it that is; nil when it is not there.
    private func read(
        _ file: String
    ) throws(OperatorError) -> (name: String, version: FileSystem.Status, octets: [UInt8])? {
        let path = "\(path)/\(file)"
        do { _ = try FileSystem.statusOfLink(path) } catch {
            if error.isNotFound { return nil }
            throw OperatorError("\(path): \(error)")
        }
        return try system(file) { () throws(SystemError) -> (String, FileSystem.Status, [UInt8]) in
            let name = try FileReplacement.resolved(path)
            let version = try FileSystem.statusOfLink(name)
            let limits = YAMLLimits()
            return (name, version, try FileSystem.contents(of: name, limit: limits.fileBytes + 1))
        }
    }

    private func system<Result>(
        _ file: String, _ call: () throws(SystemError) -> Result
    ) throws(OperatorError) -> Result {
        do throws(SystemError) { return try call() } catch {
            let advice: String
            if error.isSeveralNames {
                advice = "the file has several names (hard links), which a change would part; change it by hand"
            } else if error.isNotPermitted {
                advice = "\(error); run the command as the owner of the file and the folder, or as root"
            } else {
                advice = "\(error)"
            }
            throw OperatorError("\(path)/\(file): \(advice)")
        }
    }
}
