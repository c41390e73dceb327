// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Mesh

/// An address that a test writes as text.
func ip(_ text: String) -> IPAddress {
    guard let address = IPAddress(text) else { preconditionFailure("no address: \(text)") }
    return address
}

/// A block that a test writes as text.
func cidr(_ text: String) -> CIDR {
    guard let block = CIDR(text) else { preconditionFailure("no block: \(text)") }
    return block
}

extension Workload {
    /// A pod of the namespace `default`, whose uid is its name.
    static func pod(_ name: String, _ addresses: String..., set: (inout Workload) -> Void = { _ in }) -> Workload {
        var workload = Workload(uid: name, name: name, namespace: "default", addresses: addresses.map(ip))
        set(&workload)
        return workload
    }
}

extension Service {
    /// A service `name.namespace` with virtual addresses.
    static func named(
        _ name: String, in namespace: String = "default", hostname: String? = nil, vips: [String] = [],
        set: (inout Service) -> Void = { _ in }
    ) -> Service {
        var service = Service(
            name: name, namespace: namespace, hostname: hostname ?? "\(name).\(namespace).svc.cluster.local")
        service.vips = vips.map(cidr)
        set(&service)
        return service
    }
}

extension MeshModel {
    /// A model that holds what `set` puts there, and a pod `client` at 10.9.9.9 in each of the namespaces a and b.
    static func with(_ set: (inout MeshModel) -> Void) -> MeshModel {
        var model = MeshModel()
        for namespace in ["a", "b"] {
            model.workloads.append(Workload(uid: "client-\(namespace)", name: "client", namespace: namespace))
        }
        set(&model)
        return model
    }
}

extension MeshSnapshot {
    /// The uid of the workload at an address, seen from the network "".
    func uid(at address: String) -> String? {
        guard let source = workload(uid: "client-a") else { return nil }
        return workload(at: ip(address), seenFrom: source).map { self[self[$0].uid] }
    }

    /// The namespace and name of the service at an address, seen from a namespace that has a client.
    func service(at address: String, from namespace: String) -> String? {
        guard let client = workload(uid: "client-\(namespace)") else { return nil }
        return service(at: ip(address), seenFrom: self[client].namespace).map { text($0) }
    }

    /// The namespace and name of the service of a hostname, seen from a namespace that has a client.
    func service(hostname: String, from namespace: String) -> String? {
        guard let client = workload(uid: "client-\(namespace)") else { return nil }
        return service(hostname: hostname, seenFrom: self[client].namespace).map { text($0) }
    }

    private func text(_ service: ServiceIndex) -> String {
        "\(self[self[service].namespace])/\(self[self[service].name])"
    }
}
