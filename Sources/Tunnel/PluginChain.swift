// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import Telemetry

/// Keeps the CNI plugin in the runtime's list: whoever installs the network plugin anew writes the list without ours.
///
/// Used by the control thread only.
final class PluginChain {
    private let installation: CNIInstallation
    private let observer: ControlObserver
    private var complaint: String?
    /// Our entry as it was seen last: what an operator has set stays.
    private var entry: [UInt8]?

    /// Nil when the list is left alone.
    init?(_ configuration: TunnelConfiguration, _ observer: ControlObserver) {
        guard !configuration.cniDirectory.isEmpty else { return nil }
        var installation = CNIInstallation()
        installation.listDirectory = configuration.cniDirectory
        installation.configuration.socket = configuration.cniSocket
        if !configuration.stateDirectory.isEmpty {
            installation.configuration.enrolled = EnrolledNamespaces.path(configuration.stateDirectory)
        }
        self.installation = installation
        self.observer = observer
    }

    /// Looks, and chains the plugin when it is not in the list.
    func keep() {
        do throws(CNIError) {
            if let path = try installation.keep(&entry) {
                observer.log.log(.info, .main, "CNI plugin is chained") { $0.field("file", path) }
            }
            complaint = nil
        } catch {
            let text = "\(error)"
            if complaint != text {
                observer.log.log(.error, .main, "CNI plugin cannot be chained") { $0.field("error", text) }
            }
            complaint = text
        }
    }
}
