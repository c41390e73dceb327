// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@Suite("ambit-tunnel usage")
struct UsageTests {
    @Test(
        "Bad usage ends with 64 and one line",
        arguments: [
            ([], "ambit-tunnel: no command; try ambit-tunnel --help"),
            (["rnu"], "ambit-tunnel: unknown command \"rnu\"; did you mean run?"),
            (["zebra"], "ambit-tunnel: unknown command \"zebra\"; try ambit-tunnel --help"),
            (
                ["run"],
                "ambit-tunnel run: --config DIR (the folder with the mesh's manifests) or --kubernetes is needed; "
                    + "try ambit-tunnel run --help"
            ),
            (
                ["run", "--config"],
                "ambit-tunnel run: --config needs a value: --config DIR; try ambit-tunnel run --help"
            ),
            (
                ["run", "--no-such-option"],
                "ambit-tunnel run: unknown option --no-such-option; try ambit-tunnel run --help"
            ),
            (
                ["run", "--node", "n", "surplus"],
                "ambit-tunnel run: unexpected argument \"surplus\"; try ambit-tunnel run --help"
            ),
            (
                ["run", "--config", "/x", "--metrics-port", "15000"],
                "ambit-tunnel run: --admin-port and --metrics-port are both 15000; choose two ports"
            ),
            (
                ["run", "--config", "/x", "--trust-domain", "Cluster.Local"],
                "ambit-tunnel run: --trust-domain: \"Cluster.Local\" is not a trust domain (lower-case letters, digits, dots, dashes, underscores)"
            ),
            (
                ["run", "--config", "/x", "--log-level", "loud"],
                "ambit-tunnel run: --log-level: \"loud\" is not a list of log levels; write for example info,access:debug"
            ),
            (
                ["log", "--level", "pol:info"],
                "ambit-tunnel log: --level: unknown log scope \"pol\"; scopes are access, main, proxy, pool, tls, identity, config, redirection, authorization, admin, log"
            ),
            (["connections", "--interval", "1ms"], "ambit-tunnel connections: --interval: at least 100ms"),
            (["version", "--long"], "ambit-tunnel version: unexpected argument \"--long\"; try ambit-tunnel version"),
        ] as [([String], String)])
    func badUsage(words: [String], line: String) throws {
        let result = try CommandLineTool.run(words)
        #expect(result.status == 64)
        #expect(result.errors == line + "\n")
        #expect(result.output.isEmpty)
    }

    @Test(
        "Every command explains itself, with examples, and ends with 0",
        arguments: [
            "run", "check", "workloads", "services", "policies", "certificates", "connections", "log", "version",
        ])
    func help(command: String) throws {
        let result = try CommandLineTool.run([command, "--help"])
        #expect(result.status == 0)
        #expect(result.output.contains("\nUsage: ambit-tunnel \(command)"))
        #expect(result.output.contains("\nExamples:\n"))
        #expect(result.output.split(separator: "\n").allSatisfy { $0.count <= 110 })
        let overview = try CommandLineTool.run(["--help"])
        #expect(overview.status == 0 && overview.output.contains("\n  \(command) "))
    }

    @Test("The version is one line")
    func version() throws {
        let result = try CommandLineTool.run(["version"])
        #expect(result.status == 0)
        #expect(result.output.hasPrefix("ambit-tunnel ") && result.output.split(separator: "\n").count == 1)
    }

    @Test("Asking where no tunnel runs ends with 1 and one line", arguments: ["workloads", "connections", "log"])
    func noTunnel(command: String) throws {
        let result = try CommandLineTool.run([command, "--admin", "127.0.0.1:1"])
        #expect(result.status == 1)
        #expect(result.errors.hasPrefix("ambit-tunnel \(command): no tunnel answers on 127.0.0.1:1 ("))
        #expect(result.errors.split(separator: "\n").count == 1)
    }

    @Test("A check says what is lacking, and ends with 1 when that is needed")
    func check() throws {
        let missing = try CommandLineTool.run(["check", "--config", "/nonexistent"])
        #expect(missing.status == 1)
        #expect(missing.output.contains("\nFAIL  configuration folder /nonexistent: cannot be read: "))
    }

    @Test("A check names the manifests that cannot be understood, and what in others has no effect")
    func checkManifests() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("ambit-check-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appendingPathComponent("mesh.yaml")
        try "apiVersion: v1\nkind: Namespace\nmetadata: {name: [}\n".write(to: file, atomically: true, encoding: .utf8)
        let broken = try CommandLineTool.run(["check", "--config", folder.path])
        #expect(broken.status == 1)
        #expect(broken.output.contains("\nFAIL  manifest: mesh.yaml:3: "))
        try "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n".write(to: file, atomically: true, encoding: .utf8)
        #expect(try !CommandLineTool.run(["check", "--config", folder.path]).output.contains("manifest:"))
    }

    @Test("docs/operations.md explains every option of run")
    func documented() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let document = try String(contentsOf: root.appendingPathComponent("docs/operations.md"), encoding: .utf8)
        let help = try CommandLineTool.run(["run", "--help"]).output
        let options = help.split(separator: "\n").filter { $0.hasPrefix("  --") }
            .map { $0.dropFirst(2).prefix { $0 != " " } }
        #expect(options.count > 30)
        for option in options { #expect(document.contains("`\(option)"), "\(option) is not explained") }
    }
}
