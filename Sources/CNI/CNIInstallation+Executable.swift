// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import LinuxIO

// The executable among the runtime's others is a link into one of two hidden folders, the one that is complete. The other folder
// keeps what was there before, for calls that have just begun, until it is filled the next time.
extension CNIInstallation {
    private typealias File = (name: String, octets: [UInt8])

    /// Our executable takes some ten MiB, each library less.
    private static let maximumFile = 256 << 20
    /// Files of one folder; the executable has a dozen libraries.
    private static let maximumFiles = 256

    private var link: String { "\(binaryDirectory)/\(CNIChain.plugin)" }

    private func folder(_ letter: String) -> String { ".\(CNIChain.plugin)-\(letter)" }

    /// Puts our own executable among the plugins, with the loader and the libraries that it has here: the node need not have them.
    ///
    /// - Parameter libraries: their files and the loader's; this process's unless given.
    /// - Returns: whether it was not there already, octet by octet.
    /// - Throws: `.file`; `.executable` when the source is none of ours.
    package func installBinary(
        from source: String = "/proc/self/exe", libraries: [String]? = nil
    ) throws(CNIError) -> Bool {
        let executable = try RelocatedExecutable(try contents(of: source))
        var files: [File] = []
        for path in executable.isStatic ? [] : libraries ?? LoadedLibraries.paths {
            files.append((Self.name(path), try contents(of: path)))
        }
        do throws(SystemError) {
            // The runtime sees the folder under the same path, or cannot run what is in it.
            let directory = try FileReplacement.resolved(binaryDirectory)
            let letter = current(in: directory)
            if let letter, try isComplete(files, executable, "\(directory)/\(folder(letter))") { return false }
            let next = folder(letter == "a" ? "b" : "a")
            try remove("\(directory)/\(next)")
            try FileSystem.makeDirectory("\(directory)/\(next)")
            for file in files + [Self.copy(executable, "\(directory)/\(next)")] {
                _ = try FileReplacement.put("\(directory)/\(next)/\(file.name)", file.octets, mode: 0o755)
            }
            try FileReplacement.putLink(link, to: "\(next)/\(CNIChain.plugin)")
            return true
        } catch {
            throw .file(error)
        }
    }

    /// Takes the executable and its folders away.
    func removeBinary() throws(CNIError) {
        do throws(SystemError) {
            try FileReplacement.removeIfThere(link)
            for letter in ["a", "b"] { try remove("\(binaryDirectory)/\(folder(letter))") }
        } catch {
            throw .file(error)
        }
    }

    /// Removes a folder of files, and the one it stands in when that is empty then and no mount.
    ///
    /// - Returns: false when there is no such folder.
    /// - Throws: `.file`, as for a folder that has folders in it.
    package func removeFolder(_ folder: String) throws(CNIError) -> Bool {
        let path: String
        do throws(SystemError) {
            guard let resolved = try resolved(folder) else { return false }
            path = resolved
            try remove(path)
        } catch {
            throw .file(error)
        }
        do throws(SystemError) {
            if let end = path.lastIndex(of: "/") { try FileSystem.removeDirectory(String(path[..<end])) }
        } catch {
            // Somebody else has something there.
        }
        return true
    }

    private func resolved(_ path: String) throws(SystemError) -> String? {
        do throws(SystemError) { return try FileReplacement.resolved(path) } catch {
            guard error.isNotFound else { throw error }
            return nil
        }
    }

    /// Which folder the link leads to; nil when there is no such link.
    private func current(in directory: String) -> String? {
        do throws(SystemError) {
            let path = try FileReplacement.resolved(link)
            return ["a", "b"].first { path == "\(directory)/\(folder($0))/\(CNIChain.plugin)" }
        } catch {
            return nil
        }
    }

    private func isComplete(
        _ files: [File], _ executable: RelocatedExecutable, _ folder: String
    ) throws(SystemError) -> Bool {
        for file in files + [Self.copy(executable, folder)] {
            do throws(SystemError) {
                guard try FileSystem.contents(of: "\(folder)/\(file.name)", limit: Self.maximumFile) == file.octets
                else { return false }
            } catch {
                guard error.isNotFound else { throw error }
                return false
            }
        }
        return true
    }

    /// The executable for a folder.
    private static func copy(_ executable: RelocatedExecutable, _ folder: String) -> File {
        (CNIChain.plugin, executable.relocated(to: folder))
    }

    private func remove(_ folder: String) throws(SystemError) {
        do throws(SystemError) {
            for name in try FileSystem.names(in: folder, limit: Self.maximumFiles) {
                try FileReplacement.removeIfThere("\(folder)/\(name)")
            }
            try FileSystem.removeDirectory(folder)
        } catch {
            guard error.isNotFound else { throw error }
        }
    }

    private func contents(of path: String) throws(CNIError) -> [UInt8] {
        do throws(SystemError) { return try FileSystem.contents(of: path, limit: Self.maximumFile) } catch {
            throw .file(error)
        }
    }

    private static func name(_ path: String) -> String { path.split(separator: "/").last.map(String.init) ?? path }
}
