// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Foundation
internal import Mesh
internal import Testing

@testable internal import Manifest

/// A folder of its own for one test, gone afterwards.
private final class TemporaryFolder {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appending(path: "ambit-manifest-\(UUID().uuidString)/config")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit {
        // Nothing depends on it: the folder is in the system's temporary directory.
        do { try FileManager.default.removeItem(at: url.deletingLastPathComponent()) } catch {}
    }

    func write(_ name: String, _ text: String) throws {
        try Data(text.utf8).write(to: url.appending(path: name))
    }

    func move(_ from: String, _ to: String, in folder: URL? = nil) {
        let folder = folder ?? url
        // Safety: both C strings live for the call.
        let result = unsafe rename(folder.appending(path: from).path, folder.appending(path: to).path)
        #expect(result == 0)
    }
}

/// A source that macros can look at.
private final class Follower {
    private var source: FolderSource

    init(_ path: String, patience: Nanoseconds = ChangeDebouncer().patience) throws {
        var options = FolderSource.Options()
        options.debouncer.patience = patience
        source = try FolderSource(directory: path, options: options)
    }

    var deadline: MonotonicTime { source.deadline }

    func load() -> FolderSource.Load? { source.load() }

    func load(now: MonotonicTime) -> FolderSource.Load? { source.load(now: now) }

    func waitForChange() -> Bool { source.waitForChange(timeout: .seconds(20)) }

    /// Waits until a change is due, looks, and repeats while the look shows nothing new.
    func next() -> FolderSource.Load? {
        for _ in 0..<20 where waitForChange() {
            if let load = load() { return load }
        }
        return nil
    }
}

@Suite("FolderSource")
struct FolderSourceTests {
    /// Names of the pods in a load, `name@node`.
    private func pods(_ load: FolderSource.Load?) -> [String] {
        load?.model.workloads.map { $0.node.isEmpty ? $0.name : "\($0.name)@\($0.node)" } ?? ["nothing changed"]
    }

    @Test("Files are read in order of name; changes, additions and removals apply")
    func follow() throws {
        let folder = try TemporaryFolder()
        try folder.write("b.yaml", pod("b"))
        try folder.write("a.json", "{\"apiVersion\": \"v1\", \"kind\": \"Pod\", \"metadata\": {\"name\": \"a\"}}")
        try folder.write("c.txt", "not: [a manifest")
        try folder.write(".hidden.yaml", pod("h"))
        let source = try Follower(folder.url.path)
        #expect(pods(source.load()) == ["a", "b"])
        #expect(source.load() == nil)
        try folder.write("c.yml", pod("c"))
        #expect(pods(source.next()) == ["a", "b", "c"])
        try folder.write("b.yaml", pod("b", spec: "{nodeName: n}"))
        #expect(pods(source.next()) == ["a", "b@n", "c"])
        try FileManager.default.removeItem(at: folder.url.appending(path: "a.json"))
        #expect(pods(source.next()) == ["b@n", "c"])
    }

    @Test("Editors replace files by rename, ConfigMap mounts swap a link")
    func replacement() throws {
        let folder = try TemporaryFolder()
        let manager = FileManager.default
        try folder.write("a.yaml", pod("a"))
        for (version, name) in [("..1", "one"), ("..2", "two")] {
            try manager.createDirectory(at: folder.url.appending(path: version), withIntermediateDirectories: true)
            try folder.write(version + "/m.yaml", pod(name))
        }
        try manager.createSymbolicLink(atPath: folder.url.path + "/..data", withDestinationPath: "..1")
        try manager.createSymbolicLink(atPath: folder.url.path + "/m.yaml", withDestinationPath: "..data/m.yaml")
        let source = try Follower(folder.url.path + "/")
        #expect(pods(source.load()) == ["a", "one"])
        try folder.write(".a.yaml.swp", pod("x"))
        folder.move(".a.yaml.swp", "a.yaml")
        #expect(pods(source.next()) == ["one", "x"])
        try manager.createSymbolicLink(atPath: folder.url.path + "/..data_tmp", withDestinationPath: "..2")
        folder.move("..data_tmp", "..data")
        #expect(pods(source.next()) == ["two", "x"])
    }

