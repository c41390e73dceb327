// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Manifest
internal import Testing

@testable internal import Operator

/// A text, an edit, and what comes of it.
struct Edit: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let before: String
    /// nil: the edit must be refused.
    let after: String?

    init(_ description: String, _ before: String, _ after: String?) {
        testDescription = description
        self.before = before
        self.after = after
    }
}

private let head = "apiVersion: v1\nkind: Namespace\nmetadata:\n"
private let label = "istio.io/use-waypoint"
private let namespace = ObjectKey(kind: .namespace, namespace: "", name: "shop")

private func setLabel(_ text: String, _ value: ManifestValue = .text("gate")) throws -> String {
    let result = try ManifestText(Array(text.utf8)).setting(["metadata", "labels", label], of: namespace, to: value)
    return String(decoding: result.octets, as: UTF8.self)
}

private func remove(_ text: String) throws -> String {
    let result = try ManifestText(Array(text.utf8)).removing(["metadata", "labels", label], of: namespace)
    return String(decoding: result.octets, as: UTF8.self)
}

@Suite("Manifest text: a label is set and nothing else")
struct LabelSettingTests {
    @Test(
        "Everything but the label keeps its place, its comments and its way of writing",
        arguments: [
            Edit(
                "no labels yet", head + "  name: shop  # ours\nspec: {}\n",
                head + "  name: shop  # ours\n  labels:\n    \(label): gate\nspec: {}\n"),
            Edit(
                "behind the labels there are",
                head + "  labels:\n    # the team\n    team: red # really\n\n    app: shop\n  name: shop\n",
                head
                    + "  labels:\n    # the team\n    team: red # really\n\n    app: shop\n    \(label): gate\n  name: shop\n"
            ),
            Edit(
                "wide indentation is taken over", head + "      labels:\n              team: red\n      name: shop\n",
                head + "      labels:\n              team: red\n              \(label): gate\n      name: shop\n"),
            Edit(
                "another value, comment kept", head + "  name: shop\n  labels:\n    \(label): old   # why\n    b: c\n",
                head + "  name: shop\n  labels:\n    \(label): gate   # why\n    b: c\n"),
            Edit(
                "double quotes stay", head + "  name: shop\n  labels: {\"\(label)\": \"old\", b: c}\n",
                head + "  name: shop\n  labels: {\"\(label)\": \"gate\", b: c}\n"),
            Edit(
                "single quotes stay", head + "  name: shop\n  labels:\n    '\(label)': 'o''ld'\n",
                head + "  name: shop\n  labels:\n    '\(label)': 'gate'\n"),
            Edit(
                "a quoted value over two lines",
                head + "  name: shop\n  labels:\n    \(label): \"ol\n      d\" # x\n    a: b\n",
                head + "  name: shop\n  labels:\n    \(label): \"gate\" # x\n    a: b\n"),
            Edit(
                "the same value changes nothing", head + "  name: shop\n  labels: {  \(label):   gate }\n",
                head + "  name: shop\n  labels: {  \(label):   gate }\n"),
            Edit(
                "flow labels", head + "  name: shop\n  labels: { team: red }\n",
                head + "  name: shop\n  labels: { \(label): gate, team: red }\n"),
            Edit(
                "flow labels, empty", head + "  labels: {}   # none yet\n  name: shop\n",
                head + "  labels: {\(label): gate}   # none yet\n  name: shop\n"),
            Edit(
                "labels that are null", head + "  labels:\n  name: shop\n",
                head + "  name: shop\n  labels:\n    \(label): gate\n"),
            Edit(
                "flow metadata", "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n",
                "apiVersion: v1\nkind: Namespace\nmetadata: {labels: {\(label): gate}, name: shop}\n"),
            Edit(
                "JSON on one line", #"{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop"}}"#,
                #"{"apiVersion":"v1","kind":"Namespace","metadata":{"labels": {"\#(label)": "gate"}, "name":"shop"}}"#),
            Edit(
                "JSON over lines",
                "{\n  \"apiVersion\": \"v1\",\n  \"kind\": \"Namespace\",\n  \"metadata\": {\n    \"name\": \"shop\"\n  }\n}\n",
                "{\n  \"apiVersion\": \"v1\",\n  \"kind\": \"Namespace\",\n  \"metadata\": {\n    \"labels\": {\"\(label)\": \"gate\"},\n    \"name\": \"shop\"\n  }\n}\n"
            ),
            Edit(
                "no line break at the end", head + "  name: shop",
                head + "  name: shop\n  labels:\n    \(label): gate"),
            Edit(
                "CR LF stays", "apiVersion: v1\r\nkind: Namespace\r\nmetadata:\r\n  name: shop\r\nspec: {}\r\n",
                "apiVersion: v1\r\nkind: Namespace\r\nmetadata:\r\n  name: shop\r\n  labels:\r\n    \(label): gate\r\nspec: {}\r\n"
            ),
            Edit(
                "a byte order mark stays", "\u{FEFF}" + head + "  name: shop\n",
                "\u{FEFF}" + head + "  name: shop\n  labels:\n    \(label): gate\n"),
            Edit(
                "one document of several",
                "# file\n---\n" + head + "  name: other\n---\n" + head
                    + "  name: shop\n# end of shop\n---\n# next\nkind: Pod\n...\n",
                "# file\n---\n" + head + "  name: other\n---\n" + head
                    + "  name: shop\n  labels:\n    \(label): gate\n# end of shop\n---\n# next\nkind: Pod\n...\n"),
            Edit(
                "an item of a List",
                "kind: List\napiVersion: v1\nitems:\n- apiVersion: v1\n  kind: Namespace\n  metadata:\n    name: shop\n- apiVersion: v1\n  kind: Namespace\n  metadata: {name: b}\n",
                "kind: List\napiVersion: v1\nitems:\n- apiVersion: v1\n  kind: Namespace\n  metadata:\n    name: shop\n    labels:\n      \(label): gate\n- apiVersion: v1\n  kind: Namespace\n  metadata: {name: b}\n"
            ),
            Edit(
                "an anchor that nobody else uses", head + "  name: shop\n  labels: &own\n    a: b\n",
                head + "  name: shop\n  labels: &own\n    a: b\n    \(label): gate\n"),
            Edit(
                "a block scalar above",
                head + "  name: shop\n  annotations:\n    note: |\n      text\n\n      more\n\nspec: {}\n",
                head
                    + "  name: shop\n  annotations:\n    note: |\n      text\n\n      more\n  labels:\n    \(label): gate\n\nspec: {}\n"
            ),
            Edit(
                "labels merged from a default keep their merge",
                head + "  annotations: &all {a: b}\n  name: shop\n  labels:\n    <<: *all\n    c: d\n",
                head
                    + "  annotations: &all {a: b}\n  name: shop\n  labels:\n    <<: *all\n    c: d\n    \(label): gate\n"
            ),
            Edit(
                "other characters than ASCII before the place", head + "  labels: {tëam: rød}\n  name: shop\n",
                head + "  labels: {\(label): gate, tëam: rød}\n  name: shop\n"),
        ])
    func set(_ edit: Edit) throws {
        let after = try setLabel(edit.before)
        #expect(after == edit.after)
        #expect(try setLabel(after) == after)
    }

    @Test(
        "What cannot be changed safely is refused, and says that it is to be done by hand",
        arguments: [
            Edit(
                "an alias to the labels of another place",
                head + "  name: shop\n  annotations: &all\n    a: b\n  labels: *all\n", nil),
            Edit(
                "the anchor of labels used elsewhere",
                head + "  name: shop\n  labels: &all\n    a: b\n  annotations: *all\n", nil),
            Edit(
                "a block scalar as the value", head + "  name: shop\n  labels:\n    \(label): |\n      old\n", nil),
        ])
    func refuse(_ edit: Edit) throws {
        let error = #expect(throws: OperatorError.self) { try setLabel(edit.before) }
        #expect(error?.description.contains("by hand") == true)
    }

    @Test("An object that is not there is an error") func missing() throws {
        #expect(throws: OperatorError.self) { try setLabel(head + "  name: other\n") }
    }

    @Test(
        "A value that YAML would take for something else is written in quotes",
        arguments: [("true", "\"true\""), ("8", "\"8\""), ("a b", "\"a b\""), ("v1.2", "v1.2"), ("No", "\"No\"")])
    func quoting(_ value: String, _ written: String) throws {
        let result = try setLabel(head + "  name: shop\n", .text(value))
        #expect(result == head + "  name: shop\n  labels:\n    \(label): \(written)\n")
    }

    @Test("The label is set at the namespace, not at a Service of the same name") func kindMatters() throws {
        let text =
            "apiVersion: v1\nkind: Service\nmetadata: {name: shop}\n---\n" + head + "  name: shop\n"
        #expect(try setLabel(text).hasPrefix("apiVersion: v1\nkind: Service\nmetadata: {name: shop}\n---\n"))
    }
}

@Suite("Manifest text: a label is taken off, and an object out")
struct RemovalTests {
    @Test(
        "A label goes with its line, and empty labels go too",
        arguments: [
            Edit("none there", head + "  name: shop\n", head + "  name: shop\n"),
            Edit(
                "one of several",
                head + "  name: shop\n  labels:\n    a: b # a\n    \(label): gate\n    # about c\n    c: d\n",
                head + "  name: shop\n  labels:\n    a: b # a\n    # about c\n    c: d\n"),
            Edit(
                "the only one", head + "  labels:\n    \(label): gate\n  name: shop\n", head + "  name: shop\n"),
            Edit(
                "flow, first", head + "  name: shop\n  labels: {\(label): gate, a: b}\n",
                head + "  name: shop\n  labels: {a: b}\n"),
            Edit(
                "flow, last", head + "  name: shop\n  labels: { a: 'x, }', \(label): gate }\n",
                head + "  name: shop\n  labels: { a: 'x, }'}\n"),
            Edit(
                "the last line, without a line break", head + "  name: shop\n  labels:\n    a: b\n    \(label): gate",
                head + "  name: shop\n  labels:\n    a: b\n"),
            Edit(
                "JSON",
                #"{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop","labels":{"\#(label)":"g"}}}"#,
                #"{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop"}}"#),
        ])
    func unlabel(_ edit: Edit) throws {
        #expect(try remove(edit.before) == edit.after)
    }

    @Test(
        "An object goes with its document; comments that may be about the file stay",
        arguments: [
            Edit("alone", "# all\n" + head + "  name: shop\n", nil),
            Edit(
                "first", "# licence\n" + head + "  name: shop\n---\nkind: A\n", "# licence\n---\nkind: A\n"),
            Edit("last", "kind: A\n---\n# shop\n" + head + "  name: shop\n", "kind: A\n"),
            Edit(
                "in the middle", "kind: A # a\n---\n" + head + "  name: shop\n---\nkind: B\n",
                "kind: A # a\n---\nkind: B\n"),
        ])
    func object(_ edit: Edit) throws {
        let result = try ManifestText(Array(edit.before.utf8)).removingObject(namespace)
        #expect(result.map { String(decoding: $0.octets, as: UTF8.self) } == edit.after)
    }

    @Test("An object in a List stays, with a line that says so") func list() throws {
        let text = "kind: List\napiVersion: v1\nitems:\n- apiVersion: v1\n  kind: Namespace\n  metadata: {name: shop}\n"
        #expect(throws: OperatorError.self) { try ManifestText(Array(text.utf8)).removingObject(namespace) }
    }
}

@Suite("Manifest text: nested values")
struct NestedValueTests {
    private let gateway = ObjectKey(kind: .gateway, namespace: "default", name: "w")
    private let addresses = ManifestValue.sequence([.mapping([("type", .text("Hostname")), ("value", .text("h"))])])

