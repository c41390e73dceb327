// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import LinuxIO
internal import Redirection

/// Finds the node's kubelet by its process, and the control group by which its connections are told from others'.
///
/// Needs to see the node's processes, as `PodProcesses` does; and that the calling thread is in the control group namespace of
/// process 1, from whose root paths count.
struct KubeletSearch {
    /// Names of processes that are a kubelet, or have one in them: MicroK8s, k3s.
    private static let names: Set<Substring> = ["kubelet", "kubelite", "k3s-server", "k3s-agent"]
    /// Where the unified hierarchy is mounted: alone, or beside the older ones (systemd's "hybrid").
    private static let mounts = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]

    /// Where the node's processes are seen: `/proc`.
    let directory: String

    /// The path of the group of the oldest kubelet, such as `/system.slice/kubelet.service`.
    ///
    /// Anybody can give a process that name, so it must also be root's, in the node's network namespace and outside of pods.
    func path(in node: NetworkNamespace.Identity) throws(KubeletProbesError) -> String {
        let names: [String]
        do throws(SystemError) {
            names = try FileSystem.names(in: directory, limit: PodProcesses.maximumProcesses)
        } catch {
            throw .groups(error)
        }
        var oldest: (start: UInt64, groups: String)?
        for name in names {
            guard let number = Int(name), let groups = groups(of: number, in: node),
                let start = PodProcesses.start(of: number, in: directory), oldest.map({ start < $0.start }) ?? true
            else { continue }
            oldest = (start, groups)
        }
        guard let oldest else { throw .noKubelet }
        guard let line = oldest.groups.split(separator: "\n").first(where: { $0.hasPrefix("0::/") }) else {
            throw .noUnifiedGroup
        }
        return String(line.dropFirst(3))
    }

    /// The groups of a process that is a kubelet; nil when it is none.
    private func groups(of number: Int, in node: NetworkNamespace.Identity) -> String? {
        let process = "\(directory)/\(number)"
        guard let name = SmallFile.read("\(process)/comm"), Self.names.contains(name.prefix { $0 != "\n" }),
            let status = SmallFile.read("\(process)/status"), Self.isRoots(status),
            let groups = SmallFile.read("\(process)/cgroup"), ControlGroups.pod(groups) == nil
        else { return nil }
        do throws(NetworkNamespaceError) {
            return try NetworkNamespace(path: "\(process)/ns/net").identity == node ? groups : nil
        } catch {
            return nil
        }
    }

    /// Whether the effective user is root (proc(5): the second number of `Uid:`).
    private static func isRoots(_ status: String) -> Bool {
        let line = status.split(separator: "\n").first { $0.hasPrefix("Uid:") }
        return line?.split(separator: "\t").dropFirst(2).first == "0"
    }

    /// The group of a path as rules name it, and the folder that shows when it is made anew.
    func group(_ path: String) throws(KubeletProbesError) -> (group: ControlGroup, folder: String) {
        let parts = path.split(separator: "/")
        guard !parts.isEmpty else { throw .rootGroup }
        guard !parts.contains(".."), let level = UInt8(exactly: parts.count) else { throw .noUnifiedGroup }
        for mount in Self.mounts {
            let folder = "\(directory)/1/root\(mount)/\(parts.joined(separator: "/"))"
            do throws(SystemError) {
                // Older hierarchies have no such file.
                _ = try FileSystem.status(of: folder + "/cgroup.controllers")
                return (ControlGroup(number: try FileSystem.status(of: folder).inode, level: level), folder)
            } catch {
                continue
            }
        }
        throw .noFolder
    }
}