    @Test("Folders one level down are read and watched, also new ones; deeper ones are not")
    func subfolders() throws {
        let folder = try TemporaryFolder()
        let source = try Follower(folder.url.path)
        #expect(pods(source.load()) == [])
        let manager = FileManager.default
        try manager.createDirectory(at: folder.url.appending(path: "n1/deep"), withIntermediateDirectories: true)
        try folder.write("n1/deep/x.yaml", pod("x"))
        try folder.write("n1/a.yaml", pod("a"))
        #expect(pods(source.next()) == ["a"])
        try folder.write("n1/b.yaml", pod("b"))
        #expect(pods(source.next()) == ["a", "b"])
        folder.move("n1", ".n1")
        #expect(pods(source.next()) == [])
    }

    @Test(
        "What may hide a policy of which nothing is known is told apart, for a start must not let in too much",
        arguments: [
            // A file that cannot be parsed.
            ("kind: [", true),
            // No kind, and no mapping at all.
            ("apiVersion: security.istio.io/v1\nmetadata: {name: a}\n", true),
            ("- a\n", true),
            ("{apiVersion: v1, kind: List, items: text}", true),
            // A policy whose namespace cannot be told.
            ("{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: a, namespace: 1}}", true),
            ("{apiVersion: security.istio.io/v1, kind: PeerAuthentication, metadata: text}", true),
            // A policy that is broken elsewhere fails closed by itself.
            (
                "{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: a}, spec: {action: 1}}",
                false
            ),
            ("{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {namespace: a}}", false),
            // No policy.
            ("{apiVersion: v1, kind: Pod, metadata: {name: 1}}", false),
            ("{apiVersion: example.com/v1, kind: Thing, metadata: {name: a}}", false),
            ("# nothing\n", false),
        ])
    func lost(text: String, isLost: Bool) throws {
        let folder = try TemporaryFolder()
        try folder.write("a.yaml", text)
        let load = try #require(try Follower(folder.url.path).load())
        #expect(load.lost.isEmpty == !isLost, "\(load.findings)")
        #expect(load.findings.filter { load.lost.contains($0) } == load.lost)
    }

    @Test("A document that lost its kind or its namespace takes no policy of its file away")
    func lostLater() throws {
        let folder = try TemporaryFolder()
        let policy = "{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: a, namespace: b}}"
        try folder.write("a.yaml", policy)
        let source = try Follower(folder.url.path)
        #expect(source.load()?.model.authorizationPolicies.count == 1)
        try folder.write("a.yaml", policy.replacing("namespace: b", with: "namespace: 1"))
        let broken = try #require(source.next())
        #expect(broken.lost.isEmpty && broken.findings.count == 1 && broken.model.authorizationPolicies.count == 1)
        try folder.write("a.yaml", pod("a"))
        #expect(source.next()?.model.authorizationPolicies.count == 0)
    }

