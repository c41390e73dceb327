// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Identity
import Manifest
import Synchronization
import Testing

@testable import Kubernetes

@Suite("The snapshot of the known objects")
struct ObjectSnapshotTests {
    private static let pod = #"""
        {"apiVersion":"v1","kind":"Pod","metadata":{"name":"web-1","namespace":"shop","uid":"u","managedFields":[{"a":1}],
        "labels":{"app":"web","n":"7"},"annotations":{"ambit.dev/exclude-inbound-ports":"81","note":"hunter2"},
        "ownerReferences":[{"kind":"ReplicaSet","name":"web","controller":true}]},
        "spec":{"nodeName":"n1","serviceAccountName":"web","volumes":[{"secret":{"secretName":"hunter2"}}],
        "containers":[{"name":"c","image":"x","env":[{"name":"PASSWORD","value":"hunter2"}],"args":["hunter2"],
        "ports":[{"name":"http","containerPort":8080}]}]},
        "status":{"phase":"Running","podIPs":[{"ip":"10.0.0.1"}],
        "conditions":[{"type":"Ready","status":"True","message":"hunter2"}]}}
        """#
    private static let policy = #"""
        {"kind":"AuthorizationPolicy","apiVersion":"security.istio.io/v1","metadata":{"name":"deny","namespace":"shop"},
        "spec":{"action":"DENY","rules":[{"to":[{"operation":{"ports":["9090"]}}],"x":[null,true,-1,1.5,"\"\\\n"]}]}}
        """#

    private static func record(_ text: String, _ kind: ObjectKind) throws -> ObjectSnapshot.Record {
        let node = try YAMLNode(json: Array(text.utf8))
        let key = try #require(ObjectReduction.key(node, kind))
        let version = kind == .pod ? "v1" : "security.istio.io/v1"
        return ObjectSnapshot.Record(key: key, octets: ObjectText.octets(node, kind, apiVersion: version))
    }

    private static func snapshot() throws -> ObjectSnapshot {
        ObjectSnapshot(
            cluster: "10.0.0.1:443 ab", saved: 1_767_225_600, kinds: [.pod, .authorizationPolicy],
            records: [try record(pod, .pod), try record(policy, .authorizationPolicy)])
    }

    /// What the mesh reads of an object.
    private func meaning(_ octets: [UInt8], _ kind: ObjectKind) throws -> ManifestObject {
        var reduction = ObjectReduction(reader: ManifestReader())
        let node = try YAMLNode(json: octets)
        guard case .set(let object, _) = reduction.update(node, kind, apiVersion: "v1") else {
            throw KubernetesError.malformed
        }
        return object
    }

    @Test("What is written is read again")
    func roundTrip() throws {
        let written = try Self.snapshot()
        let read = try ObjectSnapshot(written.text)
        #expect(read.cluster == written.cluster && read.saved == written.saved && read.kinds == written.kinds)
        #expect(read.records.map(\.key) == written.records.map(\.key))
        #expect(read.records.map { Array($0.octets) } == written.records.map { Array($0.octets) })
    }

    @Test("An object says the same to the mesh before and after", arguments: [ObjectKind.pod, .authorizationPolicy])
    func sameMeaning(kind: ObjectKind) throws {
        let text = kind == .pod ? Self.pod : Self.policy
        let before = try meaning(Array(text.utf8), kind)
        let after = try meaning(Array(try Self.record(text, kind).octets), kind)
        #expect(before.key == after.key && before.metadata == after.metadata)
        #expect(String(describing: before.body) == String(describing: after.body))
    }

    @Test("What may be secret of a pod is not kept")
    func noSecrets() throws {
        let kept = String(decoding: try Self.record(Self.pod, .pod).octets, as: UTF8.self)
        #expect(!kept.contains("hunter2") && kept.contains("exclude-inbound-ports") && !kept.contains("managedFields"))
    }

    @Test("A file that was cut anywhere is damaged")
    func cut() throws {
        let text = try Self.snapshot().text
        for count in 0..<text.count {
            #expect(throws: KubernetesError.self) { try ObjectSnapshot(Array(text[..<count])) }
        }
    }

    @Test("A file of which any octet is another is damaged, or is none of ours")
    func changed() throws {
        let text = try Self.snapshot().text
        // The digest's own digits may change case: that is the same number.
        for index in text.indices.dropLast(20) {
            var other = text
            other[index] ^= 1
            #expect(throws: KubernetesError.self) { try ObjectSnapshot(other) }
        }
    }

    @Test(
        "Hostile counts and names are damage and no trap",
        arguments: [
            "Pod a b 9223372036854775807", "Pod a b -1", "Pod a b 99999999999999999999", "Pod a b", "Nothing a b 0",
            "end -1 0", "end 0 zz", "end 18446744073709551616 0", "", "    ",
        ])
    func hostile(line: String) {
        let text = "ambit-objects 1\ncluster c\nsaved 1\nkinds Pod\n\(line)\nx\n"
        #expect(throws: KubernetesError.self) { try ObjectSnapshot(Array(text.utf8)) }
    }

    // MARK: - The file

    private func keeper(
        _ directory: URL, cluster: String = "one.example", kinds: [ObjectKind] = [.pod, .authorizationPolicy],
        giveBack: @escaping @Sendable () -> Void = {}
    ) throws -> SnapshotKeeper {
        let server = try #require(ServerAddress("https://\(cluster)"))
        let credentials = ClusterCredentials(
            server: server, serverName: try #require(ServerName(cluster)), authorities: .data([1, 2, 3]))
        return try SnapshotKeeper(directory: directory.path, credentials: credentials, kinds: kinds, giveBack: giveBack)
    }

    private func withDirectory(_ body: (URL) throws -> Void) throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "ambit-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: directory) }
        try body(directory)
    }

    /// Reads as soon as the writer has written.
    private func written(_ keeper: SnapshotKeeper, where isEnough: (ObjectSnapshot) -> Bool) throws -> ObjectSnapshot {
        for _ in 0..<20_000 {
            if let found = try? keeper.read(), isEnough(found) { return found }
            usleep(1_000)
        }
        return try keeper.read()
    }

    @Test("Nothing is written before everything has been listed; then it is, for its owner only")
    func writes() throws {
        try withDirectory { directory in
            let keeper = try keeper(directory)
            #expect(throws: KubernetesError.self) { try keeper.read() }
            let records = try Self.snapshot().records
            for record in records { keeper.post(.set(record.key, Array(record.octets))) }
            keeper.post(.complete)
            let found = try written(keeper) { $0.records.count == 2 }
            #expect(found.records.map(\.key) == records.map(\.key).sorted())
            let file = directory.appending(path: "objects")
            let mode = try FileManager.default.attributesOfItem(atPath: file.path)[.posixPermissions] as? Int
            #expect(mode == 0o600)
            keeper.post(.stop)
        }
    }

    @Test("Memory is given back after a large file was written, and after no other", arguments: [1 << 20, 6 << 20])
    func givesBack(octets: Int) throws {
        try withDirectory { directory in
            let count = Counter()
            let keeper = try keeper(directory) { count.add() }
            let text = Array(#"{"a":""#.utf8) + Array(repeating: UInt8(ascii: "x"), count: octets) + Array(#""}"#.utf8)
            let record = try #require(try Self.snapshot().records.first)
            keeper.post(.set(record.key, text))
            keeper.post(.complete)
            let file = directory.appending(path: "objects").path
            for _ in 0..<20_000 where !FileManager.default.fileExists(atPath: file) { usleep(1_000) }
            let expected = octets > 5 << 20 ? 1 : 0
            for _ in 0..<20_000 where count.value < expected { usleep(1_000) }
            #expect(count.value == expected)
            keeper.post(.stop)
        }
    }

    private final class Counter: Sendable {
        private let count = Atomic<Int>(0)
        var value: Int { count.load(ordering: .sequentiallyConsistent) }
        func add() { count.add(1, ordering: .sequentiallyConsistent) }
    }

    @Test("Another cluster's snapshot, and one that lacks kinds, is refused")
    func others() throws {
        try withDirectory { directory in
            let first = try keeper(directory)
            first.post(.complete)
            _ = try written(first) { _ in true }
            first.post(.stop)
            let other = try keeper(directory, cluster: "two.example")
            #expect(throws: KubernetesError.self) { try other.read() }
            let more = try keeper(directory, kinds: [.pod, .authorizationPolicy, .peerAuthentication])
            #expect(throws: KubernetesError.self) { try more.read() }
            let fewer = try keeper(directory, kinds: [.pod])
            #expect(try fewer.read().records.isEmpty)
            for keeper in [other, more, fewer] { keeper.post(.stop) }
        }
    }

    @Test("A folder or file that others can write is not trusted; nor is a link")
    func notOurs() throws {
        try withDirectory { directory in
            let first = try keeper(directory)
            first.post(.complete)
            _ = try written(first) { _ in true }
            first.post(.stop)
            let file = directory.appending(path: "objects")
            try FileManager.default.setAttributes([.posixPermissions: 0o622], ofItemAtPath: file.path)
            #expect(throws: KubernetesError.self) { try first.read() }
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file.path)
            _ = try first.read()
            let other = directory.appending(path: "other")
            try FileManager.default.moveItem(at: file, to: other)
            try FileManager.default.createSymbolicLink(at: file, withDestinationURL: other)
            #expect(throws: KubernetesError.self) { try first.read() }
            try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: directory.path)
            #expect(throws: KubernetesError.self) { _ = try keeper(directory) }
        }
    }
}
