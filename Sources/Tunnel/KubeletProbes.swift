// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import LinuxIO
internal import Redirection

/// Keeps the kubelet's probes of captured pods out of the capture, so that they reach pods which take no plain text.
///
/// The rules are in the node's network namespace while there are captured pods, and stay there when the tunnel ends, as the
/// pods' own do. Used by the control thread only.
package final class KubeletProbes {
    /// What `--kubelet-cgroup` says when probes are to be captured as anything else is.
    package static let none = "none"

    private let search: KubeletSearch
    private let named: String
    private let exemption: ProbeExemption
    private let own: ControlGroupNamespace
    private let watch: DirectoryWatch
    private let observer: ControlObserver
    /// Those whose probes are exempt; nil before anything is known of pods.
    private var pods: Set<IPAddress>?
    /// The kubelet's group as rules name it, and its path, as they were seen last.
    private var kubelet: ControlGroup?
    private var path: String?
    /// The folder above the group's, which tells when the kubelet is started anew, and the group's name there.
    private var place: (watch: CInt, folder: String, name: String)?
    private var complaint: String?

    /// Whether rules can be written, or are: only then may pods let the probe addresses pass.
    private(set) var isInForce = false

    /// Nil where there is no kubelet, as with a folder, or where its probes are not to be exempt.
    init?(_ configuration: TunnelConfiguration, _ observer: ControlObserver) throws(StartError) {
        guard configuration.followsCluster, configuration.kubeletGroup != Self.none else { return nil }
        search = KubeletSearch(directory: configuration.processDirectory)
        named = configuration.kubeletGroup
        self.observer = observer
        do throws(RedirectionError) { exemption = try ProbeExemption() } catch {
            throw .configuration("probes: \(error)")
        }
        do throws(SystemError) {
            own = try ControlGroupNamespace.own()
            watch = try DirectoryWatch()
        } catch {
            throw .system(error, "control groups")
        }
        write()
    }

    /// What would keep `run` with this configuration from exempting probes, without changing anything; nil when nothing would.
    package static func obstacle(_ configuration: TunnelConfiguration) -> String? {
        let search = KubeletSearch(directory: configuration.processDirectory)
        do {
            let node = try NetworkNamespace(path: "\(search.directory)/1/ns/net").identity
            let groups = try ControlGroupNamespace(path: "\(search.directory)/1/ns/cgroup")
            try groups.within(returningTo: try .own(), orThrow: { .groups($0) }) { () throws(KubeletProbesError) in
                let path = configuration.kubeletGroup
                _ = try search.group(path.isEmpty ? try search.path(in: node) : path)
            }
            return nil
        } catch {
            return "\(error)"
        }
    }

    /// Readable when something has happened beside the kubelet's group.
    var descriptor: CInt { watch.rawValue }

    /// Takes what has happened there; says whether the kubelet's group was made anew, which is worth a look.
    func receive() -> Bool {
        var isAnew = false
        watch.receive { event in
            isAnew = isAnew || !event.change.isDisjoint(with: .lost) || event.name == place?.name
        }
        return isAnew
    }

    /// Exempts the probes of the pods with these addresses, and of no others.
    func keep(_ pods: Set<IPAddress>) {
        guard pods != self.pods else { return }
        self.pods = pods
        write()
    }

    /// Looks whether all is as it was written, and the kubelet where it was.
    func look() {
        if !isInForce || pods?.isEmpty == false { write() }
    }

    private func write() {
        var trouble: KubeletProbesError?
        do throws(KubeletProbesError) {
            trouble = try writeRules()
            isInForce = true
        } catch {
            trouble = error
            isInForce = false
        }
        let text = trouble.map { "\($0)" }
        if let text {
            if complaint != text { observer.probesCaptured(text) }
        } else {
            observer.probesExempt(path ?? "", isNews: complaint != "")
        }
        complaint = text ?? ""
    }

    /// - Returns: why the kubelet is not found, where the rules name the group that it had before: it is being started anew.
    private func writeRules() throws(KubeletProbesError) -> KubeletProbesError? {
        let groups: ControlGroupNamespace
        do throws(SystemError) {
            groups = try ControlGroupNamespace(path: "\(search.directory)/1/ns/cgroup")
        } catch {
            throw .groups(error)
        }
        return try groups.within(returningTo: own, orThrow: { .groups($0) }) { () throws(KubeletProbesError) in
            try writeRulesAmongGroups()
        }
    }

    /// The same, with the thread in the node's control group namespace.
    private func writeRulesAmongGroups() throws(KubeletProbesError) -> KubeletProbesError? {
        let node: NetworkNamespace
        do throws(NetworkNamespaceError) {
            node = try NetworkNamespace(path: "\(search.directory)/1/ns/net")
        } catch {
            throw .node(error)
        }
        var trouble: KubeletProbesError?
        do throws(KubeletProbesError) { kubelet = try find(in: node.identity) } catch { trouble = error }
        guard let kubelet else { throw trouble ?? .noKubelet }
        do throws(RedirectionError) { try write(kubelet, in: node) } catch { throw .rules(error) }
        return trouble
    }

    private func write(_ kubelet: ControlGroup, in node: borrowing NetworkNamespace) throws(RedirectionError) {
        if !isInForce { try exemption.attempt(kubelet, in: node) }
        guard let pods else { return }
        if pods.isEmpty { return try exemption.remove(in: node) }
        try exemption.apply(ProbePlan(kubelet: kubelet, pods: pods), in: node)
    }

    /// The kubelet's group: where it was, or where it is now.
    private func find(in node: NetworkNamespace.Identity) throws(KubeletProbesError) -> ControlGroup {
        if let path {
            do throws(KubeletProbesError) { return try take(path) } catch {
                // It may be somewhere else, or come back there.
            }
        }
        let path = named.isEmpty ? try search.path(in: node) : named
        let group = try take(path)
        self.path = path
        return group
    }

    private func take(_ path: String) throws(KubeletProbesError) -> ControlGroup {
        let (group, folder) = try search.group(path)
        let end = folder.lastIndex(of: "/") ?? folder.startIndex
        let above = String(folder[..<end])
        if place?.folder != above || group != kubelet {
            if let place { watch.unwatch(place.watch) }
            place = nil
            do throws(SystemError) {
                place = (try watch.watch(above, for: .created), above, String(folder[end...].dropFirst()))
            } catch {
                // Then a look from time to time has to do.
            }
        }
        return group
    }
}
