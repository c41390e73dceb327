// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import CNI

@Suite("The CNI plugin")
struct CNIPluginTests {
    private static let result =
        #"{"cniVersion":"1.0.0","interfaces":[{"name":"eth0"}],"ips":[{"address":"10.0.0.5/24","interface":0}]}"#
    private static func configuration(
        _ version: String = "1.0.0", more: String = "", socket: String = "/nowhere/cni.sock"
    ) -> String {
        #"{"cniVersion":"\#(version)","name":"n","type":"ambit-cni","socket":"\#(socket)","prevResult":\#(result)\#(more)}"#
    }
    private static let pod: [String: String] = [
        "CNI_CONTAINERID": "c1", "CNI_NETNS": "/run/netns/x", "CNI_IFNAME": "eth0",
        "CNI_ARGS": "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-1;"
            + "K8S_POD_UID=2b7e0a3c-9d41-4c5e-8f10-0123456789ab",
    ]

    private func call(
        _ command: String, _ input: String, _ environment: [String: String] = pod
    ) -> (text: String, isGood: Bool) {
        var environment = environment
        environment["CNI_COMMAND"] = command
        let values = environment
        let output = CNIPlugin(environment: { values[$0] }, input: Array(input.utf8)).run()
        return (String(decoding: output.text, as: UTF8.self), output.isGood)
    }

    @Test("VERSION names all versions, also without a configuration")
    func version() {
        let output = call("VERSION", "")
        #expect(output.isGood)
        #expect(
            output.text == #"{"cniVersion":"1.1.0","supportedVersions":["0.3.1","0.4.0","1.0.0","1.1.0"]}"# + "\n")
    }

    @Test("The result of the plugins before is passed on, in each version", arguments: CNIConfiguration.versions)
    func passesOn(version: String) {
        let output = call("ADD", Self.configuration(version, more: #","whenAway":"allow""#))
        #expect(output.isGood && output.text == Self.result + "\n")
    }

    @Test("Mistakes have the numbers of the specification")
    func errors() {
        let good = Self.configuration()
        func code(_ output: (text: String, isGood: Bool)) -> String {
            output.isGood ? "good" : String(output.text.split(separator: ",")[1])
        }
        #expect(code(call("ADD", "[")) == #""code":6"#)
        #expect(code(call("ADD", Self.configuration("0.2.0"))) == #""code":1"#)
        #expect(code(call("ADD", Self.configuration("2.0.0"))) == #""code":1"#)
        #expect(code(call("JUMP", good)) == #""code":4"#)
        #expect(code(call("", good)) == #""code":4"#)
        #expect(code(call("ADD", #"{"cniVersion":"1.0.0","name":"n"}"#)) == #""code":7"#)
        #expect(code(call("ADD", Self.configuration(more: #","whenAway":"perhaps""#))) == #""code":7"#)
        #expect(code(call("ADD", Self.configuration(more: #","timeoutSeconds":0"#))) == #""code":7"#)
        for name in ["CNI_NETNS", "CNI_CONTAINERID"] {
            var environment = Self.pod
            environment[name] = nil
            #expect(code(call("ADD", good, environment)) == #""code":4"#)
        }
    }

    @Test("While the tunnel is away, only pods of enrolled namespaces wait, unless the setting is another")
    func away() throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "ambit-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: file) }
        func add(_ setting: String) -> Bool {
            let more = #","whenAway":"\#(setting)","enrolledNamespaces":"\#(file.path)""#
            return call("ADD", Self.configuration(more: more)).isGood
        }
        #expect(add("fail-enrolled") && add("allow") && !add("fail"), "no tunnel has ever run")
        try Data("shopping\nother\n".utf8).write(to: file)
        #expect(add("fail-enrolled"))
        try Data("other\nshop\n".utf8).write(to: file)
        #expect(!add("fail-enrolled") && add("allow"))
    }

    @Test("A list of enrolled namespaces that cannot be read holds every pod back")
    func unreadableList() throws {
        let more = #","whenAway":"fail-enrolled","enrolledNamespaces":"\#(NSTemporaryDirectory())""#
        #expect(!call("ADD", Self.configuration(more: more)).isGood, "a folder")
    }

    @Test("Pods of the tunnel's own namespace never wait for the tunnel", arguments: ["fail", "fail-enrolled"])
    func ownNamespace(setting: String) throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "ambit-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: file) }
        try Data("ambit-system\nshop\n".utf8).write(to: file)
        func add(_ more: String) -> Bool {
            let settings = #","whenAway":"\#(setting)","enrolledNamespaces":"\#(file.path)"\#(more)"#
            return call("ADD", Self.configuration(more: settings)).isGood
        }
        #expect(!add("") && add(#","ownNamespace":"shop""#))
        var environment = Self.pod
        environment["CNI_ARGS"] = "K8S_POD_NAMESPACE=ambit-system;K8S_POD_NAME=ambit-tunnel-x;K8S_POD_UID=u"
        #expect(call("ADD", Self.configuration(more: #","whenAway":"\#(setting)""#), environment).isGood)
    }