    @Test("A file that cannot be read is reported once, with line and column, and its last version serves")
    func lastGoodVersion() throws {
        let folder = try TemporaryFolder()
        try folder.write("a.yaml", pod("a"))
        try folder.write("b.yaml", pod("b", spec: "{nodeNme: x}"))
        let source = try Follower(folder.url.path)
        let first = try #require(source.load())
        #expect(
            first.newFindings.map(\.description) == [
                "b.yaml:10: warning: Pod default/b: spec.nodeNme: unknown field; ignored"
            ])
        try folder.write("a.yaml", "a: b: c\n")
        let second = try #require(source.next())
        #expect(pods(second) == ["a", "b"] && !second.isModelChanged)
        #expect(
            second.newFindings.map(\.description) == [
                "a.yaml:1: error: column 4: a key is not allowed here; start a new line for it, or quote the value; "
                    + "the last version of the file serves"
            ])
        #expect(second.findings.count == 2)
        try folder.write("b.yaml", pod("b"))
        let third = try #require(source.next())
        #expect(third.newFindings == [] && third.findings.count == 1)
        try folder.write("a.yaml", pod("a2"))
        #expect(pods(source.next()) == ["a2", "b"])
    }

    @Test("A file that is touched but says the same changes nothing")
    func touch() throws {
        let folder = try TemporaryFolder()
        try folder.write("a.yaml", pod("a"))
        let source = try Follower(folder.url.path)
        #expect(source.load() != nil)
        try folder.write("a.yaml", pod("a"))
        #expect(source.waitForChange())
        #expect(source.load() == nil)
        try folder.write("a.yaml", pod("a") + "# comment\n")
        #expect(source.next()?.isModelChanged == false)
    }

    @Test("Half a file is not read while its writer has it open")
    func halfWritten() throws {
        let folder = try TemporaryFolder()
        try folder.write("a.yaml", pod("a") + pod("b"))
        let source = try Follower(folder.url.path, patience: .seconds(600))
        #expect(pods(source.load()) == ["a", "b"])
        // As a shell's redirection does it: cut, write, close.
        let handle = try FileHandle(forWritingTo: folder.url.appending(path: "a.yaml"))
        try handle.truncate(atOffset: 0)
        try handle.write(contentsOf: Data(pod("c").utf8))
        try folder.write("z.yaml", pod("z"))
        #expect(pods(source.load()) == ["a", "b", "z"])
        try handle.write(contentsOf: Data(pod("d").utf8))
        try handle.close()
        #expect(pods(source.next()) == ["c", "d", "z"])
    }

    @Test("A folder that disappears keeps serving, and is followed again when it is back")
    func recreation() throws {
        let folder = try TemporaryFolder()
        try folder.write("a.yaml", pod("a"))
        let source = try Follower(folder.url.path)
        #expect(pods(source.load()) == ["a"])
        let parent = folder.url.deletingLastPathComponent()
        folder.move("config", "gone", in: parent)
        let gone = try #require(source.next())
        #expect(pods(gone) == ["a"] && gone.findings.count == 1)
        #expect(gone.findings.first?.text.contains("cannot read the configuration folder") == true)
        let other = parent.appending(path: "other")
        try FileManager.default.createDirectory(at: other, withIntermediateDirectories: true)
        try Data(pod("b").utf8).write(to: other.appending(path: "b.yaml"))
        folder.move("other", "config", in: parent)
        let back = try #require(source.next())
        #expect(pods(back) == ["b"] && back.findings == [])
        try folder.write("c.yaml", pod("c"))
        #expect(pods(source.next()) == ["b", "c"])
    }

    @Test("What is no readable file is reported and does not stop the rest")
    func oddFiles() throws {
        let folder = try TemporaryFolder()
        try folder.write("a.yaml", pod("a"))
        try folder.write("large.yaml", String(repeating: "#", count: 17 << 20))
        try FileManager.default.createSymbolicLink(
            atPath: folder.url.path + "/dangling.yaml", withDestinationPath: "nowhere")
        // Safety: the C string lives for the call.
        let result = unsafe mkfifo(folder.url.path + "/pipe.yaml", 0o600)
        #expect(result == 0)
        let source = try Follower(folder.url.path)
        let load = try #require(source.load())
        #expect(pods(load) == ["a"])
        #expect(load.findings.map(\.file) == ["large.yaml"])
        #expect(load.findings.first?.text.contains("larger than the limit") == true)
    }

    @Test("A folder that is not there is refused at the start")
    func missing() {
        #expect(throws: ManifestError.folder(errno: ENOENT)) {
            _ = try FolderSource(directory: "/nonexistent/ambit")
        }
        #expect(
            ManifestError.folder(errno: ENOENT).description
                == "cannot read the configuration folder (open: No such file or directory)")
    }

    @Test("Without changes there is nothing to wait for but the next look round")
    func idle() throws {
        let folder = try TemporaryFolder()
        let source = try Follower(folder.url.path)
        #expect(source.deadline == MonotonicTime(nanoseconds: 0))
        let start = MonotonicTime(nanoseconds: 1_000_000_000)
        _ = source.load(now: start)
        #expect(source.deadline == start + .seconds(60))
    }
}
