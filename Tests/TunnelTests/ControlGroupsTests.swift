// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import LinuxIO
import Mesh
import Testing

@testable import Tunnel

@Suite("The cgroup of a pod")
struct ControlGroupsTests {
    private static let uid = "2b7e0a3c-9d41-4c5e-8f10-0123456789ab"
    private static let other = "ffffffff-9d41-4c5e-8f10-0123456789ab"
    private static let container = "5d1fca3d7b4b5d0e6f4e2b6c0a9f8e7d6c5b4a39281706f5e4d3c2b1a0998877"
    private static func slice(_ uid: String) -> String { uid.replacing("-", with: "_") }

    @Test(
        "The layouts of kubelet, containerd, CRI-O, Docker and kind name the pod",
        arguments: [
            // cgroup v1, cgroupfs driver, one line a controller
            """
            12:pids:/kubepods/burstable/pod\(uid)/\(container)
            4:memory:/kubepods/burstable/pod\(uid)/\(container)
            0::/
            """,
            // v2, cgroupfs driver; guaranteed pods have no class
            "0::/kubepods/pod\(uid)/\(container)",
            "0::/kubepods/besteffort/pod\(uid)/\(container)",
            // v2, systemd driver, containerd
            "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod\(slice(uid)).slice/cri-containerd-\(container).scope",
            "0::/kubepods.slice/kubepods-pod\(slice(uid)).slice/cri-containerd-\(container).scope",
            // CRI-O, with the container's own group below
            "0::/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod\(slice(uid)).slice/crio-\(container).scope/container",
            // Docker, v1 and systemd
            "1:name=systemd:/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod\(slice(uid)).slice/docker-\(container).scope",
            // kind: below the kubelet's own root, seen from another cgroup namespace
            "0::/../../kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-pod\(slice(uid)).slice/cri-containerd-\(container).scope",
            "0::/kubelet/kubepods/burstable/pod\(uid)/\(container)",
            // a systemd name with the runtime's cgroupfs driver
            "0::/system.slice/containerd.service/kubepods-besteffort-pod\(slice(uid)).slice:cri-containerd:\(container)",
            // a pod that is a file of the node has a hash without dashes
            "0::/kubepods/burstable/pod\(uid.replacing("-", with: ""))/\(container)",
        ])
    func layouts(text: String) throws {
        let found = try #require(ControlGroups.pod(text))
        #expect(found == PodUID(Self.uid) && found.description == Self.uid)
    }

    @Test(
        "What is no pod's names none",
        arguments: [
            "", "0::/", "0::/init.scope", "0::/system.slice/ssh.service", "garbage", "0:/kubepods",
            // not below kubepods: any process may call its group so
            "0::/user.slice/pod\(uid)/x", "0::/system.slice/my-pod\(slice(uid)).slice",
            "0::/kubepods/burstable/pod-\(uid)", "0::/kubepods/burstable/pod\(uid)0",
            "0::/kubepods/burstable/pod2b7e0a3c_9d41-4c5e-8f10-0123456789ab",
            "0::/kubepods/burstable/pod2b7e0a3c9d41-4c5e-8f10-0123456789ab",
            "0::/kubepods/burstable/podg b7e0a3c-9d41-4c5e-8f10-0123456789ab",
        ])
    func none(text: String) {
        #expect(ControlGroups.pod(text) == nil)
    }

    @Test("Groups that a container makes inside of its own do not count")
    func nested() {
        #expect(
            ControlGroups.pod("0::/kubepods/pod\(Self.uid)/\(Self.container)/kubepods/pod\(Self.other)/x")
                == PodUID(Self.uid))
    }

    @Test("Lines that name different pods name none")
    func disagreement() {
        #expect(ControlGroups.pod("2:cpu:/kubepods/pod\(Self.uid)/x\n1:pids:/kubepods/pod\(Self.other)/x") == nil)
    }

    // MARK: - Processes

    /// A directory that looks as /proc does.
    private struct FakeProcesses {
        let directory = FileManager.default.temporaryDirectory.appending(path: "ambit-proc-\(UUID().uuidString)")

        func add(_ number: Int, _ cgroup: String, start: Int, namespace: String = "/proc/self/ns/net") throws {
            let place = directory.appending(path: "\(number)/ns")
            try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
            let process = place.deletingLastPathComponent()
            try Data(cgroup.utf8).write(to: process.appending(path: "cgroup"))
            let fields = (4...21).map { "\($0)" }.joined(separator: " ")
            try Data("\(number) (a) b) S \(fields) \(start) 0\n".utf8).write(to: process.appending(path: "stat"))
            try FileManager.default.createSymbolicLink(
                atPath: place.appending(path: "net").path, withDestinationPath: namespace)
        }

        func remove() { try? FileManager.default.removeItem(at: directory) }
    }

    @Test("Processes are told by their pod, oldest first; others are left alone")
    func processes() throws {
        let fake = FakeProcesses()
        defer { fake.remove() }
        let group = "0::/kubepods/pod\(Self.uid)/x"
        try fake.add(70, group, start: 500)
        try fake.add(900, group, start: 100)
        try fake.add(5, "0::/system.slice/x.service", start: 1)
        try fake.add(6, "0::/kubepods/pod\(Self.other)/x", start: 1)
        let uid = try #require(PodUID(Self.uid))
        let found = PodProcesses(directory: fake.directory.path).find([uid])
        #expect(found.keys.map(\.description) == [Self.uid])
        #expect(found[uid]?.map(\.number) == [900, 70])
        #expect(PodProcesses(directory: "/nowhere").find([uid]).isEmpty)
    }

    @Test("A namespace that is not the pod's, the node's own, or of a process that is another by now is not opened")
    func opening() throws {
        let fake = FakeProcesses()
        defer { fake.remove() }
        let uid = try #require(PodUID(Self.uid))
        try fake.add(70, "0::/kubepods/pod\(Self.uid)/x", start: 500)
        let processes = PodProcesses(directory: fake.directory.path)
        let found = try #require(processes.find([uid])[uid])
        func isOpened(_ processes: PodProcesses, belongs: Bool = true) -> Bool {
            let network = processes.open(uid, found) { _ in belongs }
            return network != nil
        }
        #expect(isOpened(processes))
        #expect(!isOpened(processes, belongs: false))
        try fake.add(1, "0::/init.scope", start: 0)
        #expect(!isOpened(processes), "the node's own namespace")
        let reused = FakeProcesses()
        defer { reused.remove() }
        try reused.add(70, "0::/kubepods/pod\(Self.uid)/x", start: 501)
        #expect(!isOpened(PodProcesses(directory: reused.directory.path)))
    }
}
