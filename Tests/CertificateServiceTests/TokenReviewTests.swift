// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Kubernetes
import Manifest
import Testing

@testable import CertificateService

@Suite("Tokens reviewed by an API server")
struct TokenReviewTests {
    private func outcome(_ status: String) throws -> String {
        let answer = try YAMLDocument.parse(Array(#"{"kind": "TokenReview", \#(status)}"#.utf8))[0].root
        do throws(TokenRefusal) {
            let caller = try TokenReview.caller(answer, audiences: ["istio-ca", "other"])
            return "\(caller.account) \(caller.pod) \(caller.node)"
        } catch {
            return "\(error)"
        }
    }

    @Test(
        "A token is who its review says; what is missing or odd in the answer is a refusal",
        arguments: [
            (
                #""status": {"authenticated": true, "audiences": ["istio-ca"], "user": {"username": "system:serviceaccount:ambit-system:ambit-tunnel", "extra": {"authentication.kubernetes.io/pod-name": ["t-1"], "authentication.kubernetes.io/node-name": ["one"]}}}"#,
                "ambit-system/ambit-tunnel t-1 one"
            ),
            (
                #""status": {"authenticated": true, "audiences": ["other"], "user": {"username": "system:serviceaccount:a:b", "extra": {"authentication.kubernetes.io/node-name": ["one", "two"]}}}"#,
                "a/b  "
            ),
            (#""status": {"authenticated": false, "error": "[invalid bearer token]"}"#, "token is not valid"),
            (#""status": {"error": "service account token has expired"}"#, "token has expired"),
            (
                #""status": {"authenticated": false, "error": "token audiences [x] is invalid for the target audiences [y]"}"#,
                "token is meant for another audience"
            ),
            (
                #""status": {"authenticated": true, "user": {"username": "system:serviceaccount:a:b"}}"#,
                "token is meant for another audience"
            ),
            (
                #""status": {"authenticated": true, "audiences": ["vault"], "user": {"username": "system:serviceaccount:a:b"}}"#,
                "token is meant for another audience"
            ),
            (
                #""status": {"authenticated": true, "audiences": ["istio-ca"], "user": {"username": "kubernetes-admin"}}"#,
                "token belongs to no service account"
            ),
            (
                #""status": {"authenticated": true, "audiences": ["istio-ca"], "user": {"username": "system:serviceaccount:a:b:c"}}"#,
                "token belongs to no service account"
            ),
            (
                #""status": {"authenticated": true, "audiences": ["istio-ca"], "user": {"username": "system:serviceaccount::b"}}"#,
                "token belongs to no service account"
            ),
            (#""status": {"authenticated": true, "audiences": ["istio-ca"]}"#, "token belongs to no service account"),
            (#""spec": {}"#, "token cannot be reviewed now"),
        ])
    func caller(_ status: String, _ expected: String) throws {
        #expect(try outcome(status) == expected)
    }

    @Test("The question is JSON whatever the token")
    func question() throws {
        let made = BearerToken(token: Array("aA0-._~+/==".utf8).span)
        let token = try #require(made)
        let request = TokenReview.request(token, audiences: ["istio-ca", "https://x"])
        let question = try YAMLDocument.parse(request.body)[0].root
        let spec = try #require(question["spec"])
        #expect(spec["token"]?.text == "aA0-._~+/==")
        #expect(spec["audiences"]?.elements.map(\.text) == ["istio-ca", "https://x"])
        #expect(["", "a b", "a\"b", "a\\b", "a\nb", "ä"].allSatisfy { !TokenReview.isAudience($0) })
    }

    private func pod(_ account: String, _ node: String, phase: String = "Running") throws -> ManifestObject {
        let text = """
            {apiVersion: v1, kind: Pod, metadata: {name: p, namespace: n},
             spec: {serviceAccountName: \(account), nodeName: \(node)}, status: {phase: \(phase)}}
            """
        let contents = try ManifestReader().read(Array(text.utf8), file: "")
        return try #require(contents.objects.first)
    }

    @Test("An account runs where it has pods, until the last of them is gone or has finished")
    func placement() throws {
        let index = PodIndex()
        let account = ServiceAccountName(namespace: "n", name: "web")
        func key(_ name: String) -> ObjectKey { ObjectKey(kind: .pod, namespace: "n", name: name) }
        index.set(key("a"), try pod("web", "one"))
        index.set(key("b"), try pod("web", "one"))
        index.set(key("b"), try pod("web", "one"))
        index.set(key("c"), try pod("web", "\"\""))
        #expect(index.runsPod(of: account, onNode: "one") && !index.runsPod(of: account, onNode: ""))
        #expect(index.node(ofPod: "a", of: account) == "one")
        #expect(index.node(ofPod: "a", of: ServiceAccountName(namespace: "n", name: "db")) == nil)
        index.set(key("a"), nil)
        #expect(index.runsPod(of: account, onNode: "one"))
        index.set(key("b"), try pod("web", "one", phase: "Succeeded"))
        #expect(!index.runsPod(of: account, onNode: "one") && index.node(ofPod: "b", of: account) == nil)
        index.set(key("c"), try pod("web", "two"))
        #expect(index.runsPod(of: account, onNode: "two"))
    }
}
