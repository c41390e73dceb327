// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import LinuxIO
internal import Telemetry

/// The file that tells the CNI plugin, while no tunnel runs, which namespaces are enrolled.
///
/// Used by the control thread only.
final class EnrolledNamespaces {
    private let path: String
    private let observer: ControlObserver
    private var written: [String]?
    private var complaint: String?

    /// Nil without a state directory, or without a plugin that could ask.
    init?(_ configuration: TunnelConfiguration, _ observer: ControlObserver) {
        guard !configuration.stateDirectory.isEmpty, !configuration.cniSocket.isEmpty else { return nil }
        path = Self.path(configuration.stateDirectory)
        self.observer = observer
    }

    static func path(_ stateDirectory: String) -> String { stateDirectory + "/enrolled-namespaces" }

    /// Writes the names down when they are others than before.
    func keep(_ names: [String]) {
        guard names != written else { return }
        do throws(SystemError) {
            _ = try FileReplacement.put(path, Array(names.map { $0 + "\n" }.joined().utf8))
            written = names
            complaint = nil
        } catch {
            let text = "\(error)"
            if complaint != text {
                observer.log.log(.error, .main, "enrolled namespaces cannot be written down for the CNI plugin") {
                    $0.field("file", path)
                    $0.field("error", text)
                }
            }
            complaint = text
        }
    }
}