    @Test("A status that is missing is made; one that is there is replaced where it stands")
    func status() throws {
        let text = "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: w}\nspec: {a: b} # spec\n"
        let path = ["status", "addresses"]
        let first = try ManifestText(Array(text.utf8)).setting(path, of: gateway, to: addresses)
        #expect(
            String(decoding: first.octets, as: UTF8.self)
                == text + "status:\n  addresses:\n  - type: Hostname\n    value: h\n")
        let other = ManifestValue.sequence([.mapping([("value", .text("10.0.0.1"))])])
        let second = try first.setting(path, of: gateway, to: other)
        #expect(
            String(decoding: second.octets, as: UTF8.self)
                == text + "status:\n  addresses:\n  - value: \"10.0.0.1\"\n")
    }

    @Test("What is written reads back as what was meant, in block and in flow style")
    func roundTrip() throws {
        let value = ManifestValue.mapping([
            ("a: b", .text("#\"\\\n\u{1}é")), ("empty", .text("")),
            ("list", .sequence([.text("-"), .sequence([.number(3)])])),
            ("none", .mapping([])),
            ("in", .mapping([("x", .sequence([.mapping([("y", .text("null")), ("z", .text("~"))])]))])),
        ])
        for text in [value.document, value.flow(json: true), value.flow(json: false)] {
            let root = try #require(try ManifestText(Array(text.utf8)).documents.first?.root)
            #expect(ManifestValue(root) == value, "\(text)")
        }
    }
}
