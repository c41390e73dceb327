// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import Kubernetes

@Suite("ClusterCredentials")
struct ClusterCredentialsTests {
    private func kubeconfig(
        server: String = "https://10.0.0.1:6443", cluster: String = "certificate-authority-data: Zm9v",
        user: String = "token: abc"
    ) -> [UInt8] {
        Array(
            """
            apiVersion: v1
            kind: Config
            current-context: one
            contexts:
            - name: one
              context: {cluster: c, user: u, namespace: shop}
            - name: lost
              context: {cluster: nowhere, user: u}
            clusters:
            - name: c
              cluster:
                server: "\(server)"
                \(cluster)
            users:
            - name: u
              user: {\(user)}
            """.utf8)
    }

    @Test("A kubeconfig says where, whom to trust and who we are")
    func complete() throws {
        let found = try ClusterCredentials.read(kubeconfig: kubeconfig(), context: "", directory: "/d/")
        #expect(found.host == "10.0.0.1" && found.port == 6443 && found.namespace == "shop")
        #expect(try found.readToken() == "abc")
    }

    @Test(
        "Servers are HTTPS with or without a port and a path",
        arguments: [
            ("https://api.example", "api.example:443", ""), ("https://[fd00::1]:6443/", "[fd00::1]:6443", ""),
            ("https://rancher.example/k8s/clusters/c-1", "rancher.example:443", "/k8s/clusters/c-1"),
        ])
    func servers(text: String, authority: String, prefix: String) throws {
        let found = try ClusterCredentials.read(kubeconfig: kubeconfig(server: text), context: "", directory: "")
        #expect(found.authority == authority && found.pathPrefix == prefix)
    }

    @Test(
        "What cannot be used is refused with the reason",
        arguments: [
            ("http://10.0.0.1:8080", "certificate-authority-data: Zm9v", "token: a", "https"),
            ("https://user@host", "certificate-authority-data: Zm9v", "token: a", "https"),
            ("https://host:0", "certificate-authority-data: Zm9v", "token: a", "https"),
            ("https://host", "insecure-skip-tls-verify: true", "token: a", "insecure-skip-tls-verify is refused"),
            ("https://host", "proxy-url: x", "token: a", "certificate-authority"),
            ("https://host", "certificate-authority-data: '*'", "token: a", "certificate-authority"),
            ("https://host", "certificate-authority: ca", "exec: {command: aws}", "not supported"),
            ("https://host", "certificate-authority: ca", "username: a, password: b", "not supported"),
            ("https://host", "certificate-authority: ca", "client-certificate: a", "client certificate and key"),
        ])
    func refused(server: String, cluster: String, user: String, said: String) throws {
        let octets = kubeconfig(server: server, cluster: cluster, user: user)
        let error = try #require(throws: KubernetesError.self) {
            try ClusterCredentials.read(kubeconfig: octets, context: "", directory: "")
        }
        #expect("\(error)".contains(said))
    }

    @Test("Contexts, clusters and users must be there", arguments: ["two", "lost"])
    func missing(context: String) {
        #expect(throws: KubernetesError.self) {
            try ClusterCredentials.read(kubeconfig: kubeconfig(), context: context, directory: "")
        }
    }

    @Test("What is no kubeconfig is refused", arguments: ["", "[]", "a: [", "just text", "\u{0}"])
    func garbage(text: String) {
        #expect(throws: KubernetesError.self) {
            try ClusterCredentials.read(kubeconfig: Array(text.utf8), context: "", directory: "")
        }
    }

    @Test("In a pod the service account's files count, and its token is read anew for each request")
    func inCluster() throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { do { try FileManager.default.removeItem(at: directory) } catch {} }
        try Data("first\n".utf8).write(to: directory.appendingPathComponent("token"))
        try Data("mesh".utf8).write(to: directory.appendingPathComponent("namespace"))
        let variables = ["KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"]
        let found = try #require(
            ClusterCredentials.inCluster(environment: { variables[$0] }, directory: directory.path))
        #expect(found.authority == "[fd00::1]:443" && found.namespace == "mesh")
        #expect(try found.readToken() == "first")
        try Data("second".utf8).write(to: directory.appendingPathComponent("token"))
        #expect(try found.readToken() == "second")
        #expect(ClusterCredentials.inCluster(environment: { _ in nil }, directory: directory.path) == nil)
    }

    @Test("A token that could break out of its header field is none")
    func hostileToken() throws {
        var found = try ClusterCredentials.read(kubeconfig: kubeconfig(), context: "", directory: "")
        for text in ["", " \n", "a b", "a\r\nx: y", "\u{7F}", String(repeating: "a", count: 20_000)] {
            found.token = .data(Array(text.utf8))
            #expect(throws: KubernetesError.self) { try found.readToken() }
        }
    }
}
