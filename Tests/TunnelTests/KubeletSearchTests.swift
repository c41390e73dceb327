// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import LinuxIO
import Testing

@testable import Tunnel

@Suite("The kubelet's control group")
struct KubeletSearchTests {
    /// A folder in place of /proc, gone with the test.
    private final class Processes {
        let path = FileManager.default.temporaryDirectory.appending(path: "ambit-\(UUID().uuidString)").path
        let node: NetworkNamespace.Identity

        init() throws { node = try NetworkNamespace.own().identity }
        deinit { try? FileManager.default.removeItem(atPath: path) }

        func add(
            _ number: Int, name: String = "kubelet", groups: String = "0::/system.slice/kubelet.service\n",
            user: Int = 0, start: Int = 100, network: String = "/proc/thread-self/ns/net"
        ) throws {
            let process = "\(path)/\(number)"
            try FileManager.default.createDirectory(atPath: "\(process)/ns", withIntermediateDirectories: true)
            let zeros = Array(repeating: "0", count: 18).joined(separator: " ")
            for (file, text) in [
                "comm": name + "\n", "cgroup": groups, "status": "Name:\t\(name)\nUid:\t\(user)\t\(user)\t0\t0\n",
                "stat": "\(number) (a) b) S \(zeros) \(start) 0\n",
            ] {
                try Data(text.utf8).write(to: URL(filePath: "\(process)/\(file)"))
            }
            try FileManager.default.createSymbolicLink(atPath: "\(process)/ns/net", withDestinationPath: network)
        }

        func found() throws -> String {
            do throws(KubeletProbesError) {
                return try KubeletSearch(directory: path).path(in: node)
            } catch {
                return "\(error)"
            }
        }
    }

    @Test("It is that of the oldest kubelet, whatever the distribution calls it")
    func oldest() throws {
        let processes = try Processes()
        try processes.add(7, name: "k3s-server", groups: "0::/system.slice/k3s.service\n", start: 50)
        try processes.add(6, start: 60)
        #expect(try processes.found() == "/system.slice/k3s.service")
    }

    @Test("Who only bears the name is no kubelet: another user's, a pod's, or one in another network namespace")
    func impostors() throws {
        let processes = try Processes()
        let uid = "2b7e0a3c-9d41-4c5e-8f10-0123456789ab"
        try processes.add(1, user: 1000)
        try processes.add(2, groups: "0::/kubepods/pod\(uid)/c\n")
        try processes.add(3, network: "/proc/thread-self/ns/mnt")
        try processes.add(4, name: "kubelet2")
        #expect(try processes.found().hasPrefix("no process of root"))
        try processes.add(5, start: 900)
        #expect(try processes.found() == "/system.slice/kubelet.service")
    }

    @Test("Without a group of its own in the unified hierarchy it is told from nobody")
    func groups() throws {
        let processes = try Processes()
        let group = "/system.slice/kubelet.service"
        try processes.add(5, groups: "4:memory:\(group)\n1:name=systemd:\(group)\n")
        #expect(try processes.found().contains("needs cgroup v2"))
        for (path, words) in [
            ("/", "root control group"), ("/../x", "needs cgroup v2"), ("/nowhere", "not in the node's /sys/fs/cgroup"),
        ] {
            let search = KubeletSearch(directory: processes.path)
            let error = #expect(throws: KubeletProbesError.self) { try search.group(path) }
            #expect(error?.description.contains(words) == true)
        }
    }
}
