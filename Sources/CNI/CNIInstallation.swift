// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Kubernetes
internal import LinuxIO

/// The plugin on a node: its executable among the others, and its place in the list that the runtime reads.
package struct CNIInstallation: Sendable {
    /// Where runtimes look for executables; theirs by default.
    package var binaryDirectory = "/opt/cni/bin"
    /// Where runtimes look for lists; theirs by default.
    package var listDirectory = "/etc/cni/net.d"
    /// What our entry says.
    package var configuration = CNIConfiguration()

    /// A list is some KiB.
    private static let maximumList = 1 << 20
    /// Files in the directory of lists that are looked at.
    private static let maximumFiles = 256
    /// Attempts when somebody else writes the list at the same time.
    private static let attempts = 5

    /// The usual places.
    package init() {}

    /// Chains the plugin into the list that the runtime reads: the first by name.
    ///
    /// - Returns: the path of the list when it was changed; nil when the plugin is in it already.
    /// - Throws: `.noList`, `.malformed`, `.file`.
    package func chain() throws(CNIError) -> String? {
        guard let name = try lists().first, name.hasSuffix(".conflist") else { throw .noList }
        let path = "\(listDirectory)/\(name)"
        let configuration = configuration
        let isChanged = try change(path) { (text) throws(KubernetesError) in
            try CNIChain.adding(configuration, to: text)
        }
        return isChanged ? path : nil
    }

    /// Chains the plugin again when somebody has written the list without it; an entry that is there stays as it is.
    ///
    /// - Parameter last: our entry as it was seen last, which comes back; nil when none was.
    /// - Returns: the path of the list when it was changed.
    /// - Throws: `.noList`, `.malformed`, `.file`, `.busy`.
    package func keep(_ last: inout [UInt8]?) throws(CNIError) -> String? {
        guard let name = try lists().first, name.hasSuffix(".conflist") else { throw .noList }
        let path = "\(listDirectory)/\(name)"
        var entry = last ?? CNIChain.entry(of: configuration)
        let isChanged = try change(path) { (text) throws(KubernetesError) in
            if let present = try CNIChain.entry(in: text) { entry = present }
            return try CNIChain.adding(entry, to: text)
        }
        last = entry
        return isChanged ? path : nil
    }

    /// Takes the plugin out of every list, and its executable away with what belongs to it.
    ///
    /// - Returns: the lists that were changed.
    /// - Throws: `.file`; a list that cannot be read is no list of ours.
    package func remove() throws(CNIError) -> [String] {
        var changed: [String] = []
        for name in try lists() where name.hasSuffix(".conflist") {
            let path = "\(listDirectory)/\(name)"
            do throws(CNIError) {
                let isChanged = try change(path) { (text) throws(KubernetesError) in try CNIChain.removing(from: text) }
                if isChanged { changed.append(path) }
            } catch .malformed {
                continue
            }
        }
        try removeBinary()
        return changed
    }

    /// The files that a runtime takes for network configurations, in its order (libcni `ConfFiles`).
    private func lists() throws(CNIError) -> [String] {
        do throws(SystemError) {
            return try FileSystem.names(in: listDirectory, limit: Self.maximumFiles).filter { name in
                !name.hasPrefix(".") && [".conf", ".conflist", ".json"].contains { name.hasSuffix($0) }
            }
        } catch {
            throw .file(error)
        }
    }

    /// Reads, edits and replaces a file, again when somebody else wrote it meanwhile.
    private func change(
        _ path: String, _ edit: ([UInt8]) throws(KubernetesError) -> [UInt8]?
    ) throws(CNIError) -> Bool {
        for _ in 0..<Self.attempts {
            let (file, version, text) = try read(path)
            let new: [UInt8]?
            do throws(KubernetesError) { new = try edit(text) } catch { throw .malformed }
            guard let new else { return false }
            do throws(SystemError) {
                if try FileReplacement.replace(file, version: version, with: new) == .done { return true }
            } catch {
                throw .file(error)
            }
        }
        throw .busy
    }

    private func read(_ path: String) throws(CNIError) -> (file: String, version: FileSystem.Status, text: [UInt8]) {
        do throws(SystemError) {
            let file = try FileReplacement.resolved(path)
            let version = try FileSystem.statusOfLink(file)
            return (file, version, try FileSystem.contents(of: file, limit: Self.maximumList))
        } catch {
            throw .file(error)
        }
    }
}
