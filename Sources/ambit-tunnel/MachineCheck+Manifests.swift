// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Manifest
internal import Tunnel

extension MachineCheck {
    /// What in the manifests cannot be understood or has no effect.
    static func manifests(_ configuration: TunnelConfiguration) -> [Finding] {
        do throws(ManifestError) {
            var options = FolderSource.Options()
            options.translation = configuration.translation
            var source = try FolderSource(directory: configuration.configDirectory, options: options)
            guard let load = source.load() else { return [] }
            let lost = Set(load.lost)
            return load.findings.map { problem in
                Finding(
                    verdict: problem.severity == .error ? .missing : .doubtful, subject: "manifest",
                    advice: problem.description + (lost.contains(problem) ? " (`run` does not start with it)" : ""))
            }
        } catch {
            return [Finding(verdict: .missing, subject: "manifests", advice: "\(error)")]
        }
    }
}
