// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Mesh

/// Reads which pod a process belongs to from its `/proc/PID/cgroup` (cgroups(7)).
///
/// The kubelet makes the group of a pod, and a container cannot leave it; what a container makes inside of it stands further
/// down and does not count. Layouts (kubelet `--cgroup-driver`, containerd, CRI-O, dockershim, kind):
/// ```
/// /kubepods/burstable/podUID/CONTAINER                                               cgroupfs
/// /kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podU_I_D.slice/cri-containerd-CONTAINER.scope   systemd
/// /kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-podU_I_D.slice/...          systemd, below another root
/// /system.slice/containerd.service/kubepods-besteffort-podU_I_D.slice:cri-containerd:CONTAINER   names of one, driver of the other
/// ```
enum ControlGroups {
    /// The pod that all lines of `text` agree on.
    ///
    /// - Parameter text: the file: lines `hierarchy:controllers:path`; with cgroup v1 there are several, some of which may say
    ///   nothing of pods.
    /// - Returns: nil when no line names a pod, or two lines name different ones.
    static func pod(_ text: String) -> PodUID? {
        var result: PodUID?
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3, let pod = pod(path: parts[2]) else { continue }
            guard result ?? pod == pod else { return nil }
            result = pod
        }
        return result
    }

    /// The pod of the outermost group that is one's.
    private static func pod(path: Substring) -> PodUID? {
        var isBelowPods = false
        for component in path.split(separator: "/") {
            // `SLICE:RUNTIME:CONTAINER`
            var name = component.prefix { $0 != ":" }
            if name.hasSuffix(".slice") { name = name.dropLast(6) }
            let isPods = name == "kubepods" || name.hasPrefix("kubepods-") || end(ofLast: "-kubepods", in: name) != nil
            if name.hasPrefix("pod"), isBelowPods, let uid = PodUID(name.dropFirst(3)) { return uid }
            if isPods, let start = end(ofLast: "-pod", in: name), let uid = PodUID(name[start...]) { return uid }
            isBelowPods = isBelowPods || isPods
        }
        return nil
    }

    /// What follows a text where it stands last in a slice's name.
    private static func end(ofLast text: StaticString, in name: Substring) -> String.Index? {
        let octets = name.utf8
        let wanted = Array("\(text)".utf8)
        var start = octets.endIndex
        while start > octets.startIndex {
            octets.formIndex(before: &start)
            if octets[start...].starts(with: wanted) { return octets.index(start, offsetBy: wanted.count) }
        }
        return nil
    }
}
