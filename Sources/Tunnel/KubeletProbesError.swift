// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import LinuxIO
internal import Redirection

/// Why the kubelet's probes of captured pods get no exemption.
enum KubeletProbesError: Error, CustomStringConvertible {
    case node(NetworkNamespaceError)
    case groups(SystemError)
    case noKubelet
    /// The kubelet is in no group of the unified hierarchy, or in one outside of what the node's first process sees.
    case noUnifiedGroup
    /// The kubelet shares the root group with everybody.
    case rootGroup
    /// The unified hierarchy, as the node's first process has it mounted, lacks the group.
    case noFolder
    case rules(RedirectionError)

    var description: String {
        switch self {
        case .node(let error): "the node's network namespace, that of process 1: \(error)"
        case .groups(let error): "the node's control groups, those of process 1: \(error)"
        case .noKubelet:
            "no process of root in the node's network namespace is a kubelet; name its group by --kubelet-cgroup"
        case .noUnifiedGroup: "the kubelet is in no group of the unified hierarchy; the node needs cgroup v2"
        case .rootGroup: "the kubelet is in the root control group, as everybody is; start it in one of its own"
        case .noFolder: "the kubelet's control group is not in the node's /sys/fs/cgroup; the node needs cgroup v2"
        case .rules(let error): "\(error)"
        }
    }
}
