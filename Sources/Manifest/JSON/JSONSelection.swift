// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// Which parts of a JSON value are read; `JSONParser` checks the rest and passes over it.
///
/// ```
/// JSONSelection(.only(["metadata": .except(["managedFields": .nothing]), "spec": .only(["nodeName": .everything])]))
/// ```
/// What is said of a list counts for each of its elements; of a scalar, that it is read.
package struct JSONSelection: Sendable {
    /// A part of a value.
    package indirect enum Part: Sendable {
        /// All of it.
        case everything
        /// It is passed over.
        case nothing
        /// Of an object these members, as is said of them, and no other.
        case only([String: Part])
        /// Of an object every member but these, of which is read what is said of them.
        case except([String: Part])
        /// Of an object the members named `DOMAIN/...` where the domain ends with one of the first, and those that are named.
        case domains([String], and: [String])
    }

    /// What is read of one object: children are places in `nodes`, or one of the numbers below.
    private struct Node: Sendable {
        var names: [[UInt8]] = []
        var children: [Int] = []
        var domains: [[UInt8]] = []
        var others = JSONSelection.nothing
    }

    static let everything = -1
    static let nothing = -2

    private var nodes: [Node] = []
    /// What is read of the value itself.
    private(set) var root = JSONSelection.everything

    /// All of a value.
    package init() {}

    /// A part of a value.
    package init(_ part: Part) {
        root = add(part)
    }

    private mutating func add(_ part: Part) -> Int {
        var node = Node()
        switch part {
        case .everything: return Self.everything
        case .nothing: return Self.nothing
        case .only(let members): add(members, to: &node)
        case .except(let members):
            add(members, to: &node)
            node.others = Self.everything
        case .domains(let domains, let names):
            node.domains = domains.map { Array($0.utf8) }
            add(Dictionary(uniqueKeysWithValues: names.map { ($0, .everything) }), to: &node)
        }
        nodes.append(node)
        return nodes.count - 1
    }

    private mutating func add(_ members: [String: Part], to node: inout Node) {
        for (name, part) in members {
            node.names.append(Array(name.utf8))
            node.children.append(add(part))
        }
    }

    /// What is read of a member of an object of which `place` says what is read.
    func member(_ name: ArraySlice<UInt8>, of place: Int) -> Int {
        guard place >= 0 else { return place }
        let names = nodes[place].names
        for index in names.indices where names[index].count == name.count && names[index].elementsEqual(name) {
            return nodes[place].children[index]
        }
        guard !nodes[place].domains.isEmpty, let slash = name.firstIndex(of: UInt8(ascii: "/")) else {
            return nodes[place].others
        }
        let domain = name[..<slash]
        let isRead = nodes[place].domains.contains {
            domain.count >= $0.count && domain.suffix($0.count).elementsEqual($0)
        }
        return isRead ? Self.everything : nodes[place].others
    }
}
