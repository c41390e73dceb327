// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Mesh

extension ObjectDecoder {
    private static let ignoredMetadata: Set<String> = [
        "clusterName", "deletionGracePeriodSeconds", "finalizers", "generateName", "generation", "managedFields",
        "resourceVersion", "selfLink",
    ]

    /// Reads an object's kind-independent part, and names the object in findings from here on.
    ///
    /// A policy without a usable name is called after its line: it must fail closed, not disappear.
    ///
    /// - Returns: the key and, as far as it could be read, the metadata; nil when the object cannot be named. What is wrong is
    ///   noted.
    mutating func identity(of node: YAMLNode, _ kind: ObjectKind) -> (key: ObjectKey, metadata: ObjectMetadata)? {
        var name: String?
        var namespace: String?
        if let metadata = node["metadata"] {
            // The name goes first, so that findings about other metadata have it.
            name = metadata["name"]?.string
            namespace = metadata["namespace"]?.string
        }
        if !kind.isClusterScoped, namespace ?? "" == "" { namespace = "default" }
        if kind.isClusterScoped { namespace = "" }
        var key = ObjectKey(kind: kind, namespace: namespace ?? "", name: name ?? "")
        if let name, Self.isName(name), Self.isName(key.namespace) || key.namespace.isEmpty {
            objectName = key.description
        }
        let errorsBefore = errorCount
        var metadata = ObjectMetadata()
        field("metadata", of: node) { decoder, value in
            metadata = decoder.metadata(value)
        }
        // A policy that says nothing of its namespace is in `default`; one whose words cannot be read may be anywhere.
        if kind.failsClosed, let written = node["metadata"], !Self.tellsNamespace(written) { return nil }
        if !Self.isName(key.name) {
            if errorCount == errorsBefore { report(.error, at: node, "the object has no metadata.name; ignored") }
            guard kind.failsClosed else { return nil }
            key.name = "line-\(node.position.line)"
        }
        guard Self.isName(key.namespace) || kind.isClusterScoped else { return nil }
        return (key, metadata)
    }

    private static func tellsNamespace(_ metadata: YAMLNode) -> Bool {
        guard !metadata.isNull else { return true }
        guard metadata.kind == .mapping else { return false }
        guard let namespace = metadata["namespace"], !namespace.isNull else { return true }
        return namespace.string != nil
    }

    private mutating func metadata(_ node: YAMLNode) -> ObjectMetadata {
        var result = ObjectMetadata()
        fields(node) { decoder, key, value in
            switch key {
            case "name", "namespace":
                if let text = decoder.string(value), !(key == "namespace" && text.isEmpty), !Self.isName(text) {
                    decoder.report(
                        .error, at: value, "must be a DNS name: lower-case letters, digits, - and ., at most 253")
                }
            case "uid": result.uid = value.string.flatMap { PodUID($0) }
            case "labels": result.labels = decoder.stringMap(value)
            case "annotations": result.annotations = decoder.stringMap(value)
            case "creationTimestamp":
                if let text = decoder.string(value) { result.creationTimestamp = timestamp(text) ?? 0 }
            case "deletionTimestamp": result.isDeleting = !value.isNull
            case "ownerReferences": result.controller = decoder.controller(value)
            default: return Self.ignoredMetadata.contains(key)
            }
            return true
        }
        return result
    }

    private mutating func controller(_ node: YAMLNode) -> ObjectMetadata.OwnerReference? {
        var result: ObjectMetadata.OwnerReference?
        list(node) { decoder, element in
            guard element["controller"]?.boolean == true || element["controller"] == nil, result == nil else { return }
            guard let kind = element["kind"]?.string, let name = element["name"]?.string else {
                decoder.report(.error, at: element, "an owner must have a kind and a name")
                return
            }
            result = ObjectMetadata.OwnerReference(kind: kind, name: name)
        }
        return result
    }

    /// A DNS-1123 subdomain: what the API server takes for the name of every kind we read.
    static func isName(_ text: String) -> Bool {
        guard (1...253).contains(text.utf8.count), let first = text.utf8.first, let last = text.utf8.last else {
            return false
        }
        func isAlphanumeric(_ octet: UInt8) -> Bool {
            (0x30...0x39).contains(octet) || (0x61...0x7A).contains(octet)
        }
        return isAlphanumeric(first) && isAlphanumeric(last)
            && text.utf8.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".") }
    }

    /// Reads a Kubernetes label selector with `matchLabels` and `matchExpressions`.
    mutating func labelSelector(_ node: YAMLNode) -> LabelSelector {
        var selector = LabelSelector()
        fields(node) { decoder, key, value in
            switch key {
            case "matchLabels": selector.matchLabels = decoder.stringMap(value)
            case "matchExpressions":
                decoder.list(value) { decoder, element in
                    if let requirement = decoder.requirement(element) { selector.matchExpressions.append(requirement) }
                }
            default: return false
            }
            return true
        }
        return selector
    }

    private mutating func requirement(_ node: YAMLNode) -> LabelSelector.Requirement? {
        var label: String?
        var relation: String?
        var values: [String] = []
        fields(node) { decoder, key, value in
            switch key {
            case "key": label = decoder.string(value)
            case "operator": relation = decoder.string(value)
            case "values": values = decoder.strings(value)
            default: return false
            }
            return true
        }
        switch (label, relation) {
        case (let label?, "In"): return .in(key: label, values: values)
        case (let label?, "NotIn"): return .notIn(key: label, values: values)
        case (let label?, "Exists"): return .exists(key: label)
        case (let label?, "DoesNotExist"): return .doesNotExist(key: label)
        default:
            report(.error, at: node, "needs a key, and an operator In, NotIn, Exists or DoesNotExist")
            return nil
        }
    }
}

/// Seconds since 1970 of `2024-05-01T12:00:00Z` (RFC 3339 in UTC, as the API server writes it); nil for anything else.
func timestamp(_ text: String) -> Int64? {
    let octets = Array(text.utf8)
    guard octets.count >= 20, octets.last == UInt8(ascii: "Z") else { return nil }
    func number(_ range: Range<Int>) -> Int64? {
        var value: Int64 = 0
        for octet in octets[range] {
            guard (0x30...0x39).contains(octet) else { return nil }
            value = value * 10 + Int64(octet - 0x30)
        }
        return value
    }
    guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10), let hour = number(11..<13),
        let minute = number(14..<16), let second = number(17..<19), (1...12).contains(month), (1...31).contains(day),
        hour < 24, minute < 60, second <= 60
    else { return nil }
    // Days from civil date (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
    let shifted = month <= 2 ? year - 1 : year
    let era = shifted / 400
    let yearOfEra = shifted - era * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    let days = era * 146_097 + dayOfEra - 719_468
    return days * 86_400 + hour * 3_600 + minute * 60 + second
}