    @Test("DEL, GC and STATUS never fail for want of a tunnel; what is no pod is no business of ours")
    func others() {
        for command in ["DEL", "GC", "STATUS"] { #expect(call(command, Self.configuration()).isGood) }
        // Otherwise the node would not start its tunnel either.
        #expect(call("STATUS", Self.configuration(more: #","whenAway":"fail""#)).isGood)
        var environment = Self.pod
        environment["CNI_ARGS"] = nil
        #expect(call("ADD", Self.configuration(more: #","whenAway":"fail""#), environment).isGood)
    }

    @Test("DEL succeeds whatever our settings say by now: what came in has to be able to go")
    func leaves() {
        for more in [#","whenAway":"perhaps""#, #","timeoutSeconds":0"#, #","ownNamespace":7"#] {
            #expect(!call("ADD", Self.configuration(more: more)).isGood)
            #expect(call("DEL", Self.configuration(more: more)).isGood)
        }
        #expect(!call("DEL", "[").isGood && !call("DEL", Self.configuration("0.2.0")).isGood)
        var environment = Self.pod
        environment["CNI_NETNS"] = nil
        #expect(call("DEL", Self.configuration(), environment).isGood, "the namespace is gone already")
    }

    @Test(
        "What a result says comes out with the same meaning",
        arguments: [
            #"{"cniVersion":"1.1.0","interfaces":[{"name":"eth0","mac":"0a:58:0a:f4:00:05","mtu":1450,"socketPath":"/x"}]}"#,
            #"{"cniVersion":"0.3.1","dns":{},"routes":[{"dst":"0.0.0.0/0","gw":"10.0.0.1"}],"ips":[{"version":"4"}]}"#,
            #"{"cniVersion":"1.0.0","odd":{"n":null,"t":true,"e":[],"s":"yes","v":"1.10","z":"007","d":"2001-01-01"}}"#,
            #"{"cniVersion":"1.0.0","text":"a \"quote\", a \\ and \u00e9, \u2028, 🚀, # no comment: no key"}"#,
            #"{"cniVersion":"1.0.0","big":9007199254740993,"negative":-7,"small":0.25}"#,
        ])
    func sameMeaning(result: String) throws {
        let input =
            #"{"cniVersion":"1.0.0","name":"n","type":"ambit-cni","socket":"/nowhere","whenAway":"allow","prevResult":\#(result)}"#
        let output = call("ADD", input)
        #expect(output.isGood)
        func value(_ text: String) throws -> NSObject? {
            try JSONSerialization.jsonObject(with: Data(text.utf8)) as? NSObject
        }
        #expect(try value(output.text) == value(result))
    }

    @Test("Requests and answers are read as they were written")
    func lines() throws {
        let request = CNIRequest(.add, namespace: "shop", name: "web \"1\"", uid: "u", path: "/run/netns/x")
        #expect(try CNIRequest(request.line) == request)
        let answer = CNIAnswer(.failed, "port 15008 is in use\n")
        #expect(try CNIAnswer(answer.line) == answer)
        #expect(answer.line.dropLast().allSatisfy { $0 != 0x0A })
    }
}
