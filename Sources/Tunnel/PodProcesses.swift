// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import LinuxIO
internal import Mesh

/// Finds the network namespaces of pods by the processes that run in the pods' cgroups.
///
/// Needs to see the node's processes: the node's PID namespace (`hostPID`), or its /proc mounted elsewhere; and CAP_SYS_PTRACE to
/// open the namespaces of processes of other users.
struct PodProcesses {
    /// A process of a pod, and how it is told from a later one with the same number.
    struct Process: Hashable {
        let number: Int
        /// Field 22 of /proc/PID/stat: ticks from boot to its start.
        let start: UInt64
    }

    /// The namespace of a pod, and the path by which it was found.
    struct Network: ~Copyable {
        let path: String
        let namespace: NetworkNamespace

        /// Leaves only the namespace.
        consuming func takeNamespace() -> NetworkNamespace { namespace }
    }

    /// Where the node's processes are seen: `/proc`.
    let directory: String

    /// More processes are not looked at; 64-bit kernels have 4,194,304 at most (PID_MAX_LIMIT), a node some thousands.
    static let maximumProcesses = 262_144
    /// Namespaces that are tried for a pod: the sandbox's is the oldest process'.
    private static let maximumAttempts = 8

    /// The processes of pods, oldest first: with the sandbox's before those of containers, which may have namespaces of their own.
    func find(_ wanted: Set<PodUID>) -> [PodUID: [Process]] {
        guard !wanted.isEmpty else { return [:] }
        let names: [String]
        do throws(SystemError) {
            names = try FileSystem.names(in: directory, limit: Self.maximumProcesses)
        } catch {
            return [:]
        }
        var result: [PodUID: [Process]] = [:]
        for name in names {
            guard let number = Int(name), let (pod, start) = look(number), wanted.contains(pod) else { continue }
            result[pod, default: []].append(Process(number: number, start: start))
        }
        return result.mapValues { $0.sorted { ($0.start, $0.number) < ($1.start, $1.number) } }
    }

    /// Opens the namespace of the oldest process that is in one of the pod's own.
    ///
    /// - Parameters:
    ///   - processes: those of the pod, oldest first.
    ///   - belongs: whether a namespace is the pod's.
    /// - Returns: nil when there is none.
    func open(
        _ pod: PodUID, _ processes: [Process], where belongs: (borrowing NetworkNamespace) -> Bool
    ) -> Network? {
        let node = nodeNamespace
        var refused: Set<NetworkNamespace.Identity> = []
        for process in processes {
            let path = "\(directory)/\(process.number)/ns/net"
            do throws(NetworkNamespaceError) {
                let network = try NetworkNamespace(path: path)
                guard network.identity != node, !refused.contains(network.identity) else { continue }
                // The number may have become another process' between the look and the opening.
                if let (now, start) = look(process.number), now == pod, start == process.start, belongs(network) {
                    return Network(path: path, namespace: network)
                }
                refused.insert(network.identity)
                guard refused.count < Self.maximumAttempts else { return nil }
            } catch {
                // It has ended.
            }
        }
        return nil
    }

    /// The namespace of the node itself, in which helpers of a runtime run that are in a pod's cgroup (conmon).
    private var nodeNamespace: NetworkNamespace.Identity? {
        do throws(NetworkNamespaceError) {
            return try NetworkNamespace(path: "\(directory)/1/ns/net").identity
        } catch {
            return nil
        }
    }

    /// Which pod a process belongs to, and when it started; nil when to none.
    private func look(_ number: Int) -> (pod: PodUID, start: UInt64)? {
        guard let groups = SmallFile.read("\(directory)/\(number)/cgroup"), let pod = ControlGroups.pod(groups),
            let start = Self.start(of: number, in: directory)
        else { return nil }
        return (pod, start)
    }

    /// When a process started, in ticks from boot; nil when there is none.
    static func start(of number: Int, in directory: String) -> UInt64? {
        guard let status = SmallFile.read("\(directory)/\(number)/stat"), let end = status.lastIndex(of: ")") else {
            return nil
        }
        // Fields are counted behind the command's name, which is field 2 and may hold anything (proc(5)).
        let fields = status[end...].split(separator: " ")
        return fields.count > 20 ? UInt64(fields[20]) : nil
    }
}
