// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Kubernetes
import Testing

@testable import CNI

@Suite("The chain of CNI plugins")
struct CNIChainTests {
    private static let list = #"""
        {
          "cniVersion": "0.3.1", "name": "kindnet", "disableCheck": true, "mtu": 1500, "rate": 1.5,
          "plugins": [{"type": "ptp", "ipam": {"ranges": [[{"subnet": "10.244.0.0/24"}]]}},
                      {"type": "portmap", "capabilities": {"portMappings": true}}]
        }
        """#
    private static let entry =
        #"{"type":"ambit-cni","socket":"/run/ambit/cni.sock","enrolledNamespaces":"/var/lib/ambit/tunnel/enrolled-namespaces","whenAway":"fail-enrolled","ownNamespace":"ambit-system","timeoutSeconds":20}"#
    private static let others =
        #"{"cniVersion":"0.3.1","name":"kindnet","disableCheck":true,"mtu":1500,"rate":1.5,"plugins":[{"type":"ptp","ipam":{"ranges":[[{"subnet":"10.244.0.0/24"}]]}},{"type":"portmap","capabilities":{"portMappings":true}}"#

    private func adding(_ text: String, _ configuration: CNIConfiguration = CNIConfiguration()) throws -> String? {
        try CNIChain.adding(configuration, to: Array(text.utf8)).map { String(decoding: $0, as: UTF8.self) }
    }

    @Test("The plugin comes last, and everything else stays as it was")
    func adds() throws {
        #expect(try adding(Self.list) == "\(Self.others),\(Self.entry)]}\n")
    }

    @Test("A list with the plugin at its end is left alone; other settings, or another place, are put right")
    func again() throws {
        let first = try #require(try adding(Self.list))
        #expect(try adding(first) == nil)
        var other = CNIConfiguration()
        other.whenAway = .allow
        let changed = try #require(try adding(first, other))
        #expect(changed.contains("allow") && changed.components(separatedBy: "ambit-cni").count == 2)
        let before = first.replacingOccurrences(of: "," + Self.entry, with: "")
            .replacingOccurrences(of: #""plugins":["#, with: #""plugins":[\#(Self.entry),"#)
        #expect(try adding(before) == first)
    }

    @Test("Removing leaves what was there without it, and nothing to do the second time")
    func removes() throws {
        let first = try #require(try adding(Self.list))
        let without = try #require(try CNIChain.removing(from: Array(first.utf8)))
        #expect(String(decoding: without, as: UTF8.self) == Self.others + "]}\n")
        #expect(try CNIChain.removing(from: without) == nil)
    }

    @Test("What is no list is refused", arguments: ["", "[]", "{}", #"{"plugins":{}}"#, #"{"plugins":[]}"#, "{"])
    func noList(text: String) {
        #expect(throws: KubernetesError.self) { try adding(text) }
    }

    @Test(
        "A list of somebody who means no good is refused, or comes out as it was but for our entry",
        arguments: [
            #"{"plugins":[1,"ambit-cni",null,[{"type":"ambit-cni"}],{"type":7},{}]}"#,
            #"{"plugins":[{"type":"ptp","more":{"plugins":[{"type":"ambit-cni"}]}}],"type":"ambit-cni"}"#,
            #"{"name":"\" , \"plugins\":[]","plugins":[{"type":"ptp"}]}"#,
            #"{"plugins":[{"type":"ptp"}],"deep":\#(String(repeating: "[", count: 100_000))}"#,
            #"{"plugins":[{"type":"ptp"}],"plugins":[{"type":"ambit-cni"}]}"#,
            "{\"plugins\":[{\"type\":\"ptp\"}],\"nul\":\"\u{0}\"}",
        ])
    func hostile(text: String) throws {
        guard let changed = try? CNIChain.adding(CNIConfiguration(), to: Array(text.utf8)) else { return }
        func list(_ octets: some Sequence<UInt8>) throws -> [String: NSObject] {
            try #require(JSONSerialization.jsonObject(with: Data(octets)) as? [String: NSObject])
        }
        let before = try list(text.utf8)
        var after = try list(changed)
        let plugins = try #require(after["plugins"] as? [NSObject])
        #expect(plugins.last == (try list(Self.entry.utf8) as NSDictionary))
        after["plugins"] = plugins.dropLast() as NSArray
        #expect(before == after)
        let without = try #require(try CNIChain.removing(from: changed))
        #expect(try list(without) == before)
    }

    private func withDirectory(_ body: (URL) throws -> Void) throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "ambit-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        try body(directory)
    }

    @Test("The first list by name is changed in place; removing takes list and executable back to what they were")
    func installation() throws {
        try withDirectory { directory in
            let first = directory.appending(path: "05-kindnet.conflist")
            try Data(Self.list.utf8).write(to: first)
            try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: first.path)
            let second = directory.appending(path: "10-other.conflist")
            try Data(Self.list.utf8).write(to: second)
            var installation = CNIInstallation()
            installation.binaryDirectory = directory.path
            installation.listDirectory = directory.path
            let source = directory.appending(path: "ambit-tunnel")
            try Data(RelocatedExecutableTests.executable()).write(to: source)
            #expect(try installation.installBinary(from: source.path, libraries: [first.path]))
            let binary = directory.appending(path: "ambit-cni")
            #expect(FileManager.default.isExecutableFile(atPath: binary.path))
            #expect(try installation.chain() == first.path)
            #expect(try installation.chain() == nil)
            #expect(try Data(contentsOf: second) == Data(Self.list.utf8))
            let mode = try FileManager.default.attributesOfItem(atPath: first.path)[.posixPermissions] as? Int
            #expect(mode == 0o644)
            // Another tool writes the list anew: it is chained again.
            try Data(Self.list.utf8).write(to: first)
            #expect(try installation.chain() == first.path)
            #expect(try installation.remove() == [first.path])
            #expect(String(decoding: try Data(contentsOf: first), as: UTF8.self) == Self.others + "]}\n")
            #expect(!FileManager.default.fileExists(atPath: binary.path))
            #expect(try installation.remove() == [])
            let left = try FileManager.default.contentsOfDirectory(atPath: directory.path)
            #expect(left.sorted() == [first, second, source].map(\.lastPathComponent))
        }
    }

    @Test("Another executable is put beside the one before, which stays until the next; the same one is left alone")
    func upgrades() throws {
        try withDirectory { directory in
            let library = directory.appending(path: "lib.so.1")
            try Data("one".utf8).write(to: library)
            let source = directory.appending(path: "ambit-tunnel")
            try Data(RelocatedExecutableTests.executable()).write(to: source)
            var installation = CNIInstallation()
            installation.binaryDirectory = directory.path
            func install() throws -> Bool {
                try installation.installBinary(from: source.path, libraries: [library.path])
            }
            func target() throws -> String {
                try FileManager.default.destinationOfSymbolicLink(
                    atPath: directory.appending(path: "ambit-cni").path)
            }
            func kept(_ folder: String) throws -> String {
                String(
                    decoding: try Data(contentsOf: directory.appending(path: "\(folder)/lib.so.1")), as: UTF8.self)
            }
            #expect(try install())
            #expect(try target() == ".ambit-cni-a/ambit-cni")
            #expect(try !install())
            try Data("two".utf8).write(to: library)
            #expect(try install())
            #expect(try target() == ".ambit-cni-b/ambit-cni")
            #expect(try kept(".ambit-cni-a") == "one")
            #expect(try kept(".ambit-cni-b") == "two")
            // What lies in the folder that is filled next goes.
            try Data().write(to: directory.appending(path: ".ambit-cni-a/of-long-ago"))
            try Data("three".utf8).write(to: library)
            #expect(try install())
            #expect(try kept(".ambit-cni-a") == "three")
            #expect(
                try FileManager.default.contentsOfDirectory(
                    atPath: directory.appending(path: ".ambit-cni-a").path
                ).sorted() == ["ambit-cni", "lib.so.1"])
        }
    }

    @Test("A list that is written anew gets the entry back as it was, with what the operator had set")
    func keeps() throws {
        try withDirectory { directory in
            let file = directory.appending(path: "05-kindnet.conflist")
            try Data(Self.list.utf8).write(to: file)
            var installation = CNIInstallation()
            installation.listDirectory = directory.path
            installation.configuration.whenAway = .allow
            _ = try installation.chain()
            let chained = try Data(contentsOf: file)
            var other = CNIInstallation()
            other.listDirectory = directory.path
            var last: [UInt8]?
            #expect(try other.keep(&last) == nil)
            try Data(Self.list.utf8).write(to: file)
            #expect(try other.keep(&last) == file.path)
            #expect(try Data(contentsOf: file) == chained)
        }
    }

    @Test("Without a list, or behind a single plugin's file, there is nothing to be chained into")
    func noLists() throws {
        try withDirectory { directory in
            var installation = CNIInstallation()
            installation.listDirectory = directory.path
            #expect(throws: CNIError.self) { try installation.chain() }
            try Data(#"{"type":"bridge"}"#.utf8).write(to: directory.appending(path: "01-bridge.conf"))
            try Data(Self.list.utf8).write(to: directory.appending(path: "10-other.conflist"))
            #expect(throws: CNIError.self) { try installation.chain() }
        }
    }
}
